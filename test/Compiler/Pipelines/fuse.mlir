// A BERT layer between embeddings and pooler: five kernels, and what is no part
// of them.
// RUN: bertc-opt %s --bertc-fuse=require=embeddings,qkv,attention,linear-add-norm,feed-forward | FileCheck %s

enc.weight @word = "word" : tensor<100x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
enc.weight @pooler = "pooler" : tensor<8x8xf32>
enc.weight layers 3 @q = "{layer}.q" : tensor<8x8xf32>
enc.weight layers 3 @k = "{layer}.k" : tensor<8x8xf32>
enc.weight layers 3 @v = "{layer}.v" : tensor<8x8xf32>
enc.weight layers 3 @o = "{layer}.o" : tensor<8x8xf32>
enc.weight layers 3 @up = "{layer}.up" : tensor<32x8xf32>
enc.weight layers 3 @up_bias = "{layer}.up_bias" : tensor<32xf32>
enc.weight layers 3 @down = "{layer}.down" : tensor<8x32xf32>
enc.weight layers 3 @b = "{layer}.b" : tensor<8xf32>

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: -> (!enc.tokens<8xf32> {enc.name = "last_hidden_state"}, !enc.sequences<8xf32> {enc.name = "pooler_output"})
// CHECK-NEXT: %[[X:.*]] = enc.fused_embed_norm
// CHECK-NEXT: %[[LAST:.*]] = enc.layers 3 (%[[H:.*]] = %[[X]])
// CHECK-NEXT: %[[QKV:.*]] = enc.fused_qkv %[[H]] query(@q, @b) key(@k, @b) value(@v, @b)
// CHECK-NEXT: %[[M:.*]] = enc.fused_attention %[[QKV]], %{{.*}} scale 5.000000e-01
// CHECK-NEXT: %[[A:.*]] = enc.fused_linear_add_norm %[[M]], %[[H]] weight(@o)
// CHECK-NEXT: %[[N:.*]] = enc.fused_feed_forward %[[A]] activation(gelu) up(@up, @up_bias) down(@down, @b)
// CHECK-NEXT: enc.yield %[[N]]
// CHECK: %[[CLS:.*]] = enc.pool cls %[[LAST]]
// CHECK-NEXT: %[[L:.*]] = enc.linear %[[CLS]] weight(@pooler)
// CHECK-NEXT: %[[T:.*]] = enc.tanh %[[L]]
// CHECK-NEXT: return %[[LAST]], %[[T]]
func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets)
    -> (!enc.tokens<8xf32> {enc.name = "last_hidden_state"}, !enc.sequences<8xf32> {enc.name = "pooler_output"}) {
  %0 = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %1 = enc.embed %types table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %2 = enc.add %0, %1 : !enc.tokens<8xf32>
  %3 = enc.embed %positions table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %4 = enc.add %2, %3 : !enc.tokens<8xf32>
  %x = enc.layer_norm %4 gain(@gain) bias(@bias) epsilon 1.0e-12 : !enc.tokens<8xf32>
  %last = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    %5 = enc.linear %h weight(@q) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %q = enc.split_heads %5 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %6 = enc.linear %h weight(@k) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %k = enc.split_heads %6 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %7 = enc.linear %h weight(@v) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %v = enc.split_heads %7 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
    %p = enc.softmax %s : !enc.scores<2xf32>
    %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
    %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
    %o = enc.linear %m weight(@o) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %r = enc.add %o, %h : !enc.tokens<8xf32>
    %a = enc.layer_norm %r gain(@b) bias(@b) epsilon 1.0e-12 : !enc.tokens<8xf32>
    %u = enc.linear %a weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
    %g = enc.gelu %u : !enc.tokens<32xf32>
    %d = enc.linear %g weight(@down) bias(@b) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
    %t = enc.add %d, %a : !enc.tokens<8xf32>
    %n = enc.layer_norm %t gain(@b) bias(@b) epsilon 1.0e-12 : !enc.tokens<8xf32>
    enc.yield %n : !enc.tokens<8xf32>
  }
  %cls = enc.pool cls %last, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  %l = enc.linear %cls weight(@pooler) bias(@bias) : !enc.sequences<8xf32> -> !enc.sequences<8xf32>
  %t = enc.tanh %l : !enc.sequences<8xf32>
  return %last, %t : !enc.tokens<8xf32>, !enc.sequences<8xf32>
}

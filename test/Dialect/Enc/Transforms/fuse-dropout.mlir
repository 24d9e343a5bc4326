// Dropout between the parts of a fused op becomes a part of it.
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-qkv,enc-fuse-attention,enc-fuse-linear-add-norm,enc-fuse-feed-forward))' | FileCheck %s
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-qkv,enc-fuse-attention,enc-fuse-linear-add-norm,enc-fuse-feed-forward)' | FileCheck %s --check-prefix=SAME

// SAME: 1 enc.fused_attention
// SAME: 1 enc.fused_feed_forward
// SAME: 1 enc.fused_linear_add_norm
// SAME: result0: [9, 6], largest difference 0.0E+00

enc.weight layers 2 @w = "w.{layer}" : tensor<6x6xf32>
enc.weight layers 2 @up = "up.{layer}" : tensor<10x6xf32>
enc.weight layers 2 @up_bias = "up_bias.{layer}" : tensor<10xf32>
enc.weight layers 2 @down = "down.{layer}" : tensor<6x10xf32>
enc.weight layers 2 @b = "b.{layer}" : tensor<6xf32>
enc.weight layers 2 @gain = "gain.{layer}.weight" : tensor<6xf32>

// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[R:[^:]*]]: !enc.random
// CHECK: enc.layers
// CHECK-NOT: enc.dropout
// CHECK: enc.fused_attention %{{.*}}, %{{.*}} scale 5.000000e-01 dropout(%[[R]], site 1, rate 2.500000e-01)
// CHECK: enc.fused_linear_add_norm {{.*}} dropout(%[[R]], site 2, rate 5.000000e-01)
// CHECK: enc.fused_feed_forward {{.*}} dropout(%[[R]], site 3, rate 1.250000e-01)
// CHECK-NOT: enc.dropout
// CHECK: enc.yield
func.func @forward(%x: !enc.tokens<6xf32>, %offsets: !enc.offsets, %random: !enc.random) -> !enc.tokens<6xf32> {
  %last = enc.layers 2 (%h = %x) : !enc.tokens<6xf32> {
    %0 = enc.linear %h weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    %q = enc.split_heads %0 : !enc.tokens<6xf32> -> !enc.tokens<2x3xf32>
    %1 = enc.linear %h weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    %k = enc.split_heads %1 : !enc.tokens<6xf32> -> !enc.tokens<2x3xf32>
    %2 = enc.linear %h weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    %v = enc.split_heads %2 : !enc.tokens<6xf32> -> !enc.tokens<2x3xf32>
    %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x3xf32>, !enc.tokens<2x3xf32> -> !enc.scores<2xf32>
    %p = enc.softmax %s : !enc.scores<2xf32>
    %kept = enc.dropout %p, %random site 1 rate 0.25 : !enc.scores<2xf32>
    %c = enc.context %kept, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x3xf32> -> !enc.tokens<2x3xf32>
    %m = enc.merge_heads %c : !enc.tokens<2x3xf32> -> !enc.tokens<6xf32>
    %o = enc.linear %m weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    %od = enc.dropout %o, %random site 2 rate 0.5 : !enc.tokens<6xf32>
    %r = enc.add %od, %h : !enc.tokens<6xf32>
    %a = enc.layer_norm %r gain(@gain) bias(@b) epsilon 1.0e-5 : !enc.tokens<6xf32>
    %u = enc.linear %a weight(@up) bias(@up_bias) : !enc.tokens<6xf32> -> !enc.tokens<10xf32>
    %g = enc.gelu %u : !enc.tokens<10xf32>
    %d = enc.linear %g weight(@down) bias(@b) : !enc.tokens<10xf32> -> !enc.tokens<6xf32>
    %dd = enc.dropout %d, %random site 3 rate 0.125 : !enc.tokens<6xf32>
    %t = enc.add %dd, %a : !enc.tokens<6xf32>
    %n = enc.layer_norm %t gain(@gain) bias(@b) epsilon 1.0e-5 : !enc.tokens<6xf32>
    enc.yield %n : !enc.tokens<6xf32>
  }
  return %last : !enc.tokens<6xf32>
}

// Every op round trips, in its own syntax and in the generic one.
// RUN: bertc-opt %s | bertc-opt | FileCheck %s
// RUN: bertc-opt %s --mlir-print-op-generic | bertc-opt | FileCheck %s
// RUN: bertc-opt %s --emit-bytecode | bertc-opt | FileCheck %s

// CHECK: enc.weight @word = "embeddings.word_embeddings.weight" : tensor<100x8xf32>
enc.weight @word = "embeddings.word_embeddings.weight" : tensor<100x8xf32>
enc.weight @type = "embeddings.token_type_embeddings.weight" : tensor<2x8xf32>
enc.weight @position = "embeddings.position_embeddings.weight" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>
enc.weight @square = "square" : tensor<8x8xf32>
enc.weight @wide = "wide" : tensor<32x8xf32>
enc.weight @wide_bias = "wide_bias" : tensor<32xf32>
enc.weight @narrow = "narrow" : tensor<8x32xf32>
enc.weight @bias = "bias" : tensor<8xf32>
enc.weight @half = "half" : tensor<8x8xbf16>
// CHECK: enc.weight layers 3 @layered = "layer.{layer}.weight" : tensor<8x8xf32>
enc.weight layers 3 @layered = "layer.{layer}.weight" : tensor<8x8xf32>
// CHECK: enc.weight @private = "p" {sym_visibility = "private"} : tensor<1xi8>
enc.weight @private = "p" {sym_visibility = "private"} : tensor<1xi8>

// CHECK-LABEL: func.func @embed(
// CHECK-SAME: %[[IDS:.*]]: !enc.tokens<i32>
func.func @embed(%ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  // CHECK: enc.embed %[[IDS]] table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %0 = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  return %0 : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @linear(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>, %[[S:.*]]: !enc.sequences<8xf32>, %[[H:.*]]: !enc.tokens<8xbf16>
func.func @linear(%x: !enc.tokens<8xf32>, %s: !enc.sequences<8xf32>, %h: !enc.tokens<8xbf16>) {
  // CHECK: enc.linear %[[X]] weight(@wide) bias(@wide_bias) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  %0 = enc.linear %x weight(@wide) bias(@wide_bias) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  // CHECK: enc.linear %[[X]] weight(@wide) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  %1 = enc.linear %x weight(@wide) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  // CHECK: enc.linear %[[S]] weight(@square) bias(@bias) {plan = {rows = 6 : i64}} : !enc.sequences<8xf32> -> !enc.sequences<8xf32>
  %2 = enc.linear %s weight(@square) bias(@bias) {plan = {rows = 6 : i64}} : !enc.sequences<8xf32> -> !enc.sequences<8xf32>
  // CHECK: enc.linear %[[H]] weight(@half) : !enc.tokens<8xbf16> -> !enc.tokens<8xbf16>
  %3 = enc.linear %h weight(@half) : !enc.tokens<8xbf16> -> !enc.tokens<8xbf16>
  return
}

// CHECK-LABEL: func.func @layer_norm(
func.func @layer_norm(%x: !enc.tokens<8xf32>, %s: !enc.sequences<8xf32>) {
  // CHECK: enc.layer_norm %{{.*}} gain(@gain) bias(@norm_bias) epsilon 9.9999999999999998E-13 : !enc.tokens<8xf32>
  %0 = enc.layer_norm %x gain(@gain) bias(@norm_bias) epsilon 1.0e-12 : !enc.tokens<8xf32>
  // CHECK: enc.layer_norm %{{.*}} gain(@gain) bias(@norm_bias) epsilon 1.000000e+00 : !enc.sequences<8xf32>
  %1 = enc.layer_norm %s gain(@gain) bias(@norm_bias) epsilon 1.0 : !enc.sequences<8xf32>
  return
}

// CHECK-LABEL: func.func @attention(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>, %[[OFFSETS:.*]]: !enc.offsets
func.func @attention(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  // CHECK: %[[H:.*]] = enc.split_heads %[[X]] : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %h = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // CHECK: %[[S:.*]] = enc.scores %[[H]], %[[H]], %[[OFFSETS]] scale 5.000000e-01 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %s = enc.scores %h, %h, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  // CHECK: %[[P:.*]] = enc.softmax %[[S]] : !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  // CHECK: %[[C:.*]] = enc.context %[[P]], %[[H]], %[[OFFSETS]] : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %c = enc.context %p, %h, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  // CHECK: enc.merge_heads %[[C]] : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @elementwise(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>, %[[S:.*]]: !enc.sequences<8xf32>
func.func @elementwise(%x: !enc.tokens<8xf32>, %s: !enc.sequences<8xf32>) {
  // CHECK: enc.gelu %[[X]] : !enc.tokens<8xf32>
  %0 = enc.gelu %x : !enc.tokens<8xf32>
  // CHECK: enc.gelu_tanh %[[X]] : !enc.tokens<8xf32>
  %1 = enc.gelu_tanh %x : !enc.tokens<8xf32>
  // CHECK: enc.relu %[[X]] : !enc.tokens<8xf32>
  %2 = enc.relu %x : !enc.tokens<8xf32>
  // CHECK: enc.silu %[[X]] : !enc.tokens<8xf32>
  %3 = enc.silu %x : !enc.tokens<8xf32>
  // CHECK: enc.tanh %[[S]] : !enc.sequences<8xf32>
  %4 = enc.tanh %s : !enc.sequences<8xf32>
  // CHECK: enc.add %[[X]], %[[X]] : !enc.tokens<8xf32>
  %5 = enc.add %x, %x : !enc.tokens<8xf32>
  return
}

// CHECK-LABEL: func.func @sequences(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>, %[[OFFSETS:.*]]: !enc.offsets
func.func @sequences(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.sequences<8xf32> {
  // CHECK: enc.pool cls %[[X]], %[[OFFSETS]] : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  %0 = enc.pool cls %x, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  // CHECK: enc.pool max %[[X]], %[[OFFSETS]]
  %1 = enc.pool max %x, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  // CHECK: enc.pool mean_sqrt_len %[[X]], %[[OFFSETS]]
  %2 = enc.pool mean_sqrt_len %x, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  // CHECK: %[[MEAN:.*]] = enc.pool mean %[[X]], %[[OFFSETS]]
  %3 = enc.pool mean %x, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  // CHECK: enc.normalize %[[MEAN]] : !enc.sequences<8xf32>
  %4 = enc.normalize %3 : !enc.sequences<8xf32>
  return %4 : !enc.sequences<8xf32>
}

// CHECK-LABEL: func.func @layers(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>
func.func @layers(%x: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  // CHECK: %[[LAST:.*]]:3 = enc.layers 3 (%[[H:.*]] = %[[X]]) collect [0, 3] : !enc.tokens<8xf32> {
  // CHECK-NEXT: %[[NEXT:.*]] = enc.linear %[[H]] weight(@layered)
  // CHECK-NEXT: enc.yield %[[NEXT]] : !enc.tokens<8xf32>
  // CHECK-NEXT: } {note = "kept"}
  %last, %states:2 = enc.layers 3 (%h = %x) collect [0, 3] : !enc.tokens<8xf32> {
    %next = enc.linear %h weight(@layered) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    enc.yield %next : !enc.tokens<8xf32>
  } {note = "kept"}
  // CHECK: enc.layers 5 (%[[H2:.*]] = %[[LAST]]#0) : !enc.tokens<8xf32> {
  %again = enc.layers 5 (%h = %last) : !enc.tokens<8xf32> {
    %next = enc.tanh %h : !enc.tokens<8xf32>
    enc.yield %next : !enc.tokens<8xf32>
  }
  return %again, %states#1 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[IDS:.*]]: !enc.tokens<i32>, %[[OFFSETS:.*]]: !enc.offsets
func.func @fused(%ids: !enc.tokens<i32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  // CHECK: %[[X:.*]] = enc.fused_embed_norm %[[IDS]], %[[IDS]], %[[IDS]] word(@word) type(@type) position(@position) gain(@gain) bias(@norm_bias) epsilon 1.000000e+00 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  %x = enc.fused_embed_norm %ids, %ids, %ids word(@word) type(@type) position(@position) gain(@gain) bias(@norm_bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  // CHECK: %[[QKV:.*]] = enc.fused_qkv %[[X]] query(@square, @bias) key(@square, @bias) value(@square, @bias) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %qkv = enc.fused_qkv %x query(@square, @bias) key(@square, @bias) value(@square, @bias) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  // CHECK: enc.part 1 of %[[QKV]] : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %key = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // CHECK: %{{.*}}, %{{.*}} = enc.fused_attention %[[QKV]], %[[OFFSETS]] scale 5.000000e-01 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
  %ap, %probabilities = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
  // CHECK: %[[STACK:.*]]:2 = enc.layers 2 (%{{.*}} = %[[X]]) : !enc.tokens<8xf32>, !enc.stack<2x!enc.scores<2xf32>> {
  // CHECK-NEXT: enc.yield %{{.*}} saving %{{.*}} : !enc.tokens<8xf32>, !enc.scores<2xf32>
  %same, %stack = enc.layers 2 (%h = %x) : !enc.tokens<8xf32>, !enc.stack<2x!enc.scores<2xf32>> {
    enc.yield %h saving %probabilities : !enc.tokens<8xf32>, !enc.scores<2xf32>
  }
  // CHECK: enc.entry 1 of %[[STACK]]#1 : !enc.stack<2x!enc.scores<2xf32>> -> !enc.scores<2xf32>
  %second = enc.entry 1 of %stack : !enc.stack<2x!enc.scores<2xf32>> -> !enc.scores<2xf32>
  // CHECK: %[[A:.*]] = enc.fused_attention %[[QKV]], %[[OFFSETS]] scale 5.000000e-01 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  %a = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  // CHECK: %[[Y:.*]] = enc.fused_linear_add_norm %[[A]], %[[X]] weight(@square) bias(@bias) gain(@gain) norm_bias(@norm_bias) epsilon 1.000000e+00 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %y = enc.fused_linear_add_norm %a, %x weight(@square) bias(@bias) gain(@gain) norm_bias(@norm_bias) epsilon 1.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  // CHECK: enc.fused_feed_forward %[[Y]] activation(gelu_tanh) up(@wide, @wide_bias) down(@narrow, @bias) gain(@gain) norm_bias(@norm_bias) epsilon 1.000000e+00 : !enc.tokens<8xf32>
  %z = enc.fused_feed_forward %y activation(gelu_tanh) up(@wide, @wide_bias) down(@narrow, @bias) gain(@gain) norm_bias(@norm_bias) epsilon 1.0 : !enc.tokens<8xf32>
  return %z : !enc.tokens<8xf32>
}

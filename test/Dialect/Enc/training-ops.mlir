// Every op of training round trips, in its own syntax and in the generic one.
// RUN: bertc-opt %s | bertc-opt | FileCheck %s
// RUN: bertc-opt %s --mlir-print-op-generic | bertc-opt | FileCheck %s
// RUN: bertc-opt %s --emit-bytecode | bertc-opt | FileCheck %s

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @up_bias = "up_bias" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>

// CHECK-LABEL: func.func @losses(
func.func @losses(%x: !enc.sequences<8xf32>, %t: !enc.tokens<2xf32>, %class: !enc.sequences<i32>, %tag: !enc.tokens<i32>, %span: !enc.sequences<2xi32>, %offsets: !enc.offsets) {
  // CHECK: %{{.*}} = enc.cross_entropy %{{.*}}, %{{.*}} : !enc.sequences<8xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  %0 = enc.cross_entropy %x, %class : !enc.sequences<8xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  // CHECK: %{{.*}} = enc.cross_entropy %{{.*}}, %{{.*}} : !enc.tokens<2xf32>, !enc.tokens<i32> -> !enc.scalar<f32>
  %1 = enc.cross_entropy %t, %tag : !enc.tokens<2xf32>, !enc.tokens<i32> -> !enc.scalar<f32>
  // CHECK: %{{.*}} = enc.mse %{{.*}}, %{{.*}} : !enc.sequences<8xf32> -> !enc.scalar<f32>
  %2 = enc.mse %x, %x : !enc.sequences<8xf32> -> !enc.scalar<f32>
  // CHECK: %{{.*}} = enc.binary_cross_entropy %{{.*}}, %{{.*}} : !enc.tokens<2xf32> -> !enc.scalar<f32>
  %3 = enc.binary_cross_entropy %t, %t : !enc.tokens<2xf32> -> !enc.scalar<f32>
  // CHECK: %{{.*}} = enc.span_loss %{{.*}}, %{{.*}}, %{{.*}} : !enc.tokens<2xf32>, !enc.sequences<2xi32> -> !enc.scalar<f32>
  %4 = enc.span_loss %t, %span, %offsets : !enc.tokens<2xf32>, !enc.sequences<2xi32> -> !enc.scalar<f32>
  // CHECK: %{{.*}} = enc.cross_entropy_gradient %{{.*}}, %{{.*}} : !enc.sequences<8xf32>, !enc.sequences<i32>
  %5 = enc.cross_entropy_gradient %x, %class : !enc.sequences<8xf32>, !enc.sequences<i32>
  // CHECK: %{{.*}} = enc.mse_gradient %{{.*}}, %{{.*}} : !enc.sequences<8xf32>
  %6 = enc.mse_gradient %x, %x : !enc.sequences<8xf32>
  // CHECK: %{{.*}} = enc.binary_cross_entropy_gradient %{{.*}}, %{{.*}} : !enc.tokens<2xf32>
  %7 = enc.binary_cross_entropy_gradient %t, %t : !enc.tokens<2xf32>
  // CHECK: %{{.*}} = enc.span_loss_gradient %{{.*}}, %{{.*}}, %{{.*}} : !enc.tokens<2xf32>, !enc.sequences<2xi32>
  %8 = enc.span_loss_gradient %t, %span, %offsets : !enc.tokens<2xf32>, !enc.sequences<2xi32>
  return
}

// CHECK-LABEL: func.func @dropout(
func.func @dropout(%x: !enc.tokens<8xf32>, %s: !enc.scores<2xf32>, %qkv: !enc.tokens<3x2x4xf32>, %offsets: !enc.offsets, %random: !enc.random) {
  // CHECK: %{{.*}} = enc.dropout %{{.*}}, %{{.*}} site 3 rate 5.000000e-01 : !enc.tokens<8xf32>
  %0 = enc.dropout %x, %random site 3 rate 0.5 : !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.dropout %{{.*}}, %{{.*}} site 255 rate 0.000000e+00 : !enc.scores<2xf32>
  %1 = enc.dropout %s, %random site 255 rate 0.0 : !enc.scores<2xf32>
  // CHECK: %{{.*}}, %{{.*}} = enc.fused_attention %{{.*}}, %{{.*}} scale 5.000000e-01 dropout(%{{.*}}, site 1, rate 2.500000e-01) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> log_sum_exp !enc.tokens<2xf32>
  %2, %3 = enc.fused_attention %qkv, %offsets scale 0.5 dropout(%random, site 1, rate 0.25) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> log_sum_exp !enc.tokens<2xf32>
  // CHECK: %{{.*}}, %{{.*}} = enc.fused_linear_add_norm %{{.*}}, %{{.*}} weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.000000e+00 dropout(%{{.*}}, site 2, rate 2.500000e-01) : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32> sum !enc.tokens<8xf32>
  %4, %5 = enc.fused_linear_add_norm %x, %x weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 dropout(%random, site 2, rate 0.25) : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32> sum !enc.tokens<8xf32>
  // CHECK: %{{.*}}, %{{.*}} = enc.fused_feed_forward %{{.*}} activation(gelu) up(@up, @up_bias) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.000000e+00 dropout(%{{.*}}, site 3, rate 2.500000e-01) : !enc.tokens<8xf32> up !enc.tokens<32xf32>
  %6, %7 = enc.fused_feed_forward %x activation(gelu) up(@up, @up_bias) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.0 dropout(%random, site 3, rate 0.25) : !enc.tokens<8xf32> up !enc.tokens<32xf32>
  // CHECK: %{{.*}}, %{{.*}}, %{{.*}} = enc.fused_feed_forward %{{.*}} activation(relu) up(@up, @up_bias) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.000000e+00 : !enc.tokens<8xf32> sum !enc.tokens<8xf32> up !enc.tokens<32xf32>
  %8, %9, %10 = enc.fused_feed_forward %x activation(relu) up(@up, @up_bias) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32> sum !enc.tokens<8xf32> up !enc.tokens<32xf32>
  // CHECK: %{{.*}} = enc.attention_gradient %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 dropout(%{{.*}}, site 1, rate 2.500000e-01) : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  %11 = enc.attention_gradient %x, %2, %qkv, %3, %offsets scale 0.5 dropout(%random, site 1, rate 0.25) : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  return
}

// CHECK-LABEL: func.func @linear(
func.func @linear(%dy: !enc.tokens<32xf32>, %x: !enc.tokens<8xf32>, %s: !enc.sequences<8xf32>, %ids: !enc.tokens<i32>) {
  // CHECK: %{{.*}} = enc.linear_input_gradient %{{.*}} weight(@up) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
  %0 = enc.linear_input_gradient %dy weight(@up) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.linear_input_gradient %{{.*}} plus %{{.*}} : !enc.tokens<8xf32> weight(@up) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear_input_gradient %dy plus %x : !enc.tokens<8xf32> weight(@up) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
  // CHECK: enc.linear_weight_gradient %{{.*}}, %{{.*}} weight(@up) bias(@up_bias) into [@up, @up_bias] : !enc.tokens<32xf32>, !enc.tokens<8xf32>
  enc.linear_weight_gradient %dy, %x weight(@up) bias(@up_bias) into [@up, @up_bias] : !enc.tokens<32xf32>, !enc.tokens<8xf32>
  // CHECK: enc.linear_weight_gradient %{{.*}}, %{{.*}} weight(@w) into [@w] {plan = {rows = 6 : i64}} : !enc.sequences<8xf32>, !enc.sequences<8xf32>
  enc.linear_weight_gradient %s, %s weight(@w) into [@w] {plan = {rows = 6 : i64}} : !enc.sequences<8xf32>, !enc.sequences<8xf32>
  // CHECK: enc.linear_weight_gradient %{{.*}} weight(@up) bias(@up_bias) into [@up_bias] : !enc.tokens<32xf32>
  enc.linear_weight_gradient %dy weight(@up) bias(@up_bias) into [@up_bias] : !enc.tokens<32xf32>
  // CHECK: %{{.*}} = enc.layer_norm_gradient %{{.*}}, %{{.*}} gain(@g) bias(@nb) epsilon 1.000000e+00 into [@g, @nb] : !enc.tokens<8xf32>
  %2 = enc.layer_norm_gradient %x, %x gain(@g) bias(@nb) epsilon 1.0 into [@g, @nb] : !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.layer_norm_gradient %{{.*}}, %{{.*}} gain(@g) bias(@nb) epsilon 1.000000e+00 into [] : !enc.sequences<8xf32>
  %3 = enc.layer_norm_gradient %s, %s gain(@g) bias(@nb) epsilon 1.0 into [] : !enc.sequences<8xf32>
  // CHECK: enc.embed_gradient %{{.*}}, %{{.*}} table(@word) into [@word] : !enc.tokens<8xf32>, !enc.tokens<i32>
  enc.embed_gradient %x, %ids table(@word) into [@word] : !enc.tokens<8xf32>, !enc.tokens<i32>
  // CHECK: enc.fused_embed_norm_gradient %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.000000e+00 into [@word, @nb] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  enc.fused_embed_norm_gradient %x, %ids, %ids, %ids word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@word, @nb] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  // CHECK: %{{.*}} = enc.activation_gradient %{{.*}}, %{{.*}} activation(silu) : !enc.tokens<8xf32>
  %4 = enc.activation_gradient %x, %x activation(silu) : !enc.tokens<8xf32>
  // CHECK: %{{.*}}, %{{.*}} = enc.fused_activation_gradient %{{.*}}, %{{.*}} activation(gelu) down(@down) : !enc.tokens<8xf32>, !enc.tokens<32xf32> activated !enc.tokens<32xf32>
  %5, %6 = enc.fused_activation_gradient %x, %dy activation(gelu) down(@down) : !enc.tokens<8xf32>, !enc.tokens<32xf32> activated !enc.tokens<32xf32>
  // CHECK: %{{.*}} = enc.fused_activation_gradient %{{.*}}, %{{.*}} activation(tanh) down(@down) : !enc.tokens<8xf32>, !enc.tokens<32xf32>
  %7 = enc.fused_activation_gradient %x, %dy activation(tanh) down(@down) : !enc.tokens<8xf32>, !enc.tokens<32xf32>
  return
}

// CHECK-LABEL: func.func @attention(
func.func @attention(%dy: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %qkv: !enc.tokens<3x2x4xf32>, %lse: !enc.tokens<2xf32>, %offsets: !enc.offsets) {
  // CHECK: %{{.*}} = enc.attention_gradient %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scale 5.000000e-01 : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  %0 = enc.attention_gradient %dy, %y, %qkv, %lse, %offsets scale 0.5 : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  // CHECK: enc.fused_qkv_weight_gradient %{{.*}}, %{{.*}} query(@w, @b) key(@w, @b) value(@w, @b) into [@w, @b] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  enc.fused_qkv_weight_gradient %0, %y query(@w, @b) key(@w, @b) value(@w, @b) into [@w, @b] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  // CHECK: enc.fused_qkv_weight_gradient %{{.*}} query(@w, @b) key(@w, @b) value(@w, @b) into [@b] : !enc.tokens<3x2x4xf32>
  enc.fused_qkv_weight_gradient %0 query(@w, @b) key(@w, @b) value(@w, @b) into [@b] : !enc.tokens<3x2x4xf32>
  // CHECK: %{{.*}} = enc.fused_qkv_input_gradient %{{.*}} query(@w) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  %1 = enc.fused_qkv_input_gradient %0 query(@w) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.fused_qkv_input_gradient %{{.*}} plus %{{.*}} : !enc.tokens<8xf32> query(@w) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  %2 = enc.fused_qkv_input_gradient %0 plus %1 : !enc.tokens<8xf32> query(@w) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// CHECK-LABEL: func.func @sequences(
func.func @sequences(%dy: !enc.sequences<8xf32>, %x: !enc.tokens<8xf32>, %offsets: !enc.offsets) {
  // CHECK: %{{.*}} = enc.pool_gradient cls %{{.*}}, %{{.*}} : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  %0 = enc.pool_gradient cls %dy, %offsets : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.pool_gradient max %{{.*}}, %{{.*}} input %{{.*}} : !enc.tokens<8xf32> : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.pool_gradient max %dy, %offsets input %x : !enc.tokens<8xf32> : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  // CHECK: %{{.*}} = enc.normalize_gradient %{{.*}}, %{{.*}} : !enc.sequences<8xf32>
  %2 = enc.normalize_gradient %dy, %dy : !enc.sequences<8xf32>
  return
}

// CHECK-LABEL: func.func @loops(
func.func @loops(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  // CHECK: %{{.*}} = enc.layers 12 from 6 to 9 (%{{.*}} = %{{.*}}) collect [6] : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>>, !enc.stack<3x!enc.tokens<32xf32>> {
  %last, %first, %stack, %wide = enc.layers 12 from 6 to 9 (%h = %x) collect [6] : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>>, !enc.stack<3x!enc.tokens<32xf32>> {
    // CHECK: %{{.*}} = enc.linear %{{.*}} weight(@up) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
    %u = enc.linear %h weight(@up) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
    // CHECK: %{{.*}} = enc.linear %{{.*}} weight(@down) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
    %d = enc.linear %u weight(@down) : !enc.tokens<32xf32> -> !enc.tokens<8xf32>
    // CHECK: enc.yield %{{.*}} saving %{{.*}}, %{{.*}} : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<32xf32>
    enc.yield %d saving %h, %u : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<32xf32>
  }
  // CHECK: %{{.*}} = enc.layers_backward 12 from 6 to 9 (%{{.*}} = %{{.*}}) saved(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>>, !enc.stack<3x!enc.tokens<32xf32>> {
  %dx = enc.layers_backward 12 from 6 to 9 (%g = %last) saved(%h = %stack, %u = %wide) : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>>, !enc.stack<3x!enc.tokens<32xf32>> {
    // CHECK: enc.linear_weight_gradient %{{.*}}, %{{.*}} weight(@down) into [@down] : !enc.tokens<8xf32>, !enc.tokens<32xf32>
    enc.linear_weight_gradient %g, %u weight(@down) into [@down] : !enc.tokens<8xf32>, !enc.tokens<32xf32>
    // CHECK: enc.yield %{{.*}} : !enc.tokens<8xf32>
    enc.yield %g : !enc.tokens<8xf32>
  } {note = "x"}
  // CHECK: %{{.*}} = enc.layers_backward 3 (%{{.*}} = %{{.*}}) : !enc.tokens<8xf32> {
  %dz = enc.layers_backward 3 (%g = %dx) : !enc.tokens<8xf32> {
    // CHECK: enc.yield %{{.*}} : !enc.tokens<8xf32>
    enc.yield %g : !enc.tokens<8xf32>
  }
  return %dz : !enc.tokens<8xf32>
}

// What the backward pass makes is not there before it.
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused))' --verify-diagnostics
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused{training=true}))' --verify-diagnostics

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @results(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  // expected-error @below {{'enc.fused_linear_add_norm' op has results for the backward pass, which has not been made yet}}
  %0, %sum = enc.fused_linear_add_norm %x, %x weight(@w) bias(@b) gain(@b) norm_bias(@b) epsilon 0.5 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32> sum !enc.tokens<8xf32>
  // expected-error @below {{'enc.layers' op has no kernel for some of the layers, or for saved values, before the backward pass}}
  %1 = enc.layers 3 from 1 (%h = %0) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  // expected-error @below {{'enc.layers' op has no kernel for some of the layers, or for saved values, before the backward pass}}
  %2, %stack = enc.layers 3 (%h = %1) : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>> {
    enc.yield %h saving %h : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  }
  return %2 : !enc.tokens<8xf32>
}

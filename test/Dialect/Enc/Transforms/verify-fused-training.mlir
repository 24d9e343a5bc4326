// Losses and dropout may remain in what is trained, and nowhere else.
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused))' --split-input-file --verify-diagnostics
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused{training=true}))' --split-input-file -o %t

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-error @below {{has no kernel for argument 1 of type '!enc.sequences<i32>', expected f32 rows, ids or offsets}}
// expected-error @below {{has no kernel for argument 2 of type '!enc.random', expected f32 rows, ids or offsets}}
func.func @losses(%x: !enc.sequences<8xf32>, %labels: !enc.sequences<i32>, %random: !enc.random) -> !enc.scalar<f32> {
  // expected-error @below {{'enc.dropout' op belongs to training, so it may not remain in inference}}
  // expected-note @below {{help: drop losses and dropout, or generate the backward pass}}
  %0 = enc.dropout %x, %random site 0 rate 0.5 : !enc.sequences<8xf32>
  // expected-error @below {{'enc.cross_entropy' op belongs to training, so it may not remain in inference}}
  // expected-note @below {{help: drop losses and dropout, or generate the backward pass}}
  %1 = enc.cross_entropy %0, %labels : !enc.sequences<8xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  return %1 : !enc.scalar<f32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-error @below {{has no kernel for argument 1 of type '!enc.random', expected f32 rows, ids or offsets}}
func.func @fused(%x: !enc.tokens<8xf32>, %random: !enc.random) -> !enc.tokens<8xf32> {
  // expected-error @below {{'enc.fused_linear_add_norm' op belongs to training, so it may not remain in inference}}
  // expected-note @below {{help: drop losses and dropout, or generate the backward pass}}
  %0 = enc.fused_linear_add_norm %x, %x weight(@w) bias(@b) gain(@b) norm_bias(@b) epsilon 0.5 dropout(%random, site 0, rate 0.5) : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %0 : !enc.tokens<8xf32>
}

// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-backward))' --split-input-file --verify-diagnostics

// What the backward pass makes may remain.
enc.weight layers 2 @w = "w.{layer}" : tensor<6x6xf32>
func.func @train(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  %last, %stack = enc.layers 2 (%h = %x) : !enc.tokens<6xf32>, !enc.stack<2x!enc.tokens<6xf32>> {
    %0 = enc.linear %h weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    enc.yield %0 saving %h : !enc.tokens<6xf32>, !enc.tokens<6xf32>
  }
  %loss = enc.mse %last, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  %d = enc.mse_gradient %last, %x : !enc.tokens<6xf32>
  %dx = enc.layers_backward 2 (%g = %d) saved(%h = %stack) : !enc.tokens<6xf32>, !enc.stack<2x!enc.tokens<6xf32>> {
    enc.linear_weight_gradient %g, %h weight(@w) into [@w] : !enc.tokens<6xf32>, !enc.tokens<6xf32>
    %1 = enc.linear_input_gradient %g weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    enc.yield %1 : !enc.tokens<6xf32>
  }
  return %loss : !enc.scalar<f32>
}

// -----

// Views of heads may not, nor other elements than f32.
func.func @train(%x: !enc.tokens<6xf32>, %y: !enc.tokens<6xf64>) {
  // expected-error @below {{'enc.split_heads' op has no place in a training function}}
  %0 = enc.split_heads %x : !enc.tokens<6xf32> -> !enc.tokens<2x3xf32>
  // expected-error @below {{'enc.gelu' op has results of type '!enc.tokens<6xf64>' in a training function, expected f32 rows}}
  %1 = enc.gelu %y : !enc.tokens<6xf64>
  return
}

// Each reason not to make a backward pass.
// RUN: bertc-opt %s --enc-generate-backward --split-input-file --verify-diagnostics
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{activation-memory=10})' --split-input-file 2>&1 | FileCheck %s --check-prefix=MEMORY
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=layers[2]})' --split-input-file 2>&1 | FileCheck %s --check-prefix=LAYER
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=layers[3-2]})' --split-input-file 2>&1 | FileCheck %s --check-prefix=RANGE
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=nothing})' --split-input-file 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=(a})' --split-input-file 2>&1 | FileCheck %s --check-prefix=REGEX
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{freeze=.})' --split-input-file 2>&1 | FileCheck %s --check-prefix=ALL
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(enc-generate-backward{function=other})' --split-input-file 2>&1 | FileCheck %s --check-prefix=FUNCTION

// MEMORY: error: cannot train within 10 bytes a token of saved activations
// MEMORY: note: help: with everything but the input of each layer computed again, 48 are left
// LAYER: error: cannot freeze 'layers[2]': the model has 2 layers, counted from 0
// RANGE: error: cannot freeze 'layers[3-2]'
// RANGE: note: help: layers are written as layers[2] or layers[0-5]
// NAME: error: cannot freeze 'nothing': no weight has such a name
// REGEX: error: cannot freeze '(a': parentheses not balanced
// REGEX: note: help: expected embeddings, encoder, layers[0-5] or a regular expression for names of weights
// ALL: error: no weight that the loss depends on learns
// ALL: note: help: freeze less
// FUNCTION: error: expected a function @other of one block to differentiate

enc.weight layers 2 @w = "encoder.layer.{layer}.weight" : tensor<6x6xf32>
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  %last = enc.layers 2 (%h = %x) : !enc.tokens<6xf32> {
    %0 = enc.linear %h weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    enc.yield %0 : !enc.tokens<6xf32>
  }
  %loss = enc.mse %last, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  return %loss : !enc.scalar<f32>
}

// -----

// An op without a rule in the way of a gradient.
enc.weight @w = "w" : tensor<6x6xf32>
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  %0 = enc.linear %x weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
  %1 = enc.split_heads %0 : !enc.tokens<6xf32> -> !enc.tokens<2x3xf32>
  // expected-error @below {{no backward rule for 'enc.merge_heads'}}
  // expected-note @below {{help: only fused functions are differentiated; the fusion remarks tell what was not fused and why}}
  %2 = enc.merge_heads %1 : !enc.tokens<2x3xf32> -> !enc.tokens<6xf32>
  %loss = enc.mse %2, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  return %loss : !enc.scalar<f32>
}

// -----

// A collected state.
enc.weight layers 2 @w = "w.{layer}" : tensor<6x6xf32>
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  // expected-error @below {{no backward rule for collected states}}
  // expected-note @below {{help: compute the loss from the last hidden state}}
  %last, %first = enc.layers 2 (%h = %x) collect [1] : !enc.tokens<6xf32> {
    %0 = enc.linear %h weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    enc.yield %0 : !enc.tokens<6xf32>
  }
  %loss = enc.mse %first, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  return %loss : !enc.scalar<f32>
}

// -----

// A body that forgets what it was given.
enc.weight layers 2 @w = "w.{layer}" : tensor<6x6xf32>
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  // expected-error @below {{the gradient does not reach the body's input}}
  %last = enc.layers 2 (%h = %x) : !enc.tokens<6xf32> {
    %0 = enc.linear %x weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
    enc.yield %0 : !enc.tokens<6xf32>
  }
  %loss = enc.mse %last, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  return %loss : !enc.scalar<f32>
}

// -----

// No loss.
// expected-error @below {{expected one result that is a loss and has no other use, got 0 scalar results}}
// expected-note @below {{help: a training function returns what enc.cross_entropy or another loss computes}}
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.tokens<6xf32> {
  return %x : !enc.tokens<6xf32>
}

// -----

// A scalar that is no loss.
// expected-error @below {{expected one result that is a loss and has no other use, got 1 scalar results}}
// expected-note @below {{help: a training function returns what enc.cross_entropy or another loss computes}}
func.func @forward(%x: !enc.scalar<f32>) -> !enc.scalar<f32> {
  return %x : !enc.scalar<f32>
}

// -----

// The name is taken.
enc.weight @w = "w" : tensor<6x6xf32>
// expected-error @below {{expected no @train before it is generated}}
func.func @train() {
  return
}
func.func @forward(%x: !enc.tokens<6xf32>) -> !enc.scalar<f32> {
  %0 = enc.linear %x weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<6xf32>
  %loss = enc.mse %0, %x : !enc.tokens<6xf32> -> !enc.scalar<f32>
  return %loss : !enc.scalar<f32>
}

// One case, at least, for each labelled constraint of enc.fused_linear_add_norm, and one for
// each weight that it names.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c1(%x: !enc.tokens<6xf32>, %r: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_linear_add_norm_c1: expected input, residual and result of one dimension and element type, the last two of one type, got '!enc.tokens<6xf32>', '!enc.tokens<6xf32>' and '!enc.tokens<8xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c1(%x: !enc.tokens<6xf32>, %r: !enc.tokens<2x4xf32>) {
  // expected-error @below {{fused_linear_add_norm_c1: expected input, residual and result of one dimension and element type, the last two of one type, got '!enc.tokens<6xf32>', '!enc.tokens<2x4xf32>' and '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c1(%x: !enc.tokens<2x3xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c1: expected input, residual and result of one dimension and element type, the last two of one type, got '!enc.tokens<2x3xf32>', '!enc.tokens<8xf32>' and '!enc.tokens<8xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<2x3xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c1(%x: !enc.tokens<6xbf16>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c1: expected input, residual and result of one dimension and element type, the last two of one type, got '!enc.tokens<6xbf16>', '!enc.tokens<8xf32>' and '!enc.tokens<8xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xbf16>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @w = "w" : tensor<6x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c2(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c2: expected weight @w to be a tensor of [8, 6] 'f32', got 'tensor<6x8xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
// expected-note @below {{declared here}}
enc.weight @b = "b" : tensor<4xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c2(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c2: expected bias @b to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @g = "g" : tensor<4xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c2(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c2: expected gain @g to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @nb = "nb" : tensor<4xf32>
func.func @fused_linear_add_norm_c2(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c2: expected norm bias @nb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<6xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c3(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c3: expected epsilon to be finite and positive, got 0}}
  %0 = enc.fused_linear_add_norm %x, %r weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 0.0 : !enc.tokens<6xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

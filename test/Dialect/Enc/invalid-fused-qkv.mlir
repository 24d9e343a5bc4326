// One case, at least, for each labelled constraint of enc.fused_qkv, and one for
// each weight that it names.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c1(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c1: expected tokens of one dimension to 3 x N x D of the same elements, got '!enc.tokens<6xf32>' to '!enc.tokens<2x2x4xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<2x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c1(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c1: expected tokens of one dimension to 3 x N x D of the same elements, got '!enc.tokens<6xf32>' to '!enc.tokens<8xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c1(%x: !enc.tokens<2x3xf32>) {
  // expected-error @below {{fused_qkv_c1: expected tokens of one dimension to 3 x N x D of the same elements, got '!enc.tokens<2x3xf32>' to '!enc.tokens<3x2x4xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<2x3xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c1(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c1: expected tokens of one dimension to 3 x N x D of the same elements, got '!enc.tokens<6xf32>' to '!enc.tokens<3x2x4xi32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xi32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c1(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c1: expected tokens of one dimension to 3 x N x D of the same elements, got '!enc.tokens<6xf32>' to '!enc.tokens<3x2x4xbf16>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xbf16>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @q = "q" : tensor<6x8xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected query @q to be a tensor of [8, 6] 'f32', got 'tensor<6x8xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @k = "k" : tensor<6x8xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected key @k to be a tensor of [8, 6] 'f32', got 'tensor<6x8xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @v = "v" : tensor<6x8xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected value @v to be a tensor of [8, 6] 'f32', got 'tensor<6x8xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
// expected-note @below {{declared here}}
enc.weight @qb = "qb" : tensor<4xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected query bias @qb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
// expected-note @below {{declared here}}
enc.weight @kb = "kb" : tensor<4xf32>
enc.weight @v = "v" : tensor<8x6xf32>
enc.weight @vb = "vb" : tensor<8xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected key bias @kb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @q = "q" : tensor<8x6xf32>
enc.weight @qb = "qb" : tensor<8xf32>
enc.weight @k = "k" : tensor<8x6xf32>
enc.weight @kb = "kb" : tensor<8xf32>
enc.weight @v = "v" : tensor<8x6xf32>
// expected-note @below {{declared here}}
enc.weight @vb = "vb" : tensor<4xf32>
func.func @fused_qkv_c2(%x: !enc.tokens<6xf32>) {
  // expected-error @below {{fused_qkv_c2: expected value bias @vb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_qkv %x query(@q, @qb) key(@k, @kb) value(@v, @vb) : !enc.tokens<6xf32> -> !enc.tokens<3x2x4xf32>
  return
}

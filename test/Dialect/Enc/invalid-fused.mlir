// One case, at least, for each labelled constraint of the fused ops, and one for
// each weight that an op names.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c1(%a: !enc.tokens<i64>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i64>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c1(%a: !enc.tokens<i32>, %b: !enc.tokens<i64>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i64>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c1(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i64>) {
  // expected-error @below {{fused_embed_norm_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i64> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected a result of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<2x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @word = "word" : tensor<10x4xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected word table @word to be a tensor of [rows, 8] 'f32', got 'tensor<10x4xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
// expected-note @below {{declared here}}
enc.weight @type = "type" : tensor<2x4xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected type table @type to be a tensor of [rows, 8] 'f32', got 'tensor<2x4xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
// expected-note @below {{declared here}}
enc.weight @position = "position" : tensor<16xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected position table @position to be a tensor of [rows, 8] 'f32', got 'tensor<16xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
// expected-note @below {{declared here}}
enc.weight @gain = "gain" : tensor<4xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected gain @gain to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @bias = "bias" : tensor<8x1xf32>
func.func @fused_embed_norm_c2(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c2: expected bias @bias to be a tensor of [8] 'f32', got 'tensor<8x1xf32>'}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon 1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @word = "word" : tensor<10x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @bias = "bias" : tensor<8xf32>
func.func @fused_embed_norm_c3(%a: !enc.tokens<i32>, %b: !enc.tokens<i32>, %c: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_c3: expected epsilon to be finite and positive, got -1}}
  %0 = enc.fused_embed_norm %a, %b, %c word(@word) type(@type) position(@position) gain(@gain) bias(@bias) epsilon -1.0 : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32> -> !enc.tokens<8xf32>
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

// -----

func.func @fused_attention_c1(%x: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c1: expected tokens of 3 x N x D, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c1(%x: !enc.tokens<4x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c1: expected tokens of 3 x N x D, got '!enc.tokens<4x2x4xf32>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<4x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c1(%x: !enc.tokens<3x2x4xi8>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c1: expected tokens of 3 x N x D, got '!enc.tokens<3x2x4xi8>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xi8> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c2(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c2: expected a result of 8 columns of 'f32', got '!enc.tokens<9xf32>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<9xf32>
  return
}

// -----

func.func @fused_attention_c2(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c2: expected a result of 8 columns of 'f32', got '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

func.func @fused_attention_c2(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c2: expected a result of 8 columns of 'f32', got '!enc.tokens<8xbf16>'}}
  %0 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xbf16>
  return
}

// -----

func.func @fused_attention_c3(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c3: expected scale to be finite and positive, got 0}}
  %0 = enc.fused_attention %x, %o scale 0.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

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

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{fused_feed_forward_c1: expected tokens of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<2x4xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c1(%x: !enc.tokens<8xi32>) {
  // expected-error @below {{fused_feed_forward_c1: expected tokens of one dimension, got '!enc.tokens<8xi32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xi32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @up = "up" : tensor<32x4xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up @up to be a tensor of [32, 8] 'f32', got 'tensor<32x4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
// expected-note @below {{declared here}}
enc.weight @ub = "ub" : tensor<8xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up bias @ub to be a tensor of [32] 'f32', got 'tensor<8xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
// expected-note @below {{declared here}}
enc.weight @down = "down" : tensor<32x8xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected down @down to be a tensor of [8, 32] 'f32', got 'tensor<32x8xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
// expected-note @below {{declared here}}
enc.weight @db = "db" : tensor<32xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected down bias @db to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @g = "g" : tensor<4xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected gain @g to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @nb = "nb" : tensor<4xf32>
func.func @fused_feed_forward_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected norm bias @nb to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c3: expected epsilon to be finite and positive, got -2}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon -2.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @up = "up" : tensor<32x8xf32>
enc.weight @ub = "ub" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
enc.weight @db = "db" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_feed_forward_activation(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expected one of gelu, gelu_tanh, relu, silu, tanh, got 'swish'}}
  %0 = enc.fused_feed_forward %x activation(swish) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_feed_forward_up(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{refers to @up as up, which is no enc.weight}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @up = "up" : tensor<32xf32>
func.func @fused_feed_forward_up(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c2: expected up @up to be a tensor of [32, 8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @ub) down(@down, @db) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

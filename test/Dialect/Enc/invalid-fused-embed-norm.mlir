// One case, at least, for each labelled constraint of enc.fused_embed_norm, and one for
// each weight that it names.
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

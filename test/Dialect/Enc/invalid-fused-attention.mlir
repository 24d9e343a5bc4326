// One case, at least, for each labelled constraint of enc.fused_attention, and one for
// each weight that it names.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

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

func.func @fused_attention_c6(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c6: expected probabilities of type '!enc.scores<2xf32>', got '!enc.scores<3xf32>'}}
  %0:2 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<3xf32>
  return
}

// -----

func.func @fused_attention_c6(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets, %r: !enc.random) {
  // expected-error @below {{fused_attention_c6: expected no dropout with probabilities}}
  %0:2 = enc.fused_attention %x, %o scale 1.0 dropout(%r, site 3, rate 0.1) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
  return
}

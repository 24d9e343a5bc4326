// One case, at least, for each labelled constraint of the gradients of attention,
// activations, pooling and losses.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

func.func @attention_gradient_c1(%x: !enc.tokens<8xf32>, %l: !enc.tokens<2xf32>, %o: !enc.offsets) {
  // expected-error @below {{attention_gradient_c1: expected qkv of 3 x N x D, got '!enc.tokens<8xf32>'}}
  %0 = enc.attention_gradient %x, %x, %x, %l, %o scale 1.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<2xf32>
  return
}

// -----

func.func @attention_gradient_c2(%x: !enc.tokens<32xf32>, %q: !enc.tokens<3x2x4xf32>, %l: !enc.tokens<2xf32>, %o: !enc.offsets) {
  // expected-error @below {{attention_gradient_c2: expected a gradient of type '!enc.tokens<8xf32>', got '!enc.tokens<32xf32>'}}
  %0 = enc.attention_gradient %x, %x, %q, %l, %o scale 1.0 : !enc.tokens<32xf32>, !enc.tokens<32xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  return
}

// -----

func.func @attention_gradient_c3(%x: !enc.tokens<8xf32>, %q: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{attention_gradient_c3: expected log_sum_exp of type '!enc.tokens<2xf32>', got '!enc.tokens<8xf32>'}}
  %0 = enc.attention_gradient %x, %x, %q, %x, %o scale 1.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

func.func @attention_gradient_c4(%x: !enc.tokens<8xf32>, %q: !enc.tokens<3x2x4xf32>, %l: !enc.tokens<2xf32>, %o: !enc.offsets) {
  // expected-error @below {{attention_gradient_c4: expected scale to be finite and positive, got 0.000000e+00}}
  %0 = enc.attention_gradient %x, %x, %q, %l, %o scale 0.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  return
}

// -----

func.func @attention_gradient_c5(%x: !enc.tokens<8xf32>, %q: !enc.tokens<3x2x4xf32>, %l: !enc.tokens<2xf32>, %o: !enc.offsets, %r: !enc.random) {
  // expected-error @below {{attention_gradient_c5: expected dropout of a site of 0 to 255 and a rate of at least 0 and below 1, got 1 and 1.000000e+00}}
  %0 = enc.attention_gradient %x, %x, %q, %l, %o scale 1.0 dropout(%r, site 1, rate 1.0) : !enc.tokens<8xf32>, !enc.tokens<8xf32>, !enc.tokens<3x2x4xf32>, !enc.tokens<2xf32>
  return
}

// -----

func.func @attention_gradient_c5(%x: !enc.tokens<4097xf32>, %q: !enc.tokens<3x4097x1xf32>, %o: !enc.offsets, %r: !enc.random) {
  // expected-error @below {{attention_gradient_c5: expected at most 4096 heads with dropout, got 4097}}
  %0 = enc.attention_gradient %x, %x, %q, %x, %o scale 1.0 dropout(%r, site 1, rate 0.5) : !enc.tokens<4097xf32>, !enc.tokens<4097xf32>, !enc.tokens<3x4097x1xf32>, !enc.tokens<4097xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @fused_qkv_input_gradient_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_input_gradient_c1: expected 3 x N x D to tokens of one dimension of the same elements, got '!enc.tokens<8xf32>' to '!enc.tokens<8xf32>'}}
  %0 = enc.fused_qkv_input_gradient %x query(@w) key(@w) value(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_input_gradient_c2(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{fused_qkv_input_gradient_c2: expected query @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  %0 = enc.fused_qkv_input_gradient %x query(@bad) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_input_gradient_c2(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{fused_qkv_input_gradient_c2: expected key @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  %0 = enc.fused_qkv_input_gradient %x query(@w) key(@bad) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_input_gradient_c2(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{fused_qkv_input_gradient_c2: expected value @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  %0 = enc.fused_qkv_input_gradient %x query(@w) key(@w) value(@bad) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @fused_qkv_input_gradient_c3(%x: !enc.tokens<3x2x4xf32>, %p: !enc.tokens<32xf32>) {
  // expected-error @below {{fused_qkv_input_gradient_c3: expected plus of type '!enc.tokens<8xf32>', got '!enc.tokens<32xf32>'}}
  %0 = enc.fused_qkv_input_gradient %x plus %p : !enc.tokens<32xf32> query(@w) key(@w) value(@w) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @fused_qkv_weight_gradient_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c1: expected a gradient of 3 x N x D and an input of one dimension of the same elements, got '!enc.tokens<8xf32>', '!enc.tokens<8xf32>'}}
  enc.fused_qkv_weight_gradient %x, %x query(@w, @b) key(@w, @b) value(@w, @b) into [@w] : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected query @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@bad, @b) key(@w, @b) value(@w, @b) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected query bias @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @wb) key(@w, @b) value(@w, @b) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected key @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@bad, @b) value(@w, @b) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected key bias @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@w, @wb) value(@w, @b) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected value @bad to be a tensor of [8, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@w, @b) value(@bad, @b) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @fused_qkv_weight_gradient_c2(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c2: expected value bias @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@w, @b) value(@w, @wb) into [@w] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
func.func @fused_qkv_weight_gradient_c3(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c3: expected 'into' to hold some of @w, @w, @w, @b, @b, @b, none twice, got [@g]}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@w, @b) value(@w, @b) into [@g] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @fused_qkv_weight_gradient_c4(%q: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c4: expected an input exactly when 'into' holds a weight that is no bias}}
  enc.fused_qkv_weight_gradient %q query(@w, @b) key(@w, @b) value(@w, @b) into [@w] : !enc.tokens<3x2x4xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @fused_qkv_weight_gradient_c4(%q: !enc.tokens<3x2x4xf32>, %x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_qkv_weight_gradient_c4: expected an input exactly when 'into' holds a weight that is no bias}}
  enc.fused_qkv_weight_gradient %q, %x query(@w, @b) key(@w, @b) value(@w, @b) into [@b] : !enc.tokens<3x2x4xf32>, !enc.tokens<8xf32>
  return
}

// -----

func.func @activation_gradient_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{activation_gradient_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.activation_gradient %x, %x activation(gelu) : !enc.tokens<2x4xf32>
  return
}

// -----

enc.weight @down = "down" : tensor<8x32xf32>
func.func @fused_activation_gradient_c1(%x: !enc.tokens<8xf32>, %u: !enc.tokens<2x4xf32>) {
  // expected-error @below {{fused_activation_gradient_c1: expected gradient and up of one dimension of floats, got '!enc.tokens<8xf32>' and '!enc.tokens<2x4xf32>'}}
  %0 = enc.fused_activation_gradient %x, %u activation(gelu) down(@down) : !enc.tokens<8xf32>, !enc.tokens<2x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @wide = "wide" : tensor<32x8xf32>
func.func @fused_activation_gradient_c2(%x: !enc.tokens<8xf32>, %u: !enc.tokens<32xf32>) {
  // expected-error @below {{fused_activation_gradient_c2: expected down @wide to be a tensor of [8, 32] 'f32', got 'tensor<32x8xf32>'}}
  %0 = enc.fused_activation_gradient %x, %u activation(gelu) down(@wide) : !enc.tokens<8xf32>, !enc.tokens<32xf32>
  return
}

// -----

enc.weight @down = "down" : tensor<8x32xf32>
func.func @fused_activation_gradient_c3(%x: !enc.tokens<8xf32>, %u: !enc.tokens<32xf32>) {
  // expected-error @below {{fused_activation_gradient_c3: expected activated of type '!enc.tokens<32xf32>', got '!enc.tokens<8xf32>'}}
  %0:2 = enc.fused_activation_gradient %x, %u activation(gelu) down(@down) : !enc.tokens<8xf32>, !enc.tokens<32xf32> activated !enc.tokens<8xf32>
  return
}

// -----

func.func @pool_gradient_c1(%x: !enc.sequences<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{pool_gradient_c1: expected sequences and tokens of one equal dimension, got '!enc.sequences<8xf32>' and '!enc.tokens<32xf32>'}}
  %0 = enc.pool_gradient cls %x, %o : !enc.sequences<8xf32> -> !enc.tokens<32xf32>
  return
}

// -----

func.func @pool_gradient_c2(%x: !enc.sequences<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{pool_gradient_c2: expected an input of type '!enc.tokens<8xf32>' exactly for max}}
  %0 = enc.pool_gradient max %x, %o : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @pool_gradient_c2(%x: !enc.sequences<8xf32>, %o: !enc.offsets, %y: !enc.tokens<8xf32>) {
  // expected-error @below {{pool_gradient_c2: expected an input of type '!enc.tokens<8xf32>' exactly for max}}
  %0 = enc.pool_gradient mean %x, %o input %y : !enc.tokens<8xf32> : !enc.sequences<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @normalize_gradient_c1(%x: !enc.sequences<i32>) {
  // expected-error @below {{normalize_gradient_c1: expected rows of one dimension of floats, got '!enc.sequences<i32>'}}
  %0 = enc.normalize_gradient %x, %x : !enc.sequences<i32>
  return
}

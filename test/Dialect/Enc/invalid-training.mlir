// One case, at least, for each labelled constraint of losses, of dropout alone and
// in fused ops, and of the results that exist for the backward pass.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

func.func @dropout_c1(%x: !enc.tokens<2x4xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c1: expected rows of one dimension or scores of at most 4096 heads, of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.dropout %x, %r site 1 rate 0.1 : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @dropout_c1(%x: !enc.scores<4097xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c1: expected rows of one dimension or scores of at most 4096 heads, of floats, got '!enc.scores<4097xf32>'}}
  %0 = enc.dropout %x, %r site 1 rate 0.1 : !enc.scores<4097xf32>
  return
}

// -----

func.func @dropout_c1(%x: !enc.scores<2xi32>, %r: !enc.random) {
  // expected-error @below {{dropout_c1: expected rows of one dimension or scores of at most 4096 heads, of floats, got '!enc.scores<2xi32>'}}
  %0 = enc.dropout %x, %r site 1 rate 0.1 : !enc.scores<2xi32>
  return
}

// -----

func.func @dropout_c2(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c2: expected a site of 0 to 255, got 256}}
  %0 = enc.dropout %x, %r site 256 rate 0.1 : !enc.tokens<8xf32>
  return
}

// -----

func.func @dropout_c2(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c2: expected a site of 0 to 255, got -1}}
  %0 = enc.dropout %x, %r site -1 rate 0.1 : !enc.tokens<8xf32>
  return
}

// -----

func.func @dropout_c3(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c3: expected a rate of at least 0 and below 1, got 1.000000e+00}}
  %0 = enc.dropout %x, %r site 1 rate 1.0 : !enc.tokens<8xf32>
  return
}

// -----

func.func @dropout_c3(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c3: expected a rate of at least 0 and below 1, got -5.000000e-01}}
  %0 = enc.dropout %x, %r site 1 rate -0.5 : !enc.tokens<8xf32>
  return
}

// -----

func.func @dropout_c3(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{dropout_c3: expected a rate of at least 0 and below 1, got nan}}
  %0 = enc.dropout %x, %r site 1 rate 0x7FF8000000000000 : !enc.tokens<8xf32>
  return
}

// -----

func.func @cross_entropy_c1(%x: !enc.tokens<2x4xf32>, %l: !enc.tokens<i32>) {
  // expected-error @below {{cross_entropy_c1: expected logits of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.cross_entropy %x, %l : !enc.tokens<2x4xf32>, !enc.tokens<i32> -> !enc.scalar<f32>
  return
}

// -----

func.func @cross_entropy_c2(%x: !enc.tokens<8xf32>, %l: !enc.sequences<i32>) {
  // expected-error @below {{cross_entropy_c2: expected labels of i32, one for each row of '!enc.tokens<8xf32>', got '!enc.sequences<i32>'}}
  %0 = enc.cross_entropy %x, %l : !enc.tokens<8xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  return
}

// -----

func.func @cross_entropy_c2(%x: !enc.tokens<8xf32>, %l: !enc.tokens<f32>) {
  // expected-error @below {{cross_entropy_c2: expected labels of i32, one for each row of '!enc.tokens<8xf32>', got '!enc.tokens<f32>'}}
  %0 = enc.cross_entropy %x, %l : !enc.tokens<8xf32>, !enc.tokens<f32> -> !enc.scalar<f32>
  return
}

// -----

func.func @cross_entropy_c2(%x: !enc.tokens<8xf32>, %l: !enc.tokens<2xi32>) {
  // expected-error @below {{cross_entropy_c2: expected labels of i32, one for each row of '!enc.tokens<8xf32>', got '!enc.tokens<2xi32>'}}
  %0 = enc.cross_entropy %x, %l : !enc.tokens<8xf32>, !enc.tokens<2xi32> -> !enc.scalar<f32>
  return
}

// -----

func.func @cross_entropy_c3(%x: !enc.tokens<8xf32>, %l: !enc.tokens<i32>) {
  // expected-error @below {{cross_entropy_c3: expected a result of type '!enc.scalar<f32>', got '!enc.scalar<f64>'}}
  %0 = enc.cross_entropy %x, %l : !enc.tokens<8xf32>, !enc.tokens<i32> -> !enc.scalar<f64>
  return
}

// -----

func.func @mse_c1(%x: !enc.tokens<8xi32>) {
  // expected-error @below {{mse_c1: expected predictions and labels of one dimension of floats, got '!enc.tokens<8xi32>'}}
  %0 = enc.mse %x, %x : !enc.tokens<8xi32> -> !enc.scalar<i32>
  return
}

// -----

func.func @mse_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{mse_c2: expected a result of type '!enc.scalar<f32>', got '!enc.scalar<f64>'}}
  %0 = enc.mse %x, %x : !enc.tokens<8xf32> -> !enc.scalar<f64>
  return
}

// -----

func.func @binary_cross_entropy_c1(%x: !enc.tokens<i32>) {
  // expected-error @below {{binary_cross_entropy_c1: expected predictions and labels of one dimension of floats, got '!enc.tokens<i32>'}}
  %0 = enc.binary_cross_entropy %x, %x : !enc.tokens<i32> -> !enc.scalar<i32>
  return
}

// -----

func.func @binary_cross_entropy_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{binary_cross_entropy_c2: expected a result of type '!enc.scalar<f32>', got '!enc.scalar<bf16>'}}
  %0 = enc.binary_cross_entropy %x, %x : !enc.tokens<8xf32> -> !enc.scalar<bf16>
  return
}

// -----

func.func @span_loss_c1(%x: !enc.tokens<8xf32>, %l: !enc.sequences<2xi32>, %o: !enc.offsets) {
  // expected-error @below {{span_loss_c1: expected logits of two columns of floats, got '!enc.tokens<8xf32>'}}
  %0 = enc.span_loss %x, %l, %o : !enc.tokens<8xf32>, !enc.sequences<2xi32> -> !enc.scalar<f32>
  return
}

// -----

func.func @span_loss_c2(%x: !enc.tokens<2xf32>, %l: !enc.sequences<i32>, %o: !enc.offsets) {
  // expected-error @below {{span_loss_c2: expected labels of type '!enc.sequences<2xi32>', got '!enc.sequences<i32>'}}
  %0 = enc.span_loss %x, %l, %o : !enc.tokens<2xf32>, !enc.sequences<i32> -> !enc.scalar<f32>
  return
}

// -----

func.func @span_loss_c3(%x: !enc.tokens<2xf32>, %l: !enc.sequences<2xi32>, %o: !enc.offsets) {
  // expected-error @below {{span_loss_c3: expected a result of type '!enc.scalar<f32>', got '!enc.scalar<f64>'}}
  %0 = enc.span_loss %x, %l, %o : !enc.tokens<2xf32>, !enc.sequences<2xi32> -> !enc.scalar<f64>
  return
}

// -----

func.func @cross_entropy_gradient_c1(%x: !enc.tokens<i32>, %l: !enc.tokens<i32>) {
  // expected-error @below {{cross_entropy_gradient_c1: expected logits of one dimension of floats, got '!enc.tokens<i32>'}}
  %0 = enc.cross_entropy_gradient %x, %l : !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

func.func @cross_entropy_gradient_c2(%x: !enc.tokens<8xf32>, %l: !enc.sequences<8xf32>) {
  // expected-error @below {{cross_entropy_gradient_c2: expected labels of i32, one for each row of '!enc.tokens<8xf32>', got '!enc.sequences<8xf32>'}}
  %0 = enc.cross_entropy_gradient %x, %l : !enc.tokens<8xf32>, !enc.sequences<8xf32>
  return
}

// -----

func.func @mse_gradient_c1(%x: !enc.tokens<i32>) {
  // expected-error @below {{mse_gradient_c1: expected predictions and labels of one dimension of floats, got '!enc.tokens<i32>'}}
  %0 = enc.mse_gradient %x, %x : !enc.tokens<i32>
  return
}

// -----

func.func @binary_cross_entropy_gradient_c1(%x: !enc.tokens<i32>) {
  // expected-error @below {{binary_cross_entropy_gradient_c1: expected predictions and labels of one dimension of floats, got '!enc.tokens<i32>'}}
  %0 = enc.binary_cross_entropy_gradient %x, %x : !enc.tokens<i32>
  return
}

// -----

func.func @span_loss_gradient_c1(%x: !enc.tokens<8xf32>, %l: !enc.sequences<2xi32>, %o: !enc.offsets) {
  // expected-error @below {{span_loss_gradient_c1: expected logits of two columns of floats, got '!enc.tokens<8xf32>'}}
  %0 = enc.span_loss_gradient %x, %l, %o : !enc.tokens<8xf32>, !enc.sequences<2xi32>
  return
}

// -----

func.func @span_loss_gradient_c2(%x: !enc.tokens<2xf32>, %l: !enc.sequences<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{span_loss_gradient_c2: expected labels of type '!enc.sequences<2xi32>', got '!enc.sequences<8xf32>'}}
  %0 = enc.span_loss_gradient %x, %l, %o : !enc.tokens<2xf32>, !enc.sequences<8xf32>
  return
}

// -----

func.func @fused_attention_c4(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c4: expected log_sum_exp of type '!enc.tokens<2xf32>', got '!enc.tokens<8xf32>'}}
  %0:2 = enc.fused_attention %x, %o scale 1.0 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> log_sum_exp !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c5(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets, %r: !enc.random) {
  // expected-error @below {{fused_attention_c5: expected dropout of a site of 0 to 255 and a rate of at least 0 and below 1, got 300 and 1.000000e-01}}
  %0 = enc.fused_attention %x, %o scale 1.0 dropout(%r, site 300, rate 0.1) : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c5(%x: !enc.tokens<3x2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{fused_attention_c5: expected random, site and rate of the dropout together}}
  %0 = "enc.fused_attention"(%x, %o) {scale = 1.0 : f64, rate = 0.5 : f64, resultSegmentSizes = array<i32: 1, 0, 0>} : (!enc.tokens<3x2x4xf32>, !enc.offsets) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @fused_attention_c5(%x: !enc.tokens<3x4097x1xf32>, %o: !enc.offsets, %r: !enc.random) {
  // expected-error @below {{fused_attention_c5: expected at most 4096 heads with dropout, got 4097}}
  %0 = enc.fused_attention %x, %o scale 1.0 dropout(%r, site 3, rate 0.1) : !enc.tokens<3x4097x1xf32> -> !enc.tokens<4097xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_linear_add_norm_c4: expected sum of type '!enc.tokens<8xf32>', got '!enc.tokens<32xf32>'}}
  %0:2 = enc.fused_linear_add_norm %x, %x weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32> sum !enc.tokens<32xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @fused_linear_add_norm_c5(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{fused_linear_add_norm_c5: expected dropout of a site of 0 to 255 and a rate of at least 0 and below 1, got 1 and 1.000000e+00}}
  %0 = enc.fused_linear_add_norm %x, %x weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 1.0 dropout(%r, site 1, rate 1.0) : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @wide = "wide" : tensor<32x8xf32>
enc.weight @wb = "wb" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
func.func @fused_feed_forward_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c4: expected sum of type '!enc.tokens<8xf32>', got '!enc.tokens<32xf32>'}}
  %0:2 = enc.fused_feed_forward %x activation(gelu) up(@wide, @wb) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32> sum !enc.tokens<32xf32>
  return
}

// -----

enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @wide = "wide" : tensor<32x8xf32>
enc.weight @wb = "wb" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
func.func @fused_feed_forward_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{fused_feed_forward_c4: expected up of type '!enc.tokens<32xf32>', got '!enc.tokens<8xf32>'}}
  %0:2 = enc.fused_feed_forward %x activation(gelu) up(@wide, @wb) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.0 : !enc.tokens<8xf32> up !enc.tokens<8xf32>
  return
}

// -----

enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @wide = "wide" : tensor<32x8xf32>
enc.weight @wb = "wb" : tensor<32xf32>
enc.weight @down = "down" : tensor<8x32xf32>
func.func @fused_feed_forward_c5(%x: !enc.tokens<8xf32>, %r: !enc.random) {
  // expected-error @below {{fused_feed_forward_c5: expected dropout of a site of 0 to 255 and a rate of at least 0 and below 1, got 256 and 0.000000e+00}}
  %0 = enc.fused_feed_forward %x activation(gelu) up(@wide, @wb) down(@down, @b) gain(@g) norm_bias(@nb) epsilon 1.0 dropout(%r, site 256, rate 0.0) : !enc.tokens<8xf32>
  return
}

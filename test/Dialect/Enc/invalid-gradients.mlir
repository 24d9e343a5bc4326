// One case, at least, for each labelled constraint of the gradients of embeddings,
// linear layers and norms, and of the loops that they stand in.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

func.func @layers_c7(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c7: expected trips within 0 to 3, got from 2 to 2}}
  %0 = enc.layers 3 from 2 to 2 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c7(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c7: expected trips within 0 to 3, got from 0 to 4}}
  %0 = enc.layers 3 to 4 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c7(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c7: expected trips within 0 to 3, got from -1 to 3}}
  %0 = enc.layers 3 from -1 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c5(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c5: expected collected states to rise within 1 to 3, got 0}}
  %0:2 = enc.layers 3 from 1 (%h = %x) collect [0] : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c8(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c8: expected 0 saved values, got 1}}
  %0 = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h saving %h : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c8(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c8: expected a result of 2 times '!enc.tokens<8xf32>', got '!enc.stack<3x!enc.tokens<8xf32>>'}}
  %0:2 = enc.layers 3 from 1 (%h = %x) : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>> {
    enc.yield %h saving %h : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_backward_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_backward_c1: expected 1 to 1000 trips, got 0}}
  %0 = enc.layers_backward 0 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_backward_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_backward_c1: expected trips within 0 to 3, got from 3 to 3}}
  %0 = enc.layers_backward 3 from 3 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_backward_c2(%x: !enc.tokens<8xf32>, %s: !enc.stack<3x!enc.tokens<8xf32>>) {
  // expected-error @below {{layers_backward_c2: expected stacks of 2 trips, got '!enc.stack<3x!enc.tokens<8xf32>>'}}
  %0 = enc.layers_backward 3 from 1 (%h = %x) saved(%a = %s) : !enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_backward_c3(%x: !enc.tokens<8xf32>, %s: !enc.stack<3x!enc.tokens<8xf32>>) {
  // expected-error @below {{layers_backward_c3: expected body arguments of types '!enc.tokens<8xf32>', '!enc.tokens<8xf32>'}}
  %0 = "enc.layers_backward"(%x, %s) ({
  ^body(%h: !enc.tokens<8xf32>):
    enc.yield %h : !enc.tokens<8xf32>
  }) {tripCount = 3 : i64} : (!enc.tokens<8xf32>, !enc.stack<3x!enc.tokens<8xf32>>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @layers_backward_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_backward_c4: expected the body to yield one value, and a result, of type '!enc.tokens<8xf32>'}}
  %0 = enc.layers_backward 3 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h saving %h : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_backward_c5(%x: !enc.tokens<8xf32>) {
  // expected-note @below {{the outer loop}}
  %0 = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    // expected-error @below {{layers_backward_c5: expected no loop around a loop of layers}}
    %1 = enc.layers_backward 3 (%g = %x) : !enc.tokens<8xf32> {
      enc.yield %g : !enc.tokens<8xf32>
    }
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

enc.weight @word = "word" : tensor<9x8xf32>
func.func @embed_gradient_c1(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i64>) {
  // expected-error @below {{embed_gradient_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  enc.embed_gradient %x, %i table(@word) into [@word] : !enc.tokens<8xf32>, !enc.tokens<i64>
  return
}

// -----

enc.weight @word = "word" : tensor<9x8xf32>
func.func @embed_gradient_c2(%x: !enc.tokens<2x4xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{embed_gradient_c2: expected a gradient of one dimension, got '!enc.tokens<2x4xf32>'}}
  enc.embed_gradient %x, %i table(@word) into [@word] : !enc.tokens<2x4xf32>, !enc.tokens<i32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @word = "word" : tensor<9x8xf32>
func.func @embed_gradient_c2(%x: !enc.tokens<32xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{embed_gradient_c2: expected table @word to be a tensor of [rows, 32] 'f32', got 'tensor<9x8xf32>'}}
  enc.embed_gradient %x, %i table(@word) into [@word] : !enc.tokens<32xf32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @word = "word" : tensor<9x8xf32>
func.func @embed_gradient_c3(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{embed_gradient_c3: expected 'into' to hold some of @word, none twice, got []}}
  enc.embed_gradient %x, %i table(@word) into [] : !enc.tokens<8xf32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
func.func @fused_embed_norm_gradient_c1(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>, %j: !enc.tokens<i64>) {
  // expected-error @below {{fused_embed_norm_gradient_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %j word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@word] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i64>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<i32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected a gradient of one dimension, got '!enc.tokens<i32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@word] : !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected word table @bad to be a tensor of [rows, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@bad) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@bad] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected type table @bad to be a tensor of [rows, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@bad) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@bad] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected position table @bad to be a tensor of [rows, 8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@bad) gain(@g) bias(@nb) epsilon 1.0 into [@bad] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected gain @bad to be a tensor of [8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@position) gain(@bad) bias(@nb) epsilon 1.0 into [@bad] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
// expected-note @below {{declared here}}
enc.weight @bad = "bad" : tensor<8x4xf32>
func.func @fused_embed_norm_gradient_c2(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c2: expected bias @bad to be a tensor of [8] 'f32', got 'tensor<8x4xf32>'}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@position) gain(@g) bias(@bad) epsilon 1.0 into [@bad] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
func.func @fused_embed_norm_gradient_c3(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c3: expected epsilon to be finite and positive, got 0.000000e+00}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 0.0 into [@word] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
enc.weight @word = "word" : tensor<9x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<5x8xf32>
func.func @fused_embed_norm_gradient_c4(%x: !enc.tokens<8xf32>, %i: !enc.tokens<i32>) {
  // expected-error @below {{fused_embed_norm_gradient_c4: expected 'into' to hold some of @word, @type, @position, @g, @nb, none twice, got [@word, @word]}}
  enc.fused_embed_norm_gradient %x, %i, %i, %i word(@word) type(@type) position(@position) gain(@g) bias(@nb) epsilon 1.0 into [@word, @word] : !enc.tokens<8xf32>, !enc.tokens<i32>, !enc.tokens<i32>, !enc.tokens<i32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_input_gradient_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_input_gradient_c1: expected rows of one dimension to rows of the same kind, got '!enc.tokens<8xf32>' to '!enc.sequences<8xf32>'}}
  %0 = enc.linear_input_gradient %x weight(@w) : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @wide = "wide" : tensor<32x8xf32>
func.func @linear_input_gradient_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_input_gradient_c2: expected weight @wide to be a tensor of [8, 8] 'f32', got 'tensor<32x8xf32>'}}
  %0 = enc.linear_input_gradient %x weight(@wide) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_input_gradient_c3(%x: !enc.tokens<8xf32>, %p: !enc.tokens<32xf32>) {
  // expected-error @below {{linear_input_gradient_c3: expected plus of type '!enc.tokens<8xf32>', got '!enc.tokens<32xf32>'}}
  %0 = enc.linear_input_gradient %x plus %p : !enc.tokens<32xf32> weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_weight_gradient_c1(%x: !enc.tokens<8xf32>, %y: !enc.sequences<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c1: expected gradient and input to be rows of one dimension and kind, got '!enc.tokens<8xf32>', '!enc.sequences<8xf32>'}}
  enc.linear_weight_gradient %x, %y weight(@w) into [@w] : !enc.tokens<8xf32>, !enc.sequences<8xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @wide = "wide" : tensor<32x8xf32>
func.func @linear_weight_gradient_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c2: expected weight @wide to be a tensor of [8, 8] 'f32', got 'tensor<32x8xf32>'}}
  enc.linear_weight_gradient %x, %x weight(@wide) into [@wide] : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @linear_weight_gradient_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c2: expected bias @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  enc.linear_weight_gradient %x weight(@w) bias(@wb) into [@wb] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_weight_gradient_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c3: expected 'into' to hold some of @w, none twice, got []}}
  enc.linear_weight_gradient %x weight(@w) into [] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
func.func @linear_weight_gradient_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c3: expected 'into' to hold some of @w, @b, none twice, got [@g]}}
  enc.linear_weight_gradient %x weight(@w) bias(@b) into [@g] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @linear_weight_gradient_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c4: expected an input exactly when 'into' holds @w}}
  enc.linear_weight_gradient %x weight(@w) bias(@b) into [@w] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @linear_weight_gradient_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_weight_gradient_c4: expected an input exactly when 'into' holds @w}}
  enc.linear_weight_gradient %x, %x weight(@w) bias(@b) into [@b] : !enc.tokens<8xf32>, !enc.tokens<8xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @layer_norm_gradient_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{layer_norm_gradient_c1: expected rows of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.layer_norm_gradient %x, %x gain(@g) bias(@nb) epsilon 1.0 into [] : !enc.tokens<2x4xf32>
  return
}

// -----

enc.weight @nb = "nb" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @layer_norm_gradient_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_gradient_c2: expected gain @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.layer_norm_gradient %x, %x gain(@wb) bias(@nb) epsilon 1.0 into [] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @wb = "wb" : tensor<32xf32>
func.func @layer_norm_gradient_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_gradient_c2: expected bias @wb to be a tensor of [8] 'f32', got 'tensor<32xf32>'}}
  %0 = enc.layer_norm_gradient %x, %x gain(@g) bias(@wb) epsilon 1.0 into [] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @layer_norm_gradient_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_gradient_c3: expected epsilon to be finite and positive, got -1.000000e+00}}
  %0 = enc.layer_norm_gradient %x, %x gain(@g) bias(@nb) epsilon -1.0 into [] : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>
func.func @layer_norm_gradient_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_gradient_c4: expected 'into' to hold @g, @nb or nothing, none twice, got [@b]}}
  %0 = enc.layer_norm_gradient %x, %x gain(@g) bias(@nb) epsilon 1.0 into [@b] : !enc.tokens<8xf32>
  return
}

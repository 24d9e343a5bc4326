// One case, at least, for each labelled constraint of the unfused ops; the
// labels are those of the op descriptions.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{weight_c1: expected a static, non-empty tensor of rank 1 or 2, got 'tensor<?x8xf32>'}}
enc.weight @w = "w" : tensor<?x8xf32>

// -----

// expected-error @below {{weight_c1: expected a static, non-empty tensor of rank 1 or 2, got 'tensor<f32>'}}
enc.weight @w = "w" : tensor<f32>

// -----

// expected-error @below {{weight_c1: expected a static, non-empty tensor of rank 1 or 2, got 'tensor<2x2x2xf32>'}}
enc.weight @w = "w" : tensor<2x2x2xf32>

// -----

// expected-error @below {{weight_c1: expected a static, non-empty tensor of rank 1 or 2, got 'tensor<0x2xf32>'}}
enc.weight @w = "w" : tensor<0x2xf32>

// -----

// expected-error @below {{weight_c2: expected float or integer elements, got 'index'}}
enc.weight @w = "w" : tensor<8xindex>

// -----

// expected-error @below {{weight_c3: expected at least one layer, got 0}}
enc.weight layers 0 @w = "{layer}.w" : tensor<8xf32>

// -----

// expected-error @below {{weight_c4: expected the tensor name to contain '{layer}' exactly when 'layers' is given, got "w"}}
enc.weight layers 2 @w = "w" : tensor<8xf32>

// -----

// expected-error @below {{weight_c4: expected the tensor name to contain '{layer}' exactly when 'layers' is given, got "{layer}.w"}}
enc.weight @w = "{layer}.w" : tensor<8xf32>

// -----

enc.weight @w = "w" : tensor<8xf32> // expected-note {{see existing symbol definition here}}
// expected-error @below {{redefinition of symbol named 'w'}}
enc.weight @w = "v" : tensor<8xf32>

// -----

func.func @layers_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c1: expected 1 to 1000 trips, got 0}}
  %0 = enc.layers 0 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c1: expected 1 to 1000 trips, got 1001}}
  %0 = enc.layers 1001 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c2: expected one body argument of type '!enc.tokens<8xf32>'}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<4xf32>):
    "enc.yield"(%x) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @layers_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c2: expected one body argument of type '!enc.tokens<8xf32>'}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
    "enc.yield"(%x) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @layers_c3(%x: !enc.tokens<8xf32>, %y: !enc.tokens<4xf32>) {
  // expected-error @below {{layers_c3: expected the body to yield one value of type '!enc.tokens<8xf32>'}}
  %0 = enc.layers 2 (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %y : !enc.tokens<4xf32>
  }
  return
}

// -----

func.func @layers_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c4: expected 2 results of type '!enc.tokens<8xf32>'}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64: 1>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @layers_c4(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c4: expected 1 results of type '!enc.tokens<8xf32>'}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<4xf32>
  return
}

// -----

func.func @layers_c5(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c5: expected collected states to rise within 0 to 2, got 3}}
  %0:2 = enc.layers 2 (%h = %x) collect [3] : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c5(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c5: expected collected states to rise within 0 to 2, got 1}}
  %0:3 = enc.layers 2 (%h = %x) collect [1, 1] : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c5(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c5: expected collected states to rise within 0 to 2, got -1}}
  %0:2 = enc.layers 2 (%h = %x) collect [-1] : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @layers_c6(%x: !enc.tokens<8xf32>) {
  // expected-note @below {{the outer loop}}
  %0 = enc.layers 2 (%h = %x) : !enc.tokens<8xf32> {
    // expected-error @below {{layers_c6: expected no loop around a loop of layers}}
    %1 = enc.layers 3 (%g = %h) : !enc.tokens<8xf32> {
      enc.yield %g : !enc.tokens<8xf32>
    }
    enc.yield %1 : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @yield_outside(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{'enc.yield' op expects parent op to be one of 'enc.layers, enc.layers_backward'}}
  enc.yield %x : !enc.tokens<8xf32>
}

// -----

enc.weight @table = "table" : tensor<10x8xf32>
func.func @embed_c1(%ids: !enc.tokens<i64>) {
  // expected-error @below {{embed_c1: expected ids of type '!enc.tokens<i32>', got '!enc.tokens<i64>'}}
  %0 = enc.embed %ids table(@table) : !enc.tokens<i64> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @table = "table" : tensor<10x8xf32>
func.func @embed_c2(%ids: !enc.tokens<i32>) {
  // expected-error @below {{embed_c2: expected a result of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<2x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @table = "table" : tensor<10x8xf32>
func.func @embed_c2(%ids: !enc.tokens<i32>) {
  // expected-error @below {{embed_c2: expected table @table to be a tensor of [rows, 4] 'f32', got 'tensor<10x8xf32>'}}
  %0 = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @table = "table" : tensor<10x8xbf16>
func.func @embed_c2(%ids: !enc.tokens<i32>) {
  // expected-error @below {{embed_c2: expected table @table to be a tensor of [rows, 8] 'f32', got 'tensor<10x8xbf16>'}}
  %0 = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_symbol(%ids: !enc.tokens<i32>) {
  // expected-error @below {{refers to @table as table, which is no enc.weight}}
  %0 = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @other_symbol(%ids: !enc.tokens<i32>) {
  // expected-error @below {{refers to @other_symbol as table, which is no enc.weight}}
  %0 = enc.embed %ids table(@other_symbol) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight layers 2 @w = "{layer}.w" : tensor<8x8xf32>
func.func @layered_outside(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{uses @w, which has one tensor per layer, outside of enc.layers}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight layers 2 @w = "{layer}.w" : tensor<8x8xf32>
func.func @layered_other_trips(%x: !enc.tokens<8xf32>) {
  %0 = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    // expected-error @below {{uses @w of 2 layers in a loop of 3 trips}}
    %y = enc.linear %h weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    enc.yield %y : !enc.tokens<8xf32>
  }
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{linear_c1: expected rows of one dimension to rows of the same kind, got '!enc.tokens<2x4xf32>' to '!enc.tokens<8xf32>'}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_c1: expected rows of one dimension to rows of the same kind, got '!enc.tokens<8xf32>' to '!enc.sequences<8xf32>'}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
func.func @linear_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_c1: expected rows of one dimension to rows of the same kind, got '!enc.tokens<8xf32>' to '!enc.tokens<8xbf16>'}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xbf16>
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xi32>
func.func @linear_c1(%x: !enc.tokens<8xi32>) {
  // expected-error @below {{linear_c1: expected rows of one dimension to rows of the same kind, got '!enc.tokens<8xi32>' to '!enc.tokens<8xi32>'}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<8xi32> -> !enc.tokens<8xi32>
  return
}

// -----

// The weight is [out, in], as Hugging Face stores it.
// expected-note @below {{declared here}}
enc.weight @w = "w" : tensor<8x32xf32>
func.func @linear_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_c2: expected weight @w to be a tensor of [32, 8] 'f32', got 'tensor<8x32xf32>'}}
  %0 = enc.linear %x weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  return
}

// -----

enc.weight @w = "w" : tensor<32x8xf32>
// expected-note @below {{declared here}}
enc.weight @b = "b" : tensor<8xf32>
func.func @linear_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{linear_c3: expected bias @b to be a tensor of [32] 'f32', got 'tensor<8xf32>'}}
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<32xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
func.func @layer_norm_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{layer_norm_c1: expected rows of one dimension, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.layer_norm %x gain(@g) bias(@g) epsilon 1.0 : !enc.tokens<2x4xf32>
  return
}

// -----

// expected-note @below {{declared here}}
enc.weight @g = "g" : tensor<4xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @layer_norm_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_c2: expected gain @g to be a tensor of [8] 'f32', got 'tensor<4xf32>'}}
  %0 = enc.layer_norm %x gain(@g) bias(@b) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
// expected-note @below {{declared here}}
enc.weight @b = "b" : tensor<1x8xf32>
func.func @layer_norm_c2(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_c2: expected bias @b to be a tensor of [8] 'f32', got 'tensor<1x8xf32>'}}
  %0 = enc.layer_norm %x gain(@g) bias(@b) epsilon 1.0 : !enc.tokens<8xf32>
  return
}

// -----

enc.weight @g = "g" : tensor<8xf32>
func.func @layer_norm_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_c3: expected epsilon to be finite and positive, got 0}}
  %0 = enc.layer_norm %x gain(@g) bias(@g) epsilon 0.0 : !enc.tokens<8xf32>
  return
}

// -----

// Infinity.
enc.weight @g = "g" : tensor<8xf32>
func.func @layer_norm_c3(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layer_norm_c3: expected epsilon to be finite and positive}}
  %0 = enc.layer_norm %x gain(@g) bias(@g) epsilon 0x7FF0000000000000 : !enc.tokens<8xf32>
  return
}

// -----

func.func @split_heads_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{split_heads_c1: expected H and N x D with H = N * D, got '!enc.tokens<8xf32>' and '!enc.tokens<2x3xf32>'}}
  %0 = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x3xf32>
  return
}

// -----

func.func @split_heads_c1(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{split_heads_c1: expected H and N x D with H = N * D, got '!enc.tokens<8xf32>' and '!enc.tokens<2x4xbf16>'}}
  %0 = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xbf16>
  return
}

// -----

func.func @merge_heads_c1(%x: !enc.tokens<2x3xf32>) {
  // expected-error @below {{merge_heads_c1: expected H and N x D with H = N * D, got '!enc.tokens<8xf32>' and '!enc.tokens<2x3xf32>'}}
  %0 = enc.merge_heads %x : !enc.tokens<2x3xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @merge_heads_c1(%x: !enc.tokens<i32>) {
  // expected-error @below {{merge_heads_c1: expected H and N x D with H = N * D, got '!enc.tokens<i32>' and '!enc.tokens<i32>'}}
  %0 = enc.merge_heads %x : !enc.tokens<i32> -> !enc.tokens<i32>
  return
}

// -----

func.func @part_c1(%x: !enc.tokens<2x2x4xf32>) {
  // expected-error @below {{part_c1: expected 3 x N x D to N x D, got '!enc.tokens<2x2x4xf32>' to '!enc.tokens<2x4xf32>'}}
  %0 = enc.part 0 of %x : !enc.tokens<2x2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

func.func @part_c1(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{part_c1: expected 3 x N x D to N x D, got '!enc.tokens<3x2x4xf32>' to '!enc.tokens<4x2xf32>'}}
  %0 = enc.part 0 of %x : !enc.tokens<3x2x4xf32> -> !enc.tokens<4x2xf32>
  return
}

// -----

func.func @part_c2(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{part_c2: expected an index of 0 to 2, got 3}}
  %0 = enc.part 3 of %x : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

func.func @part_c2(%x: !enc.tokens<3x2x4xf32>) {
  // expected-error @below {{part_c2: expected an index of 0 to 2, got -1}}
  %0 = enc.part -1 of %x : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

func.func @scores_c1(%q: !enc.tokens<2x4xf32>, %k: !enc.tokens<4x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{scores_c1: expected query and key to be per-head tokens of floats of one type, got '!enc.tokens<2x4xf32>' and '!enc.tokens<4x4xf32>'}}
  %0 = enc.scores %q, %k, %o scale 1.0 : !enc.tokens<2x4xf32>, !enc.tokens<4x4xf32> -> !enc.scores<2xf32>
  return
}

// -----

func.func @scores_c1(%q: !enc.tokens<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{scores_c1: expected query and key to be per-head tokens of floats of one type, got '!enc.tokens<8xf32>' and '!enc.tokens<8xf32>'}}
  %0 = enc.scores %q, %q, %o scale 1.0 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.scores<2xf32>
  return
}

// -----

func.func @scores_c2(%q: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{scores_c2: expected scores of 2 heads of 'f32', got '!enc.scores<3xf32>'}}
  %0 = enc.scores %q, %q, %o scale 1.0 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<3xf32>
  return
}

// -----

func.func @scores_c2(%q: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{scores_c2: expected scores of 2 heads of 'f32', got '!enc.scores<2xbf16>'}}
  %0 = enc.scores %q, %q, %o scale 1.0 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xbf16>
  return
}

// -----

func.func @scores_c3(%q: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{scores_c3: expected scale to be finite and positive, got -1}}
  %0 = enc.scores %q, %q, %o scale -1.0 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  return
}

// -----

func.func @context_c1(%p: !enc.scores<3xf32>, %v: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{context_c1: expected value and result to be per-head tokens with the heads of '!enc.scores<3xf32>', got '!enc.tokens<2x4xf32>' and '!enc.tokens<2x4xf32>'}}
  %0 = enc.context %p, %v, %o : !enc.scores<3xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

func.func @context_c1(%p: !enc.scores<2xf32>, %v: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{context_c1: expected value and result to be per-head tokens with the heads of '!enc.scores<2xf32>', got '!enc.tokens<2x4xf32>' and '!enc.tokens<8xf32>'}}
  %0 = enc.context %p, %v, %o : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return
}

// -----

func.func @pool_c1(%x: !enc.tokens<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{pool_c1: expected tokens and sequences of one equal dimension, got '!enc.tokens<8xf32>' and '!enc.sequences<4xf32>'}}
  %0 = enc.pool mean %x, %o : !enc.tokens<8xf32> -> !enc.sequences<4xf32>
  return
}

// -----

func.func @pool_c1(%x: !enc.tokens<2x4xf32>, %o: !enc.offsets) {
  // expected-error @below {{pool_c1: expected tokens and sequences of one equal dimension, got '!enc.tokens<2x4xf32>' and '!enc.sequences<4xf32>'}}
  %0 = enc.pool mean %x, %o : !enc.tokens<2x4xf32> -> !enc.sequences<4xf32>
  return
}

// -----

func.func @pool_mode(%x: !enc.tokens<8xf32>, %o: !enc.offsets) {
  // expected-error @below {{expected one of cls, mean, max, mean_sqrt_len, got 'median'}}
  %0 = enc.pool median %x, %o : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  return
}

// -----

// What holds by the types of the operands is checked before the labels.
func.func @add(%x: !enc.tokens<8xf32>, %s: !enc.sequences<8xf32>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "enc.add"(%x, %s) : (!enc.tokens<8xf32>, !enc.sequences<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @gelu(%x: tensor<8xf32>) {
  // expected-error @below {{operand #0 must be one row per real token of the packed batch or one row per sequence of the batch, but got 'tensor<8xf32>'}}
  %0 = "enc.gelu"(%x) : (tensor<8xf32>) -> tensor<8xf32>
  return
}

// -----

func.func @scores_c1(%q: !enc.tokens<2x4xi8>, %o: !enc.offsets) {
  // expected-error @below {{scores_c1: expected query and key to be per-head tokens of floats of one type, got '!enc.tokens<2x4xi8>' and '!enc.tokens<2x4xi8>'}}
  %0 = enc.scores %q, %q, %o scale 1.0 : !enc.tokens<2x4xi8>, !enc.tokens<2x4xi8> -> !enc.scores<2xi8>
  return
}

// -----

func.func @softmax_c1(%s: !enc.scores<2xi8>) {
  // expected-error @below {{softmax_c1: expected scores of floats, got '!enc.scores<2xi8>'}}
  %0 = enc.softmax %s : !enc.scores<2xi8>
  return
}

// -----

func.func @gelu_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{gelu_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.gelu %x : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @gelu_tanh_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{gelu_tanh_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.gelu_tanh %x : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @relu_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{relu_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.relu %x : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @silu_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{silu_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.silu %x : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @tanh_c1(%x: !enc.tokens<2x4xf32>) {
  // expected-error @below {{tanh_c1: expected rows of one dimension of floats, got '!enc.tokens<2x4xf32>'}}
  %0 = enc.tanh %x : !enc.tokens<2x4xf32>
  return
}

// -----

func.func @add_c1(%x: !enc.tokens<i32>) {
  // expected-error @below {{add_c1: expected rows of one dimension of floats, got '!enc.tokens<i32>'}}
  %0 = enc.add %x, %x : !enc.tokens<i32>
  return
}

// -----

func.func @normalize_c1(%x: !enc.sequences<8xi8>) {
  // expected-error @below {{normalize_c1: expected rows of one dimension of floats, got '!enc.sequences<8xi8>'}}
  %0 = enc.normalize %x : !enc.sequences<8xi8>
  return
}

// IR that only the generic form can spell: an error, not a crash.
// RUN: bertc-opt %s --split-input-file --verify-diagnostics

func.func @no_terminator(%x: !enc.tokens<8xf32>) {
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    // expected-error @below {{block with no terminator}}
    %1 = "enc.tanh"(%h) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @empty_block(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expects a non-empty block}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @empty_region(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @two_blocks(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expects region #0 to have 0 or 1 blocks}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  ^bb1:
    "enc.yield"(%x) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @other_terminator(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c3: expected the body to yield one value of type '!enc.tokens<8xf32>'}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "llvm.unreachable"() : () -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_region(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{requires one region}}
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_operand() {
  // expected-error @below {{requires a single operand}}
  %0 = "enc.layers"() <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : () -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_results(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{layers_c4: expected 1 results of type '!enc.tokens<8xf32>'}}
  "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> ()
  return
}

// -----

func.func @yield_nothing(%x: !enc.tokens<8xf32>) {
  %0 = "enc.layers"(%x) <{tripCount = 2 : i64, collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    // expected-error @below {{expected 1 or more operands, but found 0}}
    "enc.yield"() : () -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_trip_count(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{requires attribute 'tripCount'}}
  %0 = "enc.layers"(%x) <{collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @wrong_attribute(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{Invalid attribute `tripCount` in property conversion: "two"}}
  %0 = "enc.layers"(%x) <{tripCount = "two", collect = array<i64>}> ({
  ^bb0(%h: !enc.tokens<8xf32>):
    "enc.yield"(%h) : (!enc.tokens<8xf32>) -> ()
  }) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @no_weight(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{requires attribute 'weight'}}
  %0 = "enc.linear"(%x) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @tensor_for_tokens(%x: tensor<8xf32>) {
  // expected-error @below {{operand #0 must be one row per real token of the packed batch or one row per sequence of the batch, but got 'tensor<8xf32>'}}
  %0 = "enc.linear"(%x) <{weight = @w}> : (tensor<8xf32>) -> !enc.tokens<8xf32>
  return
}

// -----

func.func @weight_in_function() {
  // expected-error @below {{symbol's parent must have the SymbolTable trait}}
  enc.weight @w = "w" : tensor<8xf32>
  return
}

// -----

// expected-error @below {{attribute 'type' failed to satisfy constraint}}
"enc.weight"() <{sym_name = "w", tensor = "w", type = vector<8xf32>}> : () -> ()

// -----

// The layer loop's own syntax.
func.func @trips(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expected integer value}}
  %0 = enc.layers many (%h = %x) : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @collect(%x: !enc.tokens<8xf32>) {
  // expected-error @below {{expected integer value}}
  %0 = enc.layers 2 (%h = %x) collect [all] : !enc.tokens<8xf32> {
    enc.yield %h : !enc.tokens<8xf32>
  }
  return
}

// -----

func.func @carried_type(%x: !enc.tokens<8xf32>) { // expected-note {{prior use here}}
  // expected-error @below {{expects different type than prior uses: '!enc.tokens<4xf32>' vs '!enc.tokens<8xf32>'}}
  %0 = enc.layers 2 (%h = %x) : !enc.tokens<4xf32> {
    enc.yield %h : !enc.tokens<4xf32>
  }
  return
}

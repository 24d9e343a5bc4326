// What bertc-interpret prints, and what it says when it cannot run.

// RUN: bertc-interpret %s | FileCheck %s
// CHECK: last_hidden_state: [9, 2], rms {{[0-9.]+}}, first {{(-?[0-9.]+ ?){4}$}}
// CHECK: result1: [3, 2]

// The same seed gives the same numbers, another one does not.
// RUN: bertc-interpret %s --seed=7 > %t.7
// RUN: bertc-interpret %s --seed=7 | diff %t.7 -
// RUN: bertc-interpret %s --seed=8 > %t.8
// RUN: not diff %t.7 %t.8

// RUN: bertc-interpret %s --lengths=2,2 | FileCheck %s --check-prefix=LENGTHS
// LENGTHS: last_hidden_state: [4, 2]
// LENGTHS: result1: [2, 2]

// RUN: not bertc-interpret %s --lengths=3,0 2>&1 | FileCheck %s --check-prefix=EMPTY
// EMPTY: error: --lengths expects 1 to 100000 tokens for each sequence, got 0

// RUN: not bertc-interpret %s --entry=other 2>&1 | FileCheck %s --check-prefix=ENTRY
// ENTRY: error: no function 'other' in {{.*}}interpret.mlir
// ENTRY-NEXT: help: --entry names another one

// RUN: not bertc-interpret %s --entry=integers 2>&1 | FileCheck %s --check-prefix=INTEGERS
// INTEGERS: error: argument 0 has type 'i32', expected enc tokens, sequences, offsets or random

// RUN: not bertc-interpret %s.missing 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: could not open input file {{.*}}.missing

enc.weight @table = "table" : tensor<7x2xf32>

func.func @forward(%ids: !enc.tokens<i32>, %offsets: !enc.offsets)
    -> (!enc.tokens<2xf32> {enc.name = "last_hidden_state"},
        !enc.sequences<2xf32>) {
  %0 = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<2xf32>
  %1 = enc.pool cls %0, %offsets : !enc.tokens<2xf32> -> !enc.sequences<2xf32>
  return %0, %1 : !enc.tokens<2xf32>, !enc.sequences<2xf32>
}

func.func @integers(%x: i32) {
  return
}

// RUN: bertc-opt %s --canonicalize | FileCheck %s

// Views that cancel.
// CHECK-LABEL: func.func @merge_of_split(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>
// CHECK-NEXT: return %[[X]]
func.func @merge_of_split(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %1 = enc.merge_heads %0 : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %1 : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @split_of_merge(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<2x4xf32>
// CHECK-NEXT: return %[[X]]
func.func @split_of_merge(%x: !enc.tokens<2x4xf32>) -> !enc.tokens<2x4xf32> {
  %0 = enc.merge_heads %x : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  %1 = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  return %1 : !enc.tokens<2x4xf32>
}

// Other heads than before: not the same view.
// CHECK-LABEL: func.func @split_differently(
// CHECK: enc.merge_heads
// CHECK: enc.split_heads
func.func @split_differently(%x: !enc.tokens<2x4xf32>) -> !enc.tokens<4x2xf32> {
  %0 = enc.merge_heads %x : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  %1 = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<4x2xf32>
  return %1 : !enc.tokens<4x2xf32>
}

// CHECK-LABEL: func.func @relu_twice(
// CHECK: %[[Y:.*]] = enc.relu
// CHECK-NEXT: return %[[Y]]
func.func @relu_twice(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.relu %x : !enc.tokens<8xf32>
  %1 = enc.relu %0 : !enc.tokens<8xf32>
  return %1 : !enc.tokens<8xf32>
}

// A row shorter than 1e-12 is not of unit length after one application.
// CHECK-LABEL: func.func @normalize_twice(
// CHECK-COUNT-2: enc.normalize
func.func @normalize_twice(%x: !enc.sequences<8xf32>) -> !enc.sequences<8xf32> {
  %0 = enc.normalize %x : !enc.sequences<8xf32>
  %1 = enc.normalize %0 : !enc.sequences<8xf32>
  return %1 : !enc.sequences<8xf32>
}

// Float addition is not associative: sums keep their order.
// CHECK-LABEL: func.func @add_order(
// CHECK-SAME: %[[A:.*]]: !enc.tokens<8xf32>, %[[B:.*]]: !enc.tokens<8xf32>, %[[C:.*]]: !enc.tokens<8xf32>
// CHECK-NEXT: %[[AB:.*]] = enc.add %[[A]], %[[B]]
// CHECK-NEXT: enc.add %[[AB]], %[[C]]
func.func @add_order(%a: !enc.tokens<8xf32>, %b: !enc.tokens<8xf32>, %c: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.add %a, %b : !enc.tokens<8xf32>
  %1 = enc.add %0, %c : !enc.tokens<8xf32>
  return %1 : !enc.tokens<8xf32>
}

// Unused pure ops go, and the loop with them.
// CHECK-LABEL: func.func @unused(
// CHECK-NEXT: return
func.func @unused(%x: !enc.tokens<8xf32>, %o: !enc.offsets) {
  %0 = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    %1 = enc.tanh %h : !enc.tokens<8xf32>
    enc.yield %1 : !enc.tokens<8xf32>
  }
  %2 = enc.pool mean %0, %o : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  %3 = enc.normalize %2 : !enc.sequences<8xf32>
  return
}

// Only used states stay collected.
// CHECK-LABEL: func.func @collected(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>
// CHECK: %[[L:.*]]:2 = enc.layers 3 (%{{.*}} = %[[X]]) collect [2] : !enc.tokens<8xf32> {
// CHECK: } {note = "kept"}
// CHECK: return %[[L]]#0, %[[L]]#1
func.func @collected(%x: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %last, %states:3 = enc.layers 3 (%h = %x) collect [0, 2, 3] : !enc.tokens<8xf32> {
    %0 = enc.tanh %h : !enc.tokens<8xf32>
    enc.yield %0 : !enc.tokens<8xf32>
  } {note = "kept"}
  return %last, %states#1 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

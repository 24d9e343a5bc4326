// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-linear-add-norm))' \
// RUN:   --remark-format=emitRemark --remarks-filter=fusion --verify-diagnostics | FileCheck %s
// RUN: not bertc-opt %s --mlir-disable-threading \
// RUN:   --pass-pipeline='builtin.module(func.func(enc-fuse-linear-add-norm{require=true}))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REQUIRE

enc.weight @w = "w" : tensor<8x6xf32>
enc.weight @square = "square" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @nb = "nb" : tensor<8xf32>

// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[X:[^:]*]]: !enc.tokens<6xf32>, %[[R:[^:]*]]: !enc.tokens<8xf32>
// CHECK-NEXT: %[[Y:.*]] = enc.fused_linear_add_norm %[[X]], %[[R]] weight(@w) bias(@b) gain(@g) norm_bias(@nb) epsilon 5.000000e-01
// CHECK-NEXT: return %[[Y]]
func.func @fused(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %r : !enc.tokens<8xf32>
  // expected-remark @below {{[Passed] linear-add-norm | Category:fusion | Function=fused | Remark="made enc.fused_linear_add_norm"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// The linear layer may be on either side of the sum.
// CHECK-LABEL: func.func @commuted(
// CHECK-SAME: %[[X:[^:]*]]: !enc.tokens<6xf32>, %[[R:[^:]*]]: !enc.tokens<8xf32>
// CHECK-NEXT: enc.fused_linear_add_norm %[[X]], %[[R]]
func.func @commuted(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %r, %0 : !enc.tokens<8xf32>
  // expected-remark-re @below {{[Passed] linear-add-norm {{.*}}made enc.fused_linear_add_norm}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// Two linear layers: the one that is free to go is taken.
// CHECK-LABEL: func.func @second_of_two(
// CHECK-SAME: %[[X:[^:]*]]: !enc.tokens<6xf32>
// CHECK-NEXT: %[[A:.*]] = enc.linear %[[X]] weight(@w) bias(@b)
// CHECK-NEXT: enc.fused_linear_add_norm %[[A]], %[[A]] weight(@square)
func.func @second_of_two(%x: !enc.tokens<6xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %0 weight(@square) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.add %0, %1 : !enc.tokens<8xf32>
  // expected-remark-re @below {{[Passed] linear-add-norm {{.*}}made enc.fused_linear_add_norm}}
  %3 = enc.layer_norm %2 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %3 : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @no_bias(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @no_bias(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %r : !enc.tokens<8xf32>
  // REQUIRE: error: required fusion 'linear-add-norm' missed: the linear layer has no bias
  // expected-remark @below {{[Missed] linear-add-norm | Category:fusion | Function=no_bias | Reason="the linear layer has no bias"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @linear_used(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @linear_used(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %r : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="the linear layer has other uses"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2, %0 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @twice_itself(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @twice_itself(%x: !enc.tokens<6xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %0 : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="the linear layer has other uses"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @sum_used(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @sum_used(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %r : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="the sum has other uses"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %2, %1 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @sequences(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @sequences(%x: !enc.sequences<6xf32>, %r: !enc.sequences<8xf32>) -> !enc.sequences<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.sequences<6xf32> -> !enc.sequences<8xf32>
  %1 = enc.add %0, %r : !enc.sequences<8xf32>
  // expected-remark @below {{Reason="the rows are sequences, expected tokens"}}
  %2 = enc.layer_norm %1 gain(@g) bias(@nb) epsilon 0.5 : !enc.sequences<8xf32>
  return %2 : !enc.sequences<8xf32>
}

// Computed once, used in each layer: not moved into the loop.
// CHECK-LABEL: func.func @other_block(
// CHECK-NOT: enc.fused_linear_add_norm
func.func @other_block(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.layers 3 (%h = %r) : !enc.tokens<8xf32> {
    %2 = enc.add %0, %h : !enc.tokens<8xf32>
    // expected-remark @below {{Reason="the linear layer is in another block"}}
    %3 = enc.layer_norm %2 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
    enc.yield %3 : !enc.tokens<8xf32>
  }
  return %1 : !enc.tokens<8xf32>
}

// No linear layer in the sum: no candidate, no remark.
// CHECK-LABEL: func.func @no_candidate(
func.func @no_candidate(%r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.add %r, %r : !enc.tokens<8xf32>
  %1 = enc.layer_norm %0 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %1 : !enc.tokens<8xf32>
}

// Something else reads what the dropout left.
// CHECK-LABEL: func.func @dropout_reused(
// CHECK: enc.dropout
// CHECK: enc.layer_norm
func.func @dropout_reused(%x: !enc.tokens<6xf32>, %r: !enc.tokens<8xf32>, %random: !enc.random) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<6xf32> -> !enc.tokens<8xf32>
  %1 = enc.dropout %0, %random site 0 rate 0.5 : !enc.tokens<8xf32>
  %2 = enc.add %1, %r : !enc.tokens<8xf32>
  // expected-remark @below {{[Missed] linear-add-norm | Category:fusion | Function=dropout_reused | Reason="the dropout has other uses"}}
  %3 = enc.layer_norm %2 gain(@g) bias(@nb) epsilon 0.5 : !enc.tokens<8xf32>
  return %1, %3 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-feed-forward))' \
// RUN:   --remarks-filter=fusion --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-feed-forward{require=true}))' \
// RUN:   --split-input-file 2>&1 | FileCheck %s --check-prefix=REQUIRE

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @gelu(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = enc.fused_feed_forward %[[X]] activation({{ ?}}gelu) up(@up, @up_bias) down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 5.000000e-01 : !enc.tokens<8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @gelu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu %0 : !enc.tokens<16xf32>
  // expected-remark-re @below {{[Passed] feed-forward {{.*}}made enc.fused_feed_forward}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @gelu_tanh(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = enc.fused_feed_forward %[[X]] activation({{ ?}}gelu_tanh) up(@up, @up_bias) down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 5.000000e-01 : !enc.tokens<8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @gelu_tanh(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu_tanh %0 : !enc.tokens<16xf32>
  // expected-remark-re @below {{[Passed] feed-forward {{.*}}made enc.fused_feed_forward}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @relu(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = enc.fused_feed_forward %[[X]] activation({{ ?}}relu) up(@up, @up_bias) down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 5.000000e-01 : !enc.tokens<8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @relu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.relu %0 : !enc.tokens<16xf32>
  // expected-remark-re @below {{[Passed] feed-forward {{.*}}made enc.fused_feed_forward}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @silu(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = enc.fused_feed_forward %[[X]] activation({{ ?}}silu) up(@up, @up_bias) down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 5.000000e-01 : !enc.tokens<8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @silu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.silu %0 : !enc.tokens<16xf32>
  // expected-remark-re @below {{[Passed] feed-forward {{.*}}made enc.fused_feed_forward}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @tanh(
// CHECK-SAME: %[[X:.*]]: !enc.tokens<8xf32>)
// CHECK-NEXT: %[[Y:.*]] = enc.fused_feed_forward %[[X]] activation({{ ?}}tanh) up(@up, @up_bias) down(@down, @down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 5.000000e-01 : !enc.tokens<8xf32>
// CHECK-NEXT: return %[[Y]]
func.func @tanh(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.tanh %0 : !enc.tokens<16xf32>
  // expected-remark-re @below {{[Passed] feed-forward {{.*}}made enc.fused_feed_forward}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @other_residual(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @other_residual(%x: !enc.tokens<8xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu %0 : !enc.tokens<16xf32>
  // REQUIRE: error: required fusion 'feed-forward' missed: the residual is not the block's input
  // expected-remark @below {{the residual is not the block's input}}
  %2 = enc.fused_linear_add_norm %1, %r weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @no_bias(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @no_bias(%x: !enc.tokens<8xf32>, %r: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu %0 : !enc.tokens<16xf32>
  // REQUIRE: error: required fusion 'feed-forward' missed: the first linear layer has no bias
  // expected-remark @below {{the first linear layer has no bias}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @linear_used(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @linear_used(%x: !enc.tokens<8xf32>, %r: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<16xf32>) {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu %0 : !enc.tokens<16xf32>
  // expected-remark @below {{the intermediate has other uses}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2, %0 : !enc.tokens<8xf32>, !enc.tokens<16xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @activation_used(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @activation_used(%x: !enc.tokens<8xf32>, %r: !enc.tokens<8xf32>) -> (!enc.tokens<8xf32>, !enc.tokens<16xf32>) {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %1 = enc.gelu %0 : !enc.tokens<16xf32>
  // expected-remark @below {{the intermediate has other uses}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2, %1 : !enc.tokens<8xf32>, !enc.tokens<16xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @no_linear(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @no_linear(%x: !enc.tokens<8xf32>, %wide: !enc.tokens<16xf32>) -> !enc.tokens<8xf32> {
  %1 = enc.gelu %wide : !enc.tokens<16xf32>
  // expected-remark @below {{the activation's input is no linear layer}}
  %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// CHECK-LABEL: func.func @other_block(
// CHECK-NOT: enc.fused_feed_forward
// CHECK: enc.fused_linear_add_norm
func.func @other_block(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %last = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    %1 = enc.gelu %0 : !enc.tokens<16xf32>
    // expected-remark @below {{the first linear layer is in another block}}
    %2 = enc.fused_linear_add_norm %1, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    enc.yield %2 : !enc.tokens<8xf32>
  }
  return %last : !enc.tokens<8xf32>
}

// -----

enc.weight @up = "up" : tensor<16x8xf32>
enc.weight @up_bias = "up_bias" : tensor<16xf32>
enc.weight @down = "down" : tensor<8x16xf32>
enc.weight @down_bias = "down_bias" : tensor<8xf32>
enc.weight @gain = "gain" : tensor<8xf32>
enc.weight @norm_bias = "norm_bias" : tensor<8xf32>

// Without an activation it is the output projection of attention, no candidate.
// CHECK-LABEL: func.func @no_activation(
// CHECK: enc.fused_linear_add_norm
// REQUIRE: error: required fusion 'feed-forward' found no candidate in the function
func.func @no_activation(%x: !enc.tokens<8xf32>, %wide: !enc.tokens<16xf32>) -> !enc.tokens<8xf32> {
  %2 = enc.fused_linear_add_norm %wide, %x weight(@down) bias(@down_bias) gain(@gain) norm_bias(@norm_bias) epsilon 0.5 : !enc.tokens<16xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  return %2 : !enc.tokens<8xf32>
}

// The register tile is fixed by the target's registers: 6 x 1 panels of 16
// columns fill the 16 of AVX2, 8 x 3 the 32 of AVX-512. Block sizes come from
// caches and may be tuned, so they are not pinned here.
// RUN: bertc-opt %s --enc-plan=target=x86-64-v3 | FileCheck %s --check-prefixes=CHECK,V3 \
// RUN:   -DTARGET=x86-64-v3 -DROWS=6 -DPANELS=1
// RUN: bertc-opt %s --enc-plan=target=x86-64-v4 | FileCheck %s --check-prefixes=CHECK,V4 \
// RUN:   -DTARGET=x86-64-v4 -DROWS=8 -DPANELS=3

// Planning again changes nothing.
// RUN: bertc-opt %s --enc-plan=target=x86-64-v4 -o %t
// RUN: bertc-opt %t --enc-plan=target=x86-64-v4 | diff %t -

// RUN: not bertc-opt %s --enc-plan=target=x86-64-v9 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not bertc-opt %s --enc-plan 2>&1 | FileCheck %s --check-prefix=NONE
// UNKNOWN: error: unknown target 'x86-64-v9', expected one of x86-64-v3 x86-64-v4 x86-64-v4-bf16 x86-64-v4-amx
// RUN: not bertc-opt %s --enc-plan="target=x86-64-v3 precision=fp16" 2>&1 | FileCheck %s --check-prefix=FP16
// FP16: error: unknown precision 'fp16', expected one of f32 bf16 int8 bf16-w8 f32-fast f16
// RUN: not bertc-opt %s --enc-plan="target=x86-64-v3 precision=f16" 2>&1 | FileCheck %s --check-prefix=F16
// F16: error: no processor has the precision 'f16', expected one of f32 bf16 int8 bf16-w8 f32-fast
// RUN: bertc-opt %s --enc-plan="target=x86-64-v3 precision=int8" | FileCheck %s --check-prefix=INT8
// INT8: module attributes {enc.precision = "int8", enc.row_split_tokens =
// NONE: error: unknown target '', expected one of x86-64-v3 x86-64-v4 x86-64-v4-bf16 x86-64-v4-amx

// CHECK: module attributes {enc.row_split_tokens = {{[1-9][0-9]*}} : i64, enc.target = "[[TARGET]]"}
enc.weight @word = "word" : tensor<100x768xf32>
enc.weight @square = "square" : tensor<768x768xf32>
enc.weight @up = "up" : tensor<3072x768xf32>
enc.weight @up_bias = "up_bias" : tensor<3072xf32>
enc.weight @down = "down" : tensor<768x3072xf32>
enc.weight @b = "b" : tensor<768xf32>
enc.weight @narrow = "narrow" : tensor<16x768xf32>
enc.weight @three_heads = "three_heads" : tensor<51x51xf32>
enc.weight @odd = "odd" : tensor<17x768xf32>

// CHECK-LABEL: func.func @base(
func.func @base(%x: !enc.tokens<768xf32>, %offsets: !enc.offsets) -> !enc.sequences<768xf32> {
  // CHECK: enc.fused_qkv {{.*}} {plan = {arithmetic = "f32", depth_block = {{[1-9][0-9]*}} : i64, group = {{[1-9][0-9]*}} : i64, panels = [[PANELS]] : i64, row_block = {{[1-9][0-9]*}} : i64, rows = [[ROWS]] : i64}}
  %qkv = enc.fused_qkv %x query(@square, @b) key(@square, @b) value(@square, @b) : !enc.tokens<768xf32> -> !enc.tokens<3x12x64xf32>
  // CHECK: enc.fused_attention {{.*}} {plan = {arithmetic = "f32", key_panels = [[PANELS]] : i64, rows = [[ROWS]] : i64, value_panels = [[PANELS]] : i64}}
  %a = enc.fused_attention %qkv, %offsets scale 0.125 : !enc.tokens<3x12x64xf32> -> !enc.tokens<768xf32>
  // CHECK: enc.fused_linear_add_norm {{.*}} {plan = {arithmetic = "f32", depth_block = {{[1-9][0-9]*}} : i64, group = {{[1-9][0-9]*}} : i64, panels = [[PANELS]] : i64, row_block = {{[1-9][0-9]*}} : i64, rows = [[ROWS]] : i64}}
  %y = enc.fused_linear_add_norm %a, %x weight(@square) bias(@b) gain(@b) norm_bias(@b) epsilon 1.0 : !enc.tokens<768xf32>, !enc.tokens<768xf32> -> !enc.tokens<768xf32>
  // Both linear layers of a block have a plan.
  // CHECK: enc.fused_feed_forward {{.*}} {plan = {down = {{{.*}}panels = [[PANELS]] : i64, {{.*}}rows = [[ROWS]] : i64}, up = {{{.*}}panels = [[PANELS]] : i64, {{.*}}rows = [[ROWS]] : i64}}}
  %z = enc.fused_feed_forward %y activation(gelu) up(@up, @up_bias) down(@down, @b) gain(@b) norm_bias(@b) epsilon 1.0 : !enc.tokens<768xf32>
  // Nothing to choose.
  // CHECK: enc.pool cls
  // CHECK-NOT: plan
  // CHECK-SAME: -> !enc.sequences<768xf32>
  %p = enc.pool cls %z, %offsets : !enc.tokens<768xf32> -> !enc.sequences<768xf32>
  // CHECK: enc.linear {{.*}} {plan = {{{.*}}panels = [[PANELS]] : i64, {{.*}}rows = [[ROWS]] : i64}}
  %l = enc.linear %p weight(@square) bias(@b) : !enc.sequences<768xf32> -> !enc.sequences<768xf32>
  return %l : !enc.sequences<768xf32>
}

// A tile is no wider than the weight: 16 columns are one panel, 17 are two.
// CHECK-LABEL: func.func @few_columns(
// V3: enc.linear {{.*}} weight(@narrow) {plan = {{{.*}}panels = 1 : i64
// V4: enc.linear {{.*}} weight(@narrow) {plan = {{{.*}}panels = 1 : i64
// V3: enc.linear {{.*}} weight(@odd) {plan = {{{.*}}panels = 1 : i64
// V4: enc.linear {{.*}} weight(@odd) {plan = {{{.*}}panels = 2 : i64
func.func @few_columns(%x: !enc.tokens<768xf32>) -> (!enc.tokens<16xf32>, !enc.tokens<17xf32>) {
  %0 = enc.linear %x weight(@narrow) : !enc.tokens<768xf32> -> !enc.tokens<16xf32>
  %1 = enc.linear %x weight(@odd) : !enc.tokens<768xf32> -> !enc.tokens<17xf32>
  return %0, %1 : !enc.tokens<16xf32>, !enc.tokens<17xf32>
}

// Heads of 32 columns, as in MiniLM, and of 17.
// CHECK-LABEL: func.func @heads(
// V3: enc.fused_attention {{.*}} {plan = {arithmetic = "f32", key_panels = 1 : i64, rows = 6 : i64, value_panels = 1 : i64}} : !enc.tokens<3x12x32xf32>
// V4: enc.fused_attention {{.*}} {plan = {arithmetic = "f32", key_panels = 3 : i64, rows = 8 : i64, value_panels = 2 : i64}} : !enc.tokens<3x12x32xf32>
// V3: enc.fused_attention {{.*}} {plan = {arithmetic = "f32", key_panels = 1 : i64, rows = 6 : i64, value_panels = 1 : i64}} : !enc.tokens<3x2x17xf32>
// V4: enc.fused_attention {{.*}} {plan = {arithmetic = "f32", key_panels = 3 : i64, rows = 8 : i64, value_panels = 2 : i64}} : !enc.tokens<3x2x17xf32>
func.func @heads(%x: !enc.tokens<3x12x32xf32>, %y: !enc.tokens<3x2x17xf32>, %offsets: !enc.offsets) -> (!enc.tokens<384xf32>, !enc.tokens<34xf32>) {
  %0 = enc.fused_attention %x, %offsets scale 0.125 : !enc.tokens<3x12x32xf32> -> !enc.tokens<384xf32>
  %1 = enc.fused_attention %y, %offsets scale 0.125 : !enc.tokens<3x2x17xf32> -> !enc.tokens<34xf32>
  return %0, %1 : !enc.tokens<384xf32>, !enc.tokens<34xf32>
}

// Attention leaves heads of 17 columns padded to 32: three of them are 96 k steps,
// not 51, in whole tiles of 64.
// CHECK-LABEL: func.func @padded_depth(
// CHECK: enc.linear {{.*}} {plan = {arithmetic = "f32", depth_block = 128 : i64
func.func @padded_depth(%x: !enc.tokens<3x3x17xf32>, %offsets: !enc.offsets) -> !enc.tokens<51xf32> {
  %0 = enc.fused_attention %x, %offsets scale 0.125 : !enc.tokens<3x3x17xf32> -> !enc.tokens<51xf32>
  %1 = enc.linear %0 weight(@three_heads) : !enc.tokens<51xf32> -> !enc.tokens<51xf32>
  return %1 : !enc.tokens<51xf32>
}

// A plan that is there stays, whatever it says; ops in a layer body get theirs.
// CHECK-LABEL: func.func @pinned(
// CHECK: enc.layers
// CHECK: enc.linear {{.*}} {plan = {arithmetic = "f32", depth_block = 8 : i64, group = 4 : i64, panels = 2 : i64, row_block = 4 : i64, rows = 2 : i64}}
// CHECK: enc.linear {{.*}} {plan = {{{.*}}rows = [[ROWS]] : i64}}
func.func @pinned(%x: !enc.tokens<768xf32>) -> !enc.tokens<768xf32> {
  %0 = enc.layers 3 (%h = %x) : !enc.tokens<768xf32> {
    %1 = enc.linear %h weight(@square) {plan = {arithmetic = "f32", depth_block = 8 : i64, group = 4 : i64, panels = 2 : i64, row_block = 4 : i64, rows = 2 : i64}} : !enc.tokens<768xf32> -> !enc.tokens<768xf32>
    %2 = enc.linear %1 weight(@square) : !enc.tokens<768xf32> -> !enc.tokens<768xf32>
    enc.yield %2 : !enc.tokens<768xf32>
  }
  return %0 : !enc.tokens<768xf32>
}

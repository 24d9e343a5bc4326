// RUN: bertc-opt %s --enc-plan=target=x86-64-v3 --enc-lower-to-kernels \
// RUN:   | FileCheck %s --implicit-check-not='llvm.call %'

// Two ways through the function: few tokens are split by panels, many by rows.
// A barrier is an indirect call: there are six a layer in the first, three in the
// second, and one before each loop.

enc.weight @table = "table" : tensor<100x32xf32>
enc.weight layers 3 @w = "{layer}.w" : tensor<32x32xf32>
enc.weight layers 3 @v = "{layer}.v" : tensor<32xf32>
enc.weight layers 3 @up = "{layer}.up" : tensor<64x32xf32>
enc.weight layers 3 @u = "{layer}.u" : tensor<64xf32>
enc.weight layers 3 @down = "{layer}.down" : tensor<32x64xf32>

// CHECK-LABEL: func.func @bertc_forward_x86_64_v3(
// CHECK: scf.if
// CHECK: call @embed_32
// The value before the loop is read after it: it is copied, not overwritten.
// CHECK: call @copy_32
// CHECK: llvm.call %
// CHECK: scf.for
// Query, key and value of a thread's heads, in one call.
// CHECK: call @linear_f32_32x96_{{.*}}_parts3
// CHECK: call @attention_f32_16_
// CHECK: llvm.call %
// CHECK: call @linear_f32_32x32_
// CHECK: llvm.call %
// CHECK: call @layer_norm_32
// CHECK: llvm.call %
// CHECK: call @linear_f32_32x64_bias_gelu
// CHECK: llvm.call %
// CHECK: call @linear_f32_64x32_
// CHECK: llvm.call %
// CHECK: call @layer_norm_32
// CHECK: llvm.call %
// CHECK: call @add_32
// CHECK: } else {
// CHECK: call @embed_32
// CHECK: call @copy_32
// CHECK: llvm.call %
// CHECK: scf.for
// CHECK: call @linear_f32_32x96_
// CHECK: llvm.call %
// Attention has a split of its own: equal shares of the squares of lengths.
// CHECK: call @attention_f32_16_
// CHECK: llvm.call %
// CHECK: call @linear_f32_32x32_
// CHECK: call @layer_norm_32
// Inside a block of rows each kernel is a phase of a profile.
// CHECK: call @begin_phase(
// CHECK: call @linear_f32_32x64_bias_gelu
// CHECK: call @begin_phase(
// CHECK: call @linear_f32_64x32_
// CHECK: call @begin_phase(
// CHECK: call @layer_norm_32
// CHECK: llvm.call %
// CHECK: call @add_32
// What a run pays that is not profiled: a call and a branch.
// CHECK: func.func private @begin_phase(
// CHECK: scf.if
// CHECK-NEXT: arith.index_cast
// CHECK: llvm.call %
func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets)
    -> (!enc.tokens<32xf32> {enc.name = "last_hidden_state"}) {
  %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<32xf32>
  %last = enc.layers 3 (%h = %x) : !enc.tokens<32xf32> {
    %qkv = enc.fused_qkv %h query(@w, @v) key(@w, @v) value(@w, @v) : !enc.tokens<32xf32> -> !enc.tokens<3x2x16xf32>
    %c = enc.fused_attention %qkv, %offsets scale 0.25 : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    %a = enc.fused_linear_add_norm %c, %h weight(@w) bias(@v) gain(@v) norm_bias(@v) epsilon 1.0e-12 : !enc.tokens<32xf32>, !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    %f = enc.fused_feed_forward %a activation(gelu) up(@up, @u) down(@down, @v) gain(@v) norm_bias(@v) epsilon 1.0e-12 : !enc.tokens<32xf32>
    enc.yield %f : !enc.tokens<32xf32>
  }
  %y = enc.add %last, %x : !enc.tokens<32xf32>
  return %y : !enc.tokens<32xf32>
}

// RUN: bertc-opt %s --enc-plan=target=x86-64-v3 --enc-lower-to-kernels | FileCheck %s

// A scale is a constant of the kernel: another one than 1 / sqrt(head size) is in
// its name, so that two of them do not share a function.

enc.weight @table = "table" : tensor<100x32xf32>
enc.weight @w = "w" : tensor<32x32xf32>
enc.weight @v = "v" : tensor<32xf32>

// CHECK-LABEL: func.func @bertc_forward_x86_64_v3(
// CHECK: call @[[USUAL:attention_f32_16_ld[0-9]+_[0-9]+]](
// CHECK: call @[[USUAL]]_scale3fe0000000000000(
// CHECK-DAG: func.func private @[[USUAL]](
// CHECK-DAG: func.func private @[[USUAL]]_scale3fe0000000000000(
func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> (!enc.tokens<32xf32> {enc.name = "last_hidden_state"}) {
  %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<32xf32>
  %qkv = enc.fused_qkv %x query(@w, @v) key(@w, @v) value(@w, @v) : !enc.tokens<32xf32> -> !enc.tokens<3x2x16xf32>
  %a = enc.fused_attention %qkv, %offsets scale 0.25 : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
  %b = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
  %c = enc.add %a, %b : !enc.tokens<32xf32>
  return %c : !enc.tokens<32xf32>
}

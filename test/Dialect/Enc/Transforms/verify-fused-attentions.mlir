// Training hands out no probabilities.
// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused{training=true}))' --verify-diagnostics

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>
func.func @attention(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  // expected-error @below {{'enc.fused_attention' op hands out its probabilities, which training has no kernel for}}
  %m, %p = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
  return
}

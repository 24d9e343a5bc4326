// The rows of a feed-forward block whose intermediate is alive at a time. Either so
// few that it stays in half of L2, or many, so that weights are read less often:
// what moves fewer bytes from beyond L2.
// RUN: bertc-opt %s --enc-plan="target=x86-64-v3 precision=f32" | FileCheck %s --check-prefix=MANY -DROWS=192
// RUN: bertc-opt %s --enc-plan="target=x86-64-v4-amx precision=bf16" | FileCheck %s --check-prefix=FEW -DROWS=320
// RUN: bertc-opt %s --enc-plan="target=x86-64-v4-amx precision=int8" | FileCheck %s --check-prefix=FEW -DROWS=128
enc.weight @up = "up" : tensor<1536x384xf32>
enc.weight @up_bias = "up_bias" : tensor<1536xf32>
enc.weight @down = "down" : tensor<384x1536xf32>
enc.weight @b = "b" : tensor<384xf32>
enc.weight @large_up = "large_up" : tensor<4096x1024xf32>
enc.weight @large_up_bias = "large_up_bias" : tensor<4096xf32>
enc.weight @large_down = "large_down" : tensor<1024x4096xf32>
enc.weight @large_b = "large_b" : tensor<1024xf32>

// MANY: enc.fused_feed_forward {{.*}}up(@up, {{.*}}row_block = [[ROWS]] : {{.*}}row_block = [[ROWS]] :
// MANY: enc.fused_feed_forward {{.*}}up(@large_up, {{.*}}row_block = [[ROWS]] : {{.*}}row_block = [[ROWS]] :
// FEW: enc.fused_feed_forward {{.*}}up(@up, {{.*}}row_block = [[ROWS]] : {{.*}}row_block = [[ROWS]] :
// FEW: enc.fused_feed_forward {{.*}}up(@large_up, {{.*}}row_block = 384 : {{.*}}row_block = 384 :
func.func @blocks(%x: !enc.tokens<384xf32>, %y: !enc.tokens<1024xf32>) -> (!enc.tokens<384xf32>, !enc.tokens<1024xf32>) {
  %0 = enc.fused_feed_forward %x activation(gelu) up(@up, @up_bias) down(@down, @b) gain(@b) norm_bias(@b) epsilon 1.0 : !enc.tokens<384xf32>
  %1 = enc.fused_feed_forward %y activation(gelu) up(@large_up, @large_up_bias) down(@large_down, @large_b) gain(@large_b) norm_bias(@large_b) epsilon 1.0 : !enc.tokens<1024xf32>
  return %0, %1 : !enc.tokens<384xf32>, !enc.tokens<1024xf32>
}

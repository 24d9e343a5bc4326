// A feed-forward block keeps its results under fusion, whatever its activation.

// RUN: bertc-interpret %s --entry=gelu --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s
// RUN: bertc-interpret %s --entry=gelu_tanh --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s
// RUN: bertc-interpret %s --entry=relu --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s
// RUN: bertc-interpret %s --entry=silu --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s
// RUN: bertc-interpret %s --entry=tanh --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s

// CHECK: 5 enc.fused_feed_forward
// CHECK: result0: [9, 8], largest difference 0.0E+00

enc.weight @up = "up.weight" : tensor<20x8xf32>
enc.weight @up_bias = "up.bias" : tensor<20xf32>
enc.weight @down = "down.weight" : tensor<8x20xf32>
enc.weight @down_bias = "down.bias" : tensor<8xf32>
enc.weight @gain = "norm.weight" : tensor<8xf32>
enc.weight @norm_bias = "norm.bias" : tensor<8xf32>

func.func @gelu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<20xf32>
  %1 = enc.gelu %0 : !enc.tokens<20xf32>
  %2 = enc.linear %1 weight(@down) bias(@down_bias) : !enc.tokens<20xf32> -> !enc.tokens<8xf32>
  %3 = enc.add %2, %x : !enc.tokens<8xf32>
  %4 = enc.layer_norm %3 gain(@gain) bias(@norm_bias) epsilon 1.0e-5 : !enc.tokens<8xf32>
  return %4 : !enc.tokens<8xf32>
}

func.func @gelu_tanh(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<20xf32>
  %1 = enc.gelu_tanh %0 : !enc.tokens<20xf32>
  %2 = enc.linear %1 weight(@down) bias(@down_bias) : !enc.tokens<20xf32> -> !enc.tokens<8xf32>
  %3 = enc.add %2, %x : !enc.tokens<8xf32>
  %4 = enc.layer_norm %3 gain(@gain) bias(@norm_bias) epsilon 1.0e-5 : !enc.tokens<8xf32>
  return %4 : !enc.tokens<8xf32>
}

func.func @relu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<20xf32>
  %1 = enc.relu %0 : !enc.tokens<20xf32>
  %2 = enc.linear %1 weight(@down) bias(@down_bias) : !enc.tokens<20xf32> -> !enc.tokens<8xf32>
  %3 = enc.add %2, %x : !enc.tokens<8xf32>
  %4 = enc.layer_norm %3 gain(@gain) bias(@norm_bias) epsilon 1.0e-5 : !enc.tokens<8xf32>
  return %4 : !enc.tokens<8xf32>
}

func.func @silu(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<20xf32>
  %1 = enc.silu %0 : !enc.tokens<20xf32>
  %2 = enc.linear %1 weight(@down) bias(@down_bias) : !enc.tokens<20xf32> -> !enc.tokens<8xf32>
  %3 = enc.add %2, %x : !enc.tokens<8xf32>
  %4 = enc.layer_norm %3 gain(@gain) bias(@norm_bias) epsilon 1.0e-5 : !enc.tokens<8xf32>
  return %4 : !enc.tokens<8xf32>
}

func.func @tanh(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@up) bias(@up_bias) : !enc.tokens<8xf32> -> !enc.tokens<20xf32>
  %1 = enc.tanh %0 : !enc.tokens<20xf32>
  %2 = enc.linear %1 weight(@down) bias(@down_bias) : !enc.tokens<20xf32> -> !enc.tokens<8xf32>
  %3 = enc.add %2, %x : !enc.tokens<8xf32>
  %4 = enc.layer_norm %3 gain(@gain) bias(@norm_bias) epsilon 1.0e-5 : !enc.tokens<8xf32>
  return %4 : !enc.tokens<8xf32>
}

// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-verify-fused))' \
// RUN:   --split-input-file --verify-diagnostics

enc.weight layers 3 @w = "{layer}.w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Everything that has a kernel, fused or not, may remain.
func.func @valid(%ids: !enc.tokens<i32>, %x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.sequences<8xf32> {
  %last = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    %qkv = enc.fused_qkv %h query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
    %m = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
    %y = enc.fused_linear_add_norm %m, %h weight(@w) bias(@b) gain(@b) norm_bias(@b) epsilon 0.5 : !enc.tokens<8xf32>, !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %z = enc.fused_feed_forward %y activation(relu) up(@w, @b) down(@w, @b) gain(@b) norm_bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
    %n = enc.layer_norm %z gain(@b) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
    %a = enc.add %n, %n : !enc.tokens<8xf32>
    enc.yield %a : !enc.tokens<8xf32>
  }
  %p = enc.pool mean %last, %offsets : !enc.tokens<8xf32> -> !enc.sequences<8xf32>
  %g = enc.gelu %p : !enc.sequences<8xf32>
  %n = enc.normalize %g : !enc.sequences<8xf32>
  return %n : !enc.sequences<8xf32>
}

// -----

// Each op of attention that is left is reported, with the way to find out why.
func.func @attention(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  // expected-error @below {{'enc.split_heads' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %h = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-error @below {{'enc.scores' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %s = enc.scores %h, %h, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  // expected-error @below {{'enc.softmax' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %p = enc.softmax %s : !enc.scores<2xf32>
  // expected-error @below {{'enc.context' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %c = enc.context %p, %h, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-error @below {{'enc.merge_heads' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

func.func @part(%x: !enc.tokens<8xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  // expected-error @below {{'enc.part' op has no kernel outside of enc.fused_attention}}
  // expected-note @below {{help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why it was not fused}}
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  return
}

// -----

// Ops of other dialects have no kernel, nor have calls.
func.func @other(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  // expected-error @below {{'func.call' op has no kernel, so it may not remain after fusion}}
  %0 = call @other(%x) : (!enc.tokens<8xf32>) -> !enc.tokens<8xf32>
  // expected-error @below {{'arith.constant' op has no kernel, so it may not remain after fusion}}
  %1 = arith.constant 0 : i32
  return %0 : !enc.tokens<8xf32>
}

// -----

// expected-error @below {{'func.func' op has no kernel for argument 0 of type '!enc.tokens<8xbf16>', expected f32 rows, ids or offsets}}
func.func @argument(%x: !enc.tokens<8xbf16>) {
  // expected-error @below {{'enc.add' op has no kernel for results of type '!enc.tokens<8xbf16>', expected f32 rows}}
  %0 = enc.add %x, %x : !enc.tokens<8xbf16>
  return
}

// -----

// expected-error @below {{'func.func' op has no kernel for argument 0 of type '!enc.scores<2xf32>', expected f32 rows, ids or offsets}}
func.func @scores(%s: !enc.scores<2xf32>) {
  return
}

// -----

// A loop over ids would hide which argument they are.
func.func @ids(%ids: !enc.tokens<i32>) {
  // expected-error @below {{'enc.layers' op has no kernel for results of type '!enc.tokens<i32>', expected f32 rows}}
  %last = enc.layers 3 (%h = %ids) : !enc.tokens<i32> {
    enc.yield %h : !enc.tokens<i32>
  }
  return
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Probabilities of each layer are handed out entry by entry; rows are not.
func.func @attentions(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) {
  // expected-error @below {{'enc.layers' op has no kernel for some of the layers, or for saved values, before the backward pass}}
  %last, %stack, %rows = enc.layers 3 (%h = %x) : !enc.tokens<8xf32>, !enc.stack<3x!enc.scores<2xf32>>, !enc.stack<3x!enc.tokens<8xf32>> {
    %0 = enc.fused_qkv %h query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
    %m, %p = enc.fused_attention %0, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
    enc.yield %m saving %p, %m : !enc.tokens<8xf32>, !enc.scores<2xf32>, !enc.tokens<8xf32>
  }
  %second = enc.entry 1 of %stack : !enc.stack<3x!enc.scores<2xf32>> -> !enc.scores<2xf32>
  return
}

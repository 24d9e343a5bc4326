// Each fusion, alone and after those it builds on, and all of them together,
// leaves the results of a small encoder as they are. Sums run in the same order
// in fused and unfused ops, so even the last bit stays.

// RUN: bertc-interpret %s --passes='func.func(enc-fuse-embeddings{require})' \
// RUN:   | FileCheck %s --check-prefixes=EMBED,SAME
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-qkv{require})' \
// RUN:   | FileCheck %s --check-prefixes=QKV,SAME
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-qkv{require},enc-fuse-attention{require})' \
// RUN:   | FileCheck %s --check-prefixes=ATTENTION,SAME
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-linear-add-norm{require})' \
// RUN:   | FileCheck %s --check-prefixes=ADDNORM,SAME
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-linear-add-norm,enc-fuse-feed-forward{require})' \
// RUN:   | FileCheck %s --check-prefixes=FEEDFORWARD,SAME
// RUN: bertc-interpret %s --passes='func.func(enc-fuse-embeddings,enc-fuse-qkv,enc-fuse-attention,enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s --check-prefixes=ALL,SAME
// RUN: bertc-interpret %s --lengths=1 --passes='func.func(enc-fuse-embeddings,enc-fuse-qkv,enc-fuse-attention,enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s --check-prefix=ONE
// RUN: bertc-interpret %s --round-to-float --tolerance=1e-5 --passes='func.func(enc-fuse-embeddings,enc-fuse-qkv,enc-fuse-attention,enc-fuse-linear-add-norm,enc-fuse-feed-forward)' \
// RUN:   | FileCheck %s --check-prefix=FLOAT

// A comparison that finds a difference fails.
// RUN: not bertc-interpret %s --tolerance=-1 --passes='func.func(enc-fuse-qkv)' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=DIFFERS

// EMBED-NOT: enc.embed
// EMBED: 1 enc.fused_embed_norm

// QKV: 1 enc.fused_qkv
// QKV: 3 enc.linear
// QKV: 3 enc.part
// QKV-NOT: enc.split_heads

// ATTENTION-NOT: enc.context
// ATTENTION: 1 enc.fused_attention
// ATTENTION-NEXT: 1 enc.fused_qkv
// ATTENTION-NOT: enc.{{part|scores|softmax}}

// ADDNORM: 2 enc.fused_linear_add_norm

// FEEDFORWARD: 1 enc.fused_feed_forward
// FEEDFORWARD-NEXT: 1 enc.fused_linear_add_norm
// FEEDFORWARD-NOT: enc.gelu

// ALL: 1 enc.entry
// ALL-NEXT: 1 enc.fused_attention
// ALL-NEXT: 1 enc.fused_embed_norm
// ALL-NEXT: 1 enc.fused_feed_forward
// ALL-NEXT: 1 enc.fused_linear_add_norm
// ALL-NEXT: 1 enc.fused_qkv
// ALL-NEXT: 1 enc.layers
// ALL-NEXT: 1 enc.normalize
// ALL-NEXT: 1 enc.pool
// ALL-NEXT: 1 enc.yield

// SAME: last_hidden_state: [9, 32], largest difference 0.0E+00
// SAME: hidden_states.1: [9, 32], largest difference 0.0E+00
// SAME: sentence_embedding: [3, 32], largest difference 0.0E+00
// SAME: attentions.2: [4], largest difference 0.0E+00

// ONE: last_hidden_state: [1, 32], largest difference 0.0E+00

// Fused ops round less often; the numbers must differ, or nothing was rounded.
// FLOAT: last_hidden_state: [9, 32], largest difference {{[1-9]}}.

// DIFFERS: error: the passes changed results by more than -1.0E+00

enc.weight @word = "word" : tensor<50x32xf32>
enc.weight @type = "type" : tensor<2x32xf32>
enc.weight @position = "position" : tensor<20x32xf32>
enc.weight @eg = "embeddings.norm.weight" : tensor<32xf32>
enc.weight @eb = "embeddings.norm.bias" : tensor<32xf32>
enc.weight layers 3 @q = "layer.{layer}.query.weight" : tensor<32x32xf32>
enc.weight layers 3 @qb = "layer.{layer}.query.bias" : tensor<32xf32>
enc.weight layers 3 @k = "layer.{layer}.key.weight" : tensor<32x32xf32>
enc.weight layers 3 @kb = "layer.{layer}.key.bias" : tensor<32xf32>
enc.weight layers 3 @v = "layer.{layer}.value.weight" : tensor<32x32xf32>
enc.weight layers 3 @vb = "layer.{layer}.value.bias" : tensor<32xf32>
enc.weight layers 3 @o = "layer.{layer}.output.weight" : tensor<32x32xf32>
enc.weight layers 3 @ob = "layer.{layer}.output.bias" : tensor<32xf32>
enc.weight layers 3 @ag = "layer.{layer}.attention.norm.weight" : tensor<32xf32>
enc.weight layers 3 @ab = "layer.{layer}.attention.norm.bias" : tensor<32xf32>
enc.weight layers 3 @u = "layer.{layer}.up.weight" : tensor<48x32xf32>
enc.weight layers 3 @ub = "layer.{layer}.up.bias" : tensor<48xf32>
enc.weight layers 3 @d = "layer.{layer}.down.weight" : tensor<32x48xf32>
enc.weight layers 3 @db = "layer.{layer}.down.bias" : tensor<32xf32>
enc.weight layers 3 @og = "layer.{layer}.output.norm.weight" : tensor<32xf32>
enc.weight layers 3 @onb = "layer.{layer}.output.norm.bias" : tensor<32xf32>

func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>,
                   %positions: !enc.tokens<i32>, %offsets: !enc.offsets)
    -> (!enc.tokens<32xf32> {enc.name = "last_hidden_state"},
        !enc.tokens<32xf32> {enc.name = "hidden_states.1"},
        !enc.sequences<32xf32> {enc.name = "sentence_embedding"},
        !enc.scores<4xf32> {enc.name = "attentions.2"}) {
  %word = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<32xf32>
  %type = enc.embed %types table(@type) : !enc.tokens<i32> -> !enc.tokens<32xf32>
  %sum = enc.add %word, %type : !enc.tokens<32xf32>
  %position = enc.embed %positions table(@position) : !enc.tokens<i32> -> !enc.tokens<32xf32>
  %all = enc.add %sum, %position : !enc.tokens<32xf32>
  %embedded = enc.layer_norm %all gain(@eg) bias(@eb) epsilon 1.0e-12 : !enc.tokens<32xf32>
  %last, %one, %maps = enc.layers 3 (%h = %embedded) collect [1] : !enc.tokens<32xf32>, !enc.stack<3x!enc.scores<4xf32>> {
    %q0 = enc.linear %h weight(@q) bias(@qb) : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    %q1 = enc.split_heads %q0 : !enc.tokens<32xf32> -> !enc.tokens<4x8xf32>
    %k0 = enc.linear %h weight(@k) bias(@kb) : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    %k1 = enc.split_heads %k0 : !enc.tokens<32xf32> -> !enc.tokens<4x8xf32>
    %v0 = enc.linear %h weight(@v) bias(@vb) : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    %v1 = enc.split_heads %v0 : !enc.tokens<32xf32> -> !enc.tokens<4x8xf32>
    %s = enc.scores %q1, %k1, %offsets scale 0.35355339059327379 : !enc.tokens<4x8xf32>, !enc.tokens<4x8xf32> -> !enc.scores<4xf32>
    %p = enc.softmax %s : !enc.scores<4xf32>
    %c0 = enc.context %p, %v1, %offsets : !enc.scores<4xf32>, !enc.tokens<4x8xf32> -> !enc.tokens<4x8xf32>
    %c1 = enc.merge_heads %c0 : !enc.tokens<4x8xf32> -> !enc.tokens<32xf32>
    %o = enc.linear %c1 weight(@o) bias(@ob) : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    %oa = enc.add %o, %h : !enc.tokens<32xf32>
    %a = enc.layer_norm %oa gain(@ag) bias(@ab) epsilon 1.0e-12 : !enc.tokens<32xf32>
    %u = enc.linear %a weight(@u) bias(@ub) : !enc.tokens<32xf32> -> !enc.tokens<48xf32>
    %g = enc.gelu %u : !enc.tokens<48xf32>
    %d = enc.linear %g weight(@d) bias(@db) : !enc.tokens<48xf32> -> !enc.tokens<32xf32>
    %da = enc.add %d, %a : !enc.tokens<32xf32>
    %n = enc.layer_norm %da gain(@og) bias(@onb) epsilon 1.0e-12 : !enc.tokens<32xf32>
    enc.yield %n saving %p : !enc.tokens<32xf32>, !enc.scores<4xf32>
  }
  %map = enc.entry 2 of %maps : !enc.stack<3x!enc.scores<4xf32>> -> !enc.scores<4xf32>
  %mean = enc.pool mean %last, %offsets : !enc.tokens<32xf32> -> !enc.sequences<32xf32>
  %unit = enc.normalize %mean : !enc.sequences<32xf32>
  return %last, %one, %unit, %map : !enc.tokens<32xf32>, !enc.tokens<32xf32>, !enc.sequences<32xf32>, !enc.scores<4xf32>
}

// RUN: bertc-opt %s --enc-lower-to-kernels --split-input-file --verify-diagnostics

// expected-error @+1 {{lacks 'enc.target'; run enc-plan first}}
module {
}

// -----

// expected-error @+1 {{has no function @forward}}
module attributes {enc.target = "x86-64-v3"} {
}

// -----

// expected-error @+1 {{lacks a positive 'enc.row_split_tokens'}}
module attributes {enc.target = "x86-64-v3"} {
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) {
    return
  }
}

// -----

module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  // expected-error @+1 {{expected one block and the arguments input ids}}
  func.func @forward(%offsets: !enc.offsets) {
    return
  }
}

// -----

module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  // expected-error @+1 {{result 0 needs a name ('enc.name')}}
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> !enc.tokens<i32> {
    return %ids : !enc.tokens<i32>
  }
}

// -----

module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  // expected-error @+1 {{result 0 is of scores, but not the probabilities of an enc.fused_attention, or an enc.entry of them}}
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> (!enc.scores<2xf32> {enc.name = "scores"}) {
    %qkv = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<8xf32>
    %q = enc.split_heads %qkv : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %s = enc.scores %q, %q, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
    return %s : !enc.scores<2xf32>
  }
  enc.weight @table = "table" : tensor<100x8xf32>
}

// -----

module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  // expected-error @+1 {{result 2 are probabilities that another result is, too}}
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets)
      -> (!enc.tokens<8xf32> {enc.name = "last"}, !enc.scores<2xf32> {enc.name = "a"}, !enc.scores<2xf32> {enc.name = "b"}) {
    %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<8xf32>
    %last, %maps = enc.layers 2 (%h = %x) : !enc.tokens<8xf32>, !enc.stack<2x!enc.scores<2xf32>> {
      %qkv = enc.fused_qkv %h query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
      %y, %p = enc.fused_attention %qkv, %offsets scale 0.5 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
      enc.yield %y saving %p : !enc.tokens<8xf32>, !enc.scores<2xf32>
    }
    %0 = enc.entry 1 of %maps : !enc.stack<2x!enc.scores<2xf32>> -> !enc.scores<2xf32>
    %1 = enc.entry 1 of %maps : !enc.stack<2x!enc.scores<2xf32>> -> !enc.scores<2xf32>
    return %last, %0, %1 : !enc.tokens<8xf32>, !enc.scores<2xf32>, !enc.scores<2xf32>
  }
  enc.weight @table = "table" : tensor<100x8xf32>
  enc.weight @w = "w" : tensor<8x8xf32>
  enc.weight @b = "b" : tensor<8xf32>
}

// -----

module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  enc.weight @table = "table" : tensor<100x32xf32>
  enc.weight @w = "w" : tensor<32x32xf32>
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> (!enc.tokens<32xf32> {enc.name = "last_hidden_state"}) {
    %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{has no plan; run enc-plan before lowering}}
    %y = enc.linear %x weight(@w) : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan lacks the integer 'rows'}}
    %z = enc.linear %y weight(@w) {plan = {panels = 1}} : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has 'rows' = 99, expected 1 to 32}}
    %u = enc.linear %z weight(@w) {plan = {arithmetic = "f32", depth_block = 8, group = 8, panels = 1, row_block = 8, rows = 99}} : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan lacks an 'arithmetic' that is known}}
    %s = enc.linear %u weight(@w) {plan = {arithmetic = "f31", depth_block = 8, group = 8, panels = 1, row_block = 8, rows = 6}} : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has a register tile of 6 rows and 1 panels, expected 32 rows and 1 or 2 panels of tile registers}}
    %r = enc.linear %s weight(@w) {plan = {arithmetic = "int8_tile", depth_block = 8, group = 8, panels = 1, row_block = 8, rows = 6}} : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has 'depth_block' = 40, expected a multiple of 32 where weights are widened}}
    %q = enc.linear %r weight(@w) {plan = {arithmetic = "w8_dot", depth_block = 40, group = 2, panels = 1, row_block = 8, rows = 6}} : !enc.tokens<32xf32> -> !enc.tokens<32xf32>
    return %u : !enc.tokens<32xf32>
  }
}

// -----

// Heads of 24 columns lie 32 apart: a mean over the row would count the gaps.
module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  enc.weight @table = "table" : tensor<100x48xf32>
  enc.weight @w = "w" : tensor<48x48xf32>
  enc.weight @v = "v" : tensor<48xf32>
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> (!enc.tokens<48xf32> {enc.name = "last_hidden_state"}) {
    %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<48xf32>
    %qkv = enc.fused_qkv %x query(@w, @v) key(@w, @v) value(@w, @v) {plan = {arithmetic = "f32", depth_block = 48, group = 8, panels = 1, row_block = 6, rows = 6}} : !enc.tokens<48xf32> -> !enc.tokens<3x2x24xf32>
    %c = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {arithmetic = "f32", key_panels = 1, rows = 6, value_panels = 1}} : !enc.tokens<3x2x24xf32> -> !enc.tokens<48xf32>
    // expected-error @+1 {{has no lowering on the result of attention with a head size of 24, which is padded to 32 columns}}
    %n = enc.layer_norm %c gain(@v) bias(@v) epsilon 1.0e-12 : !enc.tokens<48xf32>
    return %n : !enc.tokens<48xf32>
  }
}

// -----

// What attention can be told to multiply.
module attributes {enc.target = "x86-64-v3", enc.row_split_tokens = 8} {
  enc.weight @table = "table" : tensor<100x32xf32>
  enc.weight @w = "w" : tensor<32x32xf32>
  enc.weight @v = "v" : tensor<32xf32>
  func.func @forward(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>, %offsets: !enc.offsets) -> (!enc.tokens<32xf32> {enc.name = "last_hidden_state"}) {
    %x = enc.embed %ids table(@table) : !enc.tokens<i32> -> !enc.tokens<32xf32>
    %qkv = enc.fused_qkv %x query(@w, @v) key(@w, @v) value(@w, @v) {plan = {arithmetic = "f32", depth_block = 32, group = 8, panels = 1, row_block = 6, rows = 6}} : !enc.tokens<32xf32> -> !enc.tokens<3x2x16xf32>
    // expected-error @+1 {{plan lacks an 'arithmetic' that is known}}
    %a = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {key_panels = 1, rows = 6, value_panels = 1}} : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has arithmetic 'int8_dot', expected f32, bf16_dot or bf16_tile for attention}}
    %b = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {arithmetic = "int8_dot", key_panels = 1, rows = 6, value_panels = 1}} : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has a register tile of 6 rows and 1 panels, expected 32 rows and 1 or 2 panels of tile registers}}
    %c = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {arithmetic = "bf16_tile", key_panels = 1, rows = 6, value_panels = 1}} : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan has a register tile of 32 rows and 3 panels, expected 32 rows and 1 or 2 panels of tile registers}}
    %e = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {arithmetic = "bf16_tile", key_panels = 2, rows = 32, value_panels = 3}} : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    // expected-error @+1 {{plan lacks the integer 'value_panels'}}
    %d = enc.fused_attention %qkv, %offsets scale 0.25 {plan = {arithmetic = "f32", key_panels = 1, rows = 6}} : !enc.tokens<3x2x16xf32> -> !enc.tokens<32xf32>
    return %a : !enc.tokens<32xf32>
  }
}

// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-attention))' \
// RUN:   --remarks-filter=fusion --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-attention{require=true}))' \
// RUN:   --split-input-file 2>&1 | FileCheck %s --check-prefix=REQUIRE

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @fuses(
// CHECK-SAME: %{{.*}}: !enc.tokens<8xf32>, %[[OFFSETS:.*]]: !enc.offsets
// CHECK-NEXT: %[[QKV:.*]] = enc.fused_qkv
// CHECK-NEXT: %[[M:.*]] = enc.fused_attention %[[QKV]], %[[OFFSETS]] scale 5.000000e-01 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32>
// CHECK-NEXT: return %[[M]]
func.func @fuses(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-remark-re @below {{[Passed] attention {{.*}}made enc.fused_attention}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Keys used once more elsewhere stay as a view; attention does not mind.
// CHECK-LABEL: func.func @keeps_used_part(
// CHECK: %[[KEY:.*]] = enc.part 1 of
// CHECK: %[[M:.*]] = enc.fused_attention
// CHECK: return %[[M]], %[[KEY]]
func.func @keeps_used_part(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.tokens<2x4xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-remark-re @below {{[Passed] attention {{.*}}made enc.fused_attention}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %k : !enc.tokens<8xf32>, !enc.tokens<2x4xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// The second part as query is no mistake of types, so it is one of meaning.
// CHECK-LABEL: func.func @swapped(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @swapped(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // REQUIRE: error: required fusion 'attention' missed: query, key and value are not the parts of one enc.fused_qkv
  // expected-remark @below {{query, key and value are not the parts of one enc.fused_qkv}}
  %s = enc.scores %k, %q, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

// CHECK-LABEL: func.func @not_projected(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @not_projected(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %h = enc.split_heads %x : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{query, key and value are not the parts of one enc.fused_qkv}}
  %s = enc.scores %h, %h, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %h, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @other_offsets(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @other_offsets(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets, %others: !enc.offsets) -> !enc.tokens<8xf32> {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // REQUIRE: error: required fusion 'attention' missed: scores and context have different offsets
  // expected-remark @below {{scores and context have different offsets}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %others : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @scores_returned(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @scores_returned(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.scores<2xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{the scores have other uses than a softmax}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %s : !enc.tokens<8xf32>, !enc.scores<2xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Attention maps that are handed out are a result of the fused op.
// CHECK-LABEL: func.func @probabilities_returned(
// CHECK: %[[M:.*]], %[[P:.*]] = enc.fused_attention %{{.*}}, %{{.*}} scale 5.000000e-01 : !enc.tokens<3x2x4xf32> -> !enc.tokens<8xf32> probabilities !enc.scores<2xf32>
// CHECK-NEXT: return %[[M]], %[[P]]
func.func @probabilities_returned(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.scores<2xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-remark-re @below {{[Passed] attention {{.*}}made enc.fused_attention}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %p : !enc.tokens<8xf32>, !enc.scores<2xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @probabilities_of_each_layer(
// CHECK: %[[LAST:.*]]:2 = enc.layers 3
// CHECK: %[[M:.*]], %[[P:.*]] = enc.fused_attention
// CHECK-NEXT: enc.yield %[[M]] saving %[[P]]
func.func @probabilities_of_each_layer(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.scores<2xf32>) {
  %last, %stack = enc.layers 3 (%h = %x) : !enc.tokens<8xf32>, !enc.stack<3x!enc.scores<2xf32>> {
    %qkv = enc.fused_qkv %h query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
    %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
    %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
    %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
    // expected-remark-re @below {{[Passed] attention {{.*}}made enc.fused_attention}}
    %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
    %p = enc.softmax %s : !enc.scores<2xf32>
    %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
    %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
    enc.yield %m saving %p : !enc.tokens<8xf32>, !enc.scores<2xf32>
  }
  %second = enc.entry 1 of %stack : !enc.stack<3x!enc.scores<2xf32>> -> !enc.scores<2xf32>
  return %last, %second : !enc.tokens<8xf32>, !enc.scores<2xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @probabilities_used_twice(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @probabilities_used_twice(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.tokens<2x4xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // REQUIRE: error: required fusion 'attention' missed: the probabilities have other uses than one context and being handed out
  // expected-remark @below {{the probabilities have other uses than one context and being handed out}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %d = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %d : !enc.tokens<8xf32>, !enc.tokens<2x4xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @heads_returned(
// CHECK-NOT: enc.fused_attention
// CHECK: enc.scores
func.func @heads_returned(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.tokens<2x4xf32>) {
  %qkv = enc.fused_qkv %x query(@w, @b) key(@w, @b) value(@w, @b) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  %q = enc.part 0 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %k = enc.part 1 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  %v = enc.part 2 of %qkv : !enc.tokens<3x2x4xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{the context has other uses than merged heads}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %c : !enc.tokens<8xf32>, !enc.tokens<2x4xf32>
}

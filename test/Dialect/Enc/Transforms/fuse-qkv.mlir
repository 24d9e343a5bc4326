// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-qkv))' \
// RUN:   --remarks-filter=fusion --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-qkv{require=true}))' \
// RUN:   --split-input-file 2>&1 | FileCheck %s --check-prefix=REQUIRE

enc.weight layers 3 @wq = "{layer}.q" : tensor<8x8xf32>
enc.weight layers 3 @wk = "{layer}.k" : tensor<8x8xf32>
enc.weight layers 3 @wv = "{layer}.v" : tensor<8x8xf32>
enc.weight layers 3 @bq = "{layer}.bq" : tensor<8xf32>
enc.weight layers 3 @bk = "{layer}.bk" : tensor<8xf32>
enc.weight layers 3 @bv = "{layer}.bv" : tensor<8xf32>

// The value is projected first: the fused op stands where the first of the
// three stood.
// CHECK-LABEL: func.func @fuses(
func.func @fuses(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  // CHECK: enc.layers 3 (%[[H:.*]] =
  // CHECK-NEXT: %[[QKV:.*]] = enc.fused_qkv %[[H]] query(@wq, @bq) key(@wk, @bk) value(@wv, @bv) : !enc.tokens<8xf32> -> !enc.tokens<3x2x4xf32>
  // CHECK-DAG: %[[Q:.*]] = enc.part 0 of %[[QKV]]
  // CHECK-DAG: %[[K:.*]] = enc.part 1 of %[[QKV]]
  // CHECK-DAG: %[[V:.*]] = enc.part 2 of %[[QKV]]
  // CHECK: %[[S:.*]] = enc.scores %[[Q]], %[[K]],
  // CHECK: %[[P:.*]] = enc.softmax %[[S]]
  // CHECK: enc.context %[[P]], %[[V]],
  %last = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    // expected-remark-re @below {{[Passed] qkv {{.*}}made enc.fused_qkv}}
    %2 = enc.linear %h weight(@wv) bias(@bv) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %0 = enc.linear %h weight(@wq) bias(@bq) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %1 = enc.linear %h weight(@wk) bias(@bk) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
    %p = enc.softmax %s : !enc.scores<2xf32>
    %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
    %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
    enc.yield %m : !enc.tokens<8xf32>
  }
  return %last : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Cross attention: queries of one value, keys of another.
// CHECK-LABEL: func.func @other_input(
// CHECK-NOT: enc.fused_qkv
func.func @other_input(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %y weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // REQUIRE: error: required fusion 'qkv' missed: query and key read different values
  // expected-remark @below {{query and key read different values}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @other_value_input(
// CHECK-NOT: enc.fused_qkv
func.func @other_value_input(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %y weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{query and value read different values}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @no_bias(
// CHECK-NOT: enc.fused_qkv
func.func @no_bias(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // REQUIRE: error: required fusion 'qkv' missed: the value projection has no bias
  // expected-remark @below {{the value projection has no bias}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @no_linear(
// CHECK-NOT: enc.fused_qkv
func.func @no_linear(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %y : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{the key is no linear layer split into heads}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// The keys are returned, so they have to exist.
// CHECK-LABEL: func.func @other_use(
// CHECK-NOT: enc.fused_qkv
func.func @other_use(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{the key has other uses}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m, %1 : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Keys that serve as values as well.
// CHECK-LABEL: func.func @shared(
// CHECK-NOT: enc.fused_qkv
func.func @shared(%x: !enc.tokens<8xf32>, %y: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  // expected-remark @below {{the key has other uses}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %k, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
  %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
  return %m : !enc.tokens<8xf32>
}

// -----

enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// Values may be wider than keys: another head size.
// CHECK-LABEL: func.func @other_heads(
// CHECK-NOT: enc.fused_qkv
func.func @other_heads(%x: !enc.tokens<8xf32>, %wide: !enc.tokens<16xf32>, %offsets: !enc.offsets) -> !enc.tokens<2x8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %1 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %2 = enc.linear %x weight(@w2) bias(@b2) : !enc.tokens<8xf32> -> !enc.tokens<16xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %v = enc.split_heads %2 : !enc.tokens<16xf32> -> !enc.tokens<2x8xf32>
  // expected-remark @below {{query and value are split into different heads}}
  %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  %p = enc.softmax %s : !enc.scores<2xf32>
  %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x8xf32> -> !enc.tokens<2x8xf32>
  return %c : !enc.tokens<2x8xf32>
}
enc.weight @w2 = "w2" : tensor<16x8xf32>
enc.weight @b2 = "b2" : tensor<16xf32>

// -----

// CHECK-LABEL: func.func @no_context(
func.func @no_context(%q: !enc.tokens<2x4xf32>, %offsets: !enc.offsets) -> !enc.scores<2xf32> {
  // expected-remark @below {{its probabilities reach no enc.context}}
  %s = enc.scores %q, %q, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
  return %s : !enc.scores<2xf32>
}

// -----

enc.weight layers 3 @layered = "{layer}.w" : tensor<8x8xf32>
enc.weight @w = "w" : tensor<8x8xf32>
enc.weight @b = "b" : tensor<8xf32>

// A query from before the loop cannot take layered weights with it.
// CHECK-LABEL: func.func @other_block(
// CHECK-NOT: enc.fused_qkv
func.func @other_block(%x: !enc.tokens<8xf32>, %offsets: !enc.offsets) -> !enc.tokens<8xf32> {
  %0 = enc.linear %x weight(@w) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
  %q = enc.split_heads %0 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
  %last = enc.layers 3 (%h = %x) : !enc.tokens<8xf32> {
    %1 = enc.linear %x weight(@layered) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %2 = enc.linear %x weight(@layered) bias(@b) : !enc.tokens<8xf32> -> !enc.tokens<8xf32>
    %k = enc.split_heads %1 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    %v = enc.split_heads %2 : !enc.tokens<8xf32> -> !enc.tokens<2x4xf32>
    // expected-remark @below {{the query is projected in another block}}
    %s = enc.scores %q, %k, %offsets scale 0.5 : !enc.tokens<2x4xf32>, !enc.tokens<2x4xf32> -> !enc.scores<2xf32>
    %p = enc.softmax %s : !enc.scores<2xf32>
    %c = enc.context %p, %v, %offsets : !enc.scores<2xf32>, !enc.tokens<2x4xf32> -> !enc.tokens<2x4xf32>
    %m = enc.merge_heads %c : !enc.tokens<2x4xf32> -> !enc.tokens<8xf32>
    %n = enc.add %m, %h : !enc.tokens<8xf32>
    enc.yield %n : !enc.tokens<8xf32>
  }
  return %last : !enc.tokens<8xf32>
}

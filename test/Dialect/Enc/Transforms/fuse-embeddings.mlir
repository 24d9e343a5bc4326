// RUN: bertc-opt %s --pass-pipeline='builtin.module(func.func(enc-fuse-embeddings))' \
// RUN:   --remark-format=emitRemark --remarks-filter=fusion --verify-diagnostics | FileCheck %s
// RUN: not bertc-opt %s --mlir-disable-threading \
// RUN:   --pass-pipeline='builtin.module(func.func(enc-fuse-embeddings{require=true}))' 2>&1 \
// RUN:   | FileCheck %s --check-prefix=REQUIRE

enc.weight @word = "word" : tensor<100x8xf32>
enc.weight @type = "type" : tensor<2x8xf32>
enc.weight @position = "position" : tensor<16x8xf32>
enc.weight @g = "g" : tensor<8xf32>
enc.weight @b = "b" : tensor<8xf32>

// CHECK-LABEL: func.func @fused(
// CHECK-SAME: %[[IDS:[^:]*]]: !enc.tokens<i32>, %[[TYPES:[^:]*]]: !enc.tokens<i32>, %[[POSITIONS:[^:]*]]: !enc.tokens<i32>
// CHECK-NEXT: %[[Y:.*]] = enc.fused_embed_norm %[[IDS]], %[[TYPES]], %[[POSITIONS]]
// CHECK-SAME: word(@word) type(@type) position(@position) gain(@g) bias(@b) epsilon 5.000000e-01
// CHECK-NEXT: return %[[Y]]
func.func @fused(%ids: !enc.tokens<i32>, %types: !enc.tokens<i32>, %positions: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %t = enc.embed %types table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %wt = enc.add %w, %t : !enc.tokens<8xf32>
  %p = enc.embed %positions table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %sum = enc.add %wt, %p : !enc.tokens<8xf32>
  // expected-remark @below {{[Passed] embeddings | Category:fusion | Function=fused | Remark="made enc.fused_embed_norm"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// Another order of additions gives other bits.
// CHECK-LABEL: func.func @order(
// CHECK-NOT: enc.fused_embed_norm
func.func @order(%ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %t = enc.embed %ids table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %p = enc.embed %ids table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %tp = enc.add %t, %p : !enc.tokens<8xf32>
  %sum = enc.add %w, %tp : !enc.tokens<8xf32>
  // REQUIRE: error: required fusion 'embeddings' missed: adds in another order than (word + type) + position
  // expected-remark @below {{[Missed] embeddings | Category:fusion | Function=order | Reason="adds in another order than (word + type) + position"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @two_tables(
func.func @two_tables(%ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %p = enc.embed %ids table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %sum = enc.add %w, %p : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="sums 2 embeddings, expected 3 (word, type and position)"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @four_tables(
func.func @four_tables(%ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %t = enc.embed %ids table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %wt = enc.add %w, %t : !enc.tokens<8xf32>
  %sum = enc.add %wt, %wt : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="sums more than 3 embeddings, expected 3 (word, type and position)"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// Each doubling of a sum doubles its embeddings: not followed to the end.
// CHECK-LABEL: func.func @doubled(
func.func @doubled(%ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %0 = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %1 = enc.add %0, %0 : !enc.tokens<8xf32>
  %2 = enc.add %1, %1 : !enc.tokens<8xf32>
  %3 = enc.add %2, %2 : !enc.tokens<8xf32>
  %4 = enc.add %3, %3 : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="sums more than 3 embeddings, expected 3 (word, type and position)"}}
  %y = enc.layer_norm %4 gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// The sum of two embeddings is also a result.
// CHECK-LABEL: func.func @sum_used(
// CHECK-NOT: enc.fused_embed_norm
func.func @sum_used(%ids: !enc.tokens<i32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %t = enc.embed %ids table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %wt = enc.add %w, %t : !enc.tokens<8xf32>
  %p = enc.embed %ids table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %sum = enc.add %wt, %p : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="the result of enc.add has other uses"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y, %wt : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// CHECK-LABEL: func.func @embedding_used(
// CHECK-NOT: enc.fused_embed_norm
func.func @embedding_used(%ids: !enc.tokens<i32>) -> (!enc.tokens<8xf32>, !enc.tokens<8xf32>) {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %t = enc.embed %ids table(@type) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %wt = enc.add %w, %t : !enc.tokens<8xf32>
  %p = enc.embed %ids table(@position) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %sum = enc.add %wt, %p : !enc.tokens<8xf32>
  // expected-remark @below {{Reason="the result of enc.embed has other uses"}}
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y, %w : !enc.tokens<8xf32>, !enc.tokens<8xf32>
}

// A norm of something else is no candidate, and gets no remark.
// CHECK-LABEL: func.func @no_candidate(
// CHECK: enc.layer_norm
func.func @no_candidate(%x: !enc.tokens<8xf32>, %ids: !enc.tokens<i32>) -> !enc.tokens<8xf32> {
  %w = enc.embed %ids table(@word) : !enc.tokens<i32> -> !enc.tokens<8xf32>
  %sum = enc.add %w, %x : !enc.tokens<8xf32>
  %y = enc.layer_norm %sum gain(@g) bias(@b) epsilon 0.5 : !enc.tokens<8xf32>
  return %y : !enc.tokens<8xf32>
}

// A pass may do away with what does not matter to the fault, and only with that.
// RUN: bertc-reduce %s -opt-reduction-pass='opt-pass=symbol-dce test=%S/Inputs/has-gelu.sh' | FileCheck %s
// CHECK-NOT: func.func private @harmless
// CHECK: func.func @faulty
// CHECK: enc.gelu

// The fault would go too, so nothing does.
// RUN: bertc-reduce %s -opt-reduction-pass='opt-pass=func.func(canonicalize) test=%S/Inputs/has-gelu.sh' | FileCheck %s --check-prefix=KEPT
// KEPT: func.func private @harmless
// KEPT: enc.gelu
func.func private @harmless(%x: !enc.tokens<8xf32>) -> !enc.tokens<8xf32> {
  %0 = enc.tanh %x : !enc.tokens<8xf32>
  return %0 : !enc.tokens<8xf32>
}

func.func @faulty(%x: !enc.tokens<8xf32>) {
  %0 = enc.gelu %x : !enc.tokens<8xf32>
  return
}

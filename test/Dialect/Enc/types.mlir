// RUN: bertc-opt %s | bertc-opt | FileCheck %s

// CHECK: func.func private @types(!enc.tokens<i32>, !enc.tokens<768xf32>,
// CHECK-SAME: !enc.tokens<12x64xbf16>, !enc.tokens<3x12x64xi8>,
// CHECK-SAME: !enc.sequences<384xf32>, !enc.scores<12xf32>, !enc.offsets)
func.func private @types(!enc.tokens<i32>, !enc.tokens<768xf32>,
    !enc.tokens<12x64xbf16>, !enc.tokens<3x12x64xi8>,
    !enc.sequences<384xf32>, !enc.scores<12xf32>, !enc.offsets)

// CHECK: func.func private @attentions(!enc.stack<6x!enc.scores<12xf32>>)
func.func private @attentions(!enc.stack<6x!enc.scores<12xf32>>)

// CHECK: func.func private @training(!enc.scalar<f32>, !enc.stack<6x!enc.tokens<768xf32>>, !enc.random)
func.func private @training(!enc.scalar<f32>, !enc.stack<6x!enc.tokens<768xf32>>, !enc.random)

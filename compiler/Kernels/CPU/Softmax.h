//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The softmax of attention: rows of raw scores become exp(scale * (score -
// max)), in float32 or in place as pairs of bfloat16, and 1 / sum of each, with
// which the finished context is multiplied. Training also wants the logarithm
// of the sum of exp(scale * score).
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_SOFTMAX_H
#define BERTC_COMPILER_KERNELS_CPU_SOFTMAX_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

struct SoftmaxOperands {
  Place scores;
  mlir::Value stride; // of a row of scores
  mlir::Value rows;
  mlir::Value length;
  Place factors;   // 1 / sum, a word a row
  Place logSumExp; // of a row's scaled scores; no buffer: not wanted
  mlir::Value logSumExpStride;
};

/// Keys from `length` to the next multiple of 16 (32 for bfloat16) become 0.
void emitSoftmax(KernelBuilder &k, double scale, bool toBF16,
                 const SoftmaxOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_SOFTMAX_H

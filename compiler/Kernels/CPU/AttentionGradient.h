//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of attention of one head over one sequence. Weights of a block
// of query rows are computed again from the log-sum-exp of each row; no matrix
// over all pairs of tokens exists. (Dao, arXiv:2307.08691, section 2.3)
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ATTENTIONGRADIENT_H
#define BERTC_COMPILER_KERNELS_CPU_ATTENTIONGRADIENT_H

#include "compiler/Kernels/CPU/Attention.h"

namespace bertc {

/// Places are those of the first row of the sequence, at the first column of
/// the head. `output` is what attention gave and `gradient` its gradient, both
/// with `outputStride`; query, key, value and their gradients have `rowStride`.
struct AttentionGradientOperands {
  Place query, key, value;
  Place output, gradient;
  Place logSumExp; // of each row's scaled scores
  mlir::Value logSumExpStride;
  Place queryGradient, keyGradient, valueGradient; // written
  Place scratch; // words: gradientScratchFixed() + those per key of `length`
                 // rounded up to 16
  mlir::Value length;
  DropoutOperands dropout; // of the head, where the shape has it
  mlir::Value token;       // number of the sequence's first row
};

int64_t gradientScratchPerKey(const AttentionShape &shape,
                              const AttentionGradientPlan &plan);
int64_t gradientScratchFixed(const AttentionShape &shape,
                             const AttentionGradientPlan &plan);

void callAttentionGradient(KernelBuilder &k, const AttentionShape &shape,
                           const AttentionGradientPlan &plan,
                           const AttentionGradientOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ATTENTIONGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// softmax(scale * Q K^T) V of one head of one sequence. Scores exist only for
// the block of query rows at work; keys and values of the head are packed into
// panels in the thread's scratch first. In bfloat16 arithmetic queries, keys,
// values and the weights that come out of exp are rounded; sums, softmax and
// result are float32 as ever.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ATTENTION_H
#define BERTC_COMPILER_KERNELS_CPU_ATTENTION_H

#include "compiler/Kernels/CPU/Dropout.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

struct AttentionShape {
  int64_t headSize = 0;   // real columns of a head
  int64_t headStride = 0; // headSize rounded up to 16; the rest is zero
  int64_t rowStride = 0;  // words, of what holds query, key and value
  int64_t outputStride = 0;
  double scale = 0;
  /// Query, key and value are bfloat16, two in a word, in whole pairs of
  /// panels: as tiles read them, or widened for float32.
  bool bf16 = false;
  bool bf16Output = false; // the same for what is computed
  /// Of the gradients of queries, keys and values; 0: rowStride.
  int64_t gradientStride = 0;
  bool logSumExp = false; // whether it is wanted; float32 only
  int64_t logSumExpStride = 0;
  bool dropout = false;       // of the weights; float32 only
  bool probabilities = false; // whether they are wanted; without dropout
};

/// `query`, `key`, `value` and `output` point at the first row of the sequence,
/// at the first column of the head. Computes the rows [begin, end) of
/// `length`. `scratch` holds scratchPerKey() words for each key of `length`
/// rounded up to 16, and scratchFixed() more.
struct AttentionOperands {
  Place query, key, value, output, scratch;
  Place logSumExp; // of the first row, as the head's column; unused otherwise
  Place probabilities; // of the first row; `length` floats of a row are written
  mlir::Value probabilitiesStride;
  mlir::Value length, begin, end;
  DropoutOperands dropout; // of the head
  mlir::Value token;       // number of the sequence's first row, for dropout
};

int64_t scratchPerKey(const AttentionShape &shape, const AttentionPlan &plan);
int64_t scratchFixed(const AttentionShape &shape, const AttentionPlan &plan);

void callAttention(KernelBuilder &k, const AttentionShape &shape,
                   const AttentionPlan &plan,
                   const AttentionOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ATTENTION_H

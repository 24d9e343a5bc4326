//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of x as the arithmetic of a linear layer reads them: rounded to
// bfloat16, or to int8 with a scale for each row. Staged once for all columns.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_STAGE_H
#define BERTC_COMPILER_KERNELS_CPU_STAGE_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

/// False where the arithmetic reads x as it is.
bool isStaged(Arithmetic arithmetic);

/// Words (of 32 bits) of a staged row of `depth` elements, and from one row to
/// the next. bfloat16: pairs. int8_madd: int16, of four k steps the first and
/// third, then the second and fourth. int8_dot: four bytes without a sign.
/// int8_tile: four bytes. Behind `depth` there are zeros up to whole tiles.
int64_t stagedWords(Arithmetic arithmetic, int64_t depth);
int64_t stagedStride(Arithmetic arithmetic, int64_t depth);

/// Words of `rotated`; none if x is not rotated.
int64_t rotatedWords(Arithmetic arithmetic, int64_t depth);

/// Words that `scales` of callStage has for each row.
constexpr int64_t scaleWords = 2;

struct StageOperands {
  Place x, staged;
  Place smoothing, scales; // x of int8 only
  Place rotated;           // room for a row; weights of int8 only
  mlir::Value rows;
};

/// Stages rows of x. Weights of int8: blocks of rotationBlock(depth) elements
/// are rotated first, see Rotate.h. int8: each is multiplied with `smoothing`,
/// element by element, before that; then the range from its least to its
/// largest value, with 0 inside, is spread over all 256 integers (int8_madd:
/// the symmetric one over 13 to 16 bits, see codesOf). `scales` gets the step
/// and the integer of 0 (int32): x * smoothing = step * (q - zero). A value
/// that is not a number counts as the least.
void callStage(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
               int64_t inputStride, const StageOperands &operands);

/// What a sum of products of such a row is worth: float32 of
/// (sum - zero * columnSum), times step * columnScale. `sum` is vector<16xi32>
/// or its bits as float32, `step` and `zero` of the row are broadcast.
mlir::Value emitScaledSum(KernelBuilder &k, mlir::Value sum, mlir::Value step,
                          mlir::Value zero, mlir::Value columnScale,
                          mlir::Value columnSum);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_STAGE_H

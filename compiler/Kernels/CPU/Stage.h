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
/// third, then the second and fourth. int8_dot: four bytes, each 128 too large.
/// int8_tile: four bytes. Behind `depth` there are zeros up to whole tiles.
int64_t stagedWords(Arithmetic arithmetic, int64_t depth);
int64_t stagedStride(Arithmetic arithmetic, int64_t depth);

/// Stages `rows` rows of x. `scales` gets max |x| / 127 of each row (int8
/// only); a value that is not a number counts as -127.
void callStage(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
               int64_t inputStride, Place x, Place staged, Place scales,
               mlir::Value rows);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_STAGE_H

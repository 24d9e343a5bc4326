//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y = activation(x W^T + bias) + residual over packed weight panels.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_LINEAR_H
#define BERTC_COMPILER_KERNELS_CPU_LINEAR_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

/// What is fixed when the kernel is generated. Sizes are padded ones.
struct LinearShape {
  int64_t depth = 0;   // k, columns of x
  int64_t columns = 0; // n, a multiple of 16
  int64_t inputStride = 0;
  int64_t outputStride = 0;
  int64_t residualStride = 0;
  bool bias = true;
  ActivationFunction activation = ActivationFunction::None;
  bool residual = false;
  /// x is staged already: `inputStride` words apart, in whole tiles of rows. y
  /// is left so for the next layer: see Stage.h.
  bool stagedInput = false;
  bool stagedOutput = false;
  /// Ranges of columns that one call computes, `partStride` panels apart.
  int64_t parts = 1;
  int64_t partStride = 0;
};

/// Operands of one call: `rows` rows of x, the column panels
/// [panelBegin, panelEnd) of each part. `residual` has its own stride; it and
/// `bias` are unused where the shape has none, the scales of columns where the
/// weights are not int8, and their sums (int32) where x is not.
struct LinearOperands {
  Place x;
  Place y;
  Place residual;
  Place weight; // panels, from panel 0
  Place bias;
  Place columnScale;
  Place smoothing; // int8 only: x is multiplied with it, element by element
  Place columnSum;
  Place scratch; // linearScratch() words
  mlir::Value rows;
  mlir::Value panelBegin;
  mlir::Value panelEnd;
};

/// Words of scratch of one thread, for rows as they are staged, weights as they
/// are widened and the sums of tile registers.
int64_t linearScratch(const LinearShape &shape, const LinearPlan &plan);

void callLinear(KernelBuilder &k, const LinearShape &shape,
                const LinearPlan &plan, const LinearOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_LINEAR_H

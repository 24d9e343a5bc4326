//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradients of layer norm, of its gain and bias, and of the L2 norm.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_NORMGRADIENT_H
#define BERTC_COMPILER_KERNELS_CPU_NORMGRADIENT_H

#include "compiler/Kernels/CPU/Norm.h"

namespace bertc {

/// Words of `moments` for each row: mean and 1 / sqrt(variance + epsilon).
constexpr int64_t momentWords = 2;

struct NormGradientOperands {
  Place x;  // what the norm was of
  Place dy; // gradient of its result
  Place gain;
  Place dx;      // not dy
  Place moments; // gets those of each row
  mlir::Value rows;
};

/// With n = (x - mean) * inverse and g = gain * dy:
/// dx = (g - mean(g) - n * mean(g * n)) * inverse. (Ba et al.,
/// arXiv:1607.06450)
void callLayerNormGradient(KernelBuilder &k, RowShape shape, double epsilon,
                           const NormGradientOperands &operands);

struct NormWeightGradientOperands {
  Place x, dy, moments;
  Place gain, bias; // added to; no buffer: not wanted
  mlir::Value rows;
  mlir::Value begin, end; // vectors of 16 columns that this call computes
};

/// gain[c] += sum over rows of dy[row][c] * n[row][c], bias[c] += sum of
/// dy[row][c], in rising order of the rows.
void callNormWeightGradient(KernelBuilder &k, RowShape shape,
                            const NormWeightGradientOperands &operands);

/// With n = max(|x|_2, 1e-12) and y = x / n: dx = (dy - y (y . dy)) / n, and
/// dy / n where the norm of x is below 1e-12. dx may be dy.
void callNormalizeGradient(KernelBuilder &k, RowShape shape, Place x, Place dy,
                           Place dx, mlir::Value rows);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_NORMGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of what Rows.h and the embeddings compute.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ROWSGRADIENT_H
#define BERTC_COMPILER_KERNELS_CPU_ROWSGRADIENT_H

#include "compiler/Kernels/CPU/Rows.h"

namespace bertc {

/// dx = dy * derivative of the activation at x, which may be bfloat16; dx may
/// be dy. `shape` is that of both gradients.
void callActivationGradient(KernelBuilder &k, RowShape shape,
                            ActivationFunction activation, MapRows x, Place dy,
                            Place dx, mlir::Value rows);

/// Rows [offsets[s], offsets[s + 1]) of dx from row s of dy, s in [begin, end):
/// cls gives it to the first row; mean and mean_sqrt_len divide it among all;
/// max gives each column to the first row of x with the largest value there.
/// `x` is read for max only, and has the shape of dx.
void callPoolGradient(KernelBuilder &k, RowShape xShape, RowShape yShape,
                      Pooling mode, mlir::Value offsets, Place x, Place dy,
                      Place dx, mlir::Value begin, mlir::Value end);

/// table[ids[t]] += dy[t] for all rows t in rising order, in the vectors of 16
/// columns [begin, end). Rows of the table have `shape.vectors()` vectors.
void callEmbedGradient(KernelBuilder &k, RowShape shape, mlir::Value ids,
                       Place dy, Place table, mlir::Value rows,
                       mlir::Value begin, mlir::Value end);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ROWSGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Row reductions over the hidden size: layer norm, alone or fused with the sum
// of embeddings, and the L2 norm of sentence embeddings.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_NORM_H
#define BERTC_COMPILER_KERNELS_CPU_NORM_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

/// Rows of `width` real columns, `stride` words apart; the columns from width
/// to stride are zero on entry and on exit. Elements are float32, or, where a
/// kernel says so, `bf16`: two in a word, and whole vectors of words in a row.
struct RowShape {
  int64_t width = 0;
  int64_t stride = 0;
  bool bf16 = false;
  int64_t vectors() const { return roundUp(width, lanes) / lanes; }
};

/// y[r] = (x[r] - mean) / sqrt(variance + epsilon) * gain + bias; y may be x.
/// Mean and variance over `width`, in two passes.
void callLayerNorm(KernelBuilder &k, RowShape shape, double epsilon, Place x,
                   Place y, Place gain, Place bias, mlir::Value rows);

/// Three tables with rows of `shape.vectors()` vectors and the ids that pick
/// from them; ids are read at [begin, end).
struct EmbeddingOperands {
  mlir::Value ids, types, positions; // memref<?xi32>
  Place word, type, position;
  Place gain, bias;
  Place y; // row 0
  mlir::Value begin, end;
};

/// y[t] = layer_norm((word[ids[t]] + type[types[t]]) + position[positions[t]]).
void callEmbedNorm(KernelBuilder &k, RowShape shape, double epsilon,
                   const EmbeddingOperands &operands);

/// y[t] = table[ids[t]] for t in [begin, end).
void callEmbed(KernelBuilder &k, RowShape shape, mlir::Value ids, Place table,
               Place y, mlir::Value begin, mlir::Value end);

/// y[r] = x[r] / max(|x[r]|_2, 1e-12); y may be x.
void callNormalize(KernelBuilder &k, RowShape shape, Place x, Place y,
                   mlir::Value rows);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_NORM_H

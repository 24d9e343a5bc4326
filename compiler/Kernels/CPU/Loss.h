//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses with their gradients: one number for a batch. The work is small and
// the sum has one order, so one thread does it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_LOSS_H
#define BERTC_COMPILER_KERNELS_CPU_LOSS_H

#include "compiler/Kernels/CPU/Norm.h"

namespace bertc {

struct LossOperands {
  Place x;
  Place loss;         // one word, written
  Place gradient;     // of the loss, with the shape of x; all of it is written
  mlir::Value labels; // memref<?xi32>, or
  Place targets;      // float32
  mlir::Value rows;
  mlir::Value offsets, sequences; // span loss only
};

/// The mean of log(sum_j exp(x[r][j])) - x[r][labels[r]] over the rows whose
/// label is not -100, 0 if there is none; `labels` are [rows].
void callCrossEntropy(KernelBuilder &k, RowShape shape,
                      const LossOperands &operands);

/// The mean of (x - target)^2 over all elements; `targets` are dense,
/// [rows][shape.width].
void callMeanSquaredError(KernelBuilder &k, RowShape shape,
                          const LossOperands &operands);

/// The mean of log(1 + exp(x)) - target * x over all elements; `targets` as
/// above.
void callBinaryCrossEntropy(KernelBuilder &k, RowShape shape,
                            const LossOperands &operands);

/// Rows are tokens. The mean of the cross entropies of columns 0 and 1 over the
/// tokens of each sequence, each column's over the labels that lie in their
/// sequence; `labels` are [sequences][2], places in the sequence.
void callSpanLoss(KernelBuilder &k, RowShape shape,
                  const LossOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_LOSS_H

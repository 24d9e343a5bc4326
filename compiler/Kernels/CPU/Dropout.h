//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dropout whose random bits follow from the place of an element, see
// enc.dropout: they are drawn where they are needed, forward and backward, and
// stored nowhere.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_DROPOUT_H
#define BERTC_COMPILER_KERNELS_CPU_DROPOUT_H

#include "compiler/Kernels/CPU/Norm.h"

namespace bertc {

/// One dropout of one step. Integers are i64 below 2^32.
struct DropoutOperands {
  mlir::Value seedLow, seedHigh, step;
  mlir::Value stream;    // site + 256 * layer + 2^20 * head
  mlir::Value threshold; // least draw that keeps an element
  mlir::Value scale;     // f32, of what is kept

  llvm::SmallVector<mlir::Value *> slots() {
    return {&seedLow, &seedHigh, &step, &stream, &threshold, &scale};
  }
};

/// A dropout outside of attention; `layer` is null outside of the layers.
DropoutOperands makeDropout(KernelBuilder &k, mlir::Value seed,
                            mlir::Value step, int64_t site, mlir::Value layer,
                            double rate);
/// The stream of a head.
mlir::Value addHead(KernelBuilder &k, mlir::Value stream, mlir::Value head);

/// Runs body(column, kept) for the vectors of 16 columns [0, end) of the row
/// with the number `row`; `kept` is a mask.
void forKept(KernelBuilder &k, const DropoutOperands &operands, mlir::Value row,
             mlir::Value end,
             llvm::function_ref<void(mlir::Value, mlir::Value)> body);

/// What an element becomes: value * scale, or 0.
mlir::Value emitKeep(KernelBuilder &k, const DropoutOperands &operands,
                     mlir::Value kept, mlir::Value value);

/// y = dropout(x), or dropout(x) + plus if `plus` has a buffer, for rows whose
/// numbers begin with `first`; y may be x. All have the same shape.
void callDropout(KernelBuilder &k, RowShape shape,
                 const DropoutOperands &operands, Place x, Place plus, Place y,
                 mlir::Value first, mlir::Value rows);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_DROPOUT_H

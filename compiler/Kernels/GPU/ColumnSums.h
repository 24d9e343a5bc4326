//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums over all rows: gradients of every bias, of the gain of a norm, and of
// tables with few rows. A block has 16 columns, of which it alone has the sums,
// and their order depends on the number of rows alone.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_COLUMNSUMS_H
#define BERTC_COMPILER_KERNELS_GPU_COLUMNSUMS_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// Which columns are summed, and into what.
struct ColumnSums {
  int64_t columns = 0; ///< A multiple of 16.
  int64_t first = 0;   ///< Of dy's rows, which are `stride` elements apart.
  int64_t stride = 0;  ///< x has the same columns.
  bool gain = false;
  bool bias = true;
  bool plane = false; ///< dy is a plane of 16 bits, not float32.
  HalfType type = HalfType::BF16;
  /// Biases of layers whose dy lie side by side, with as many columns each (a
  /// multiple of 16).
  int64_t parts = 1;
};

/// bias[c] += sum of dy[row][first + c], and gain[c] += sum of
/// dy[row][first + c] * n[row][first + c] with n = (x - mean) * inverse.
/// Arguments: [x, moments of layerNormGradientKernel if gain,] dy, [gain,]
/// [biases of each part,] rows (i32). Grid: columns / columnsOfSums.
DeviceKernel columnSumsKernel(GpuBuilder &k, ColumnSums sums);
constexpr int64_t columnsOfSums = 16;

/// The pointer of those of `parts` whose `columns` columns `column` is in.
mlir::Value partOf(GpuBuilder &k, mlir::ValueRange parts, mlir::Value column,
                   int64_t columns);

/// Threads of a block that has such sums, and shared memory for `targets` of
/// them.
constexpr int64_t sumThreads = 512;
int64_t columnSumBytes(int64_t targets);

/// What a block of sumThreads adds to 16 columns behind each of `targets`.
/// `add(row, exists, column, sums)` gives the sums of four columns of each
/// target, from column `column` of the 16 on, with what the row has; a row that
/// does not exist is read as the last one, and has nothing.
void emitColumnSums(GpuBuilder &k, llvm::ArrayRef<mlir::Value> targets,
                    mlir::Value rows,
                    llvm::function_ref<llvm::SmallVector<mlir::Value>(
                        mlir::Value row, mlir::Value exists, mlir::Value column,
                        mlir::ValueRange sums)>
                        add);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_COLUMNSUMS_H

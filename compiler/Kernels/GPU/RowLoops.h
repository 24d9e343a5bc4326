//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels of rows have in common: a warp that keeps a row in registers,
// or a thread that has four neighbouring columns of one.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ROWLOOPS_H
#define BERTC_COMPILER_KERNELS_GPU_ROWLOOPS_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// Columns that a thread has side by side.
constexpr int64_t vectorWidth = 4;

/// A row in the registers of a warp: lane l has columns 128 i + 4 l + j.
class WarpRow {
public:
  WarpRow(GpuBuilder &k, DeviceRows shape) : k(k), shape(shape) {}

  int64_t vectors() const;
  /// Written ones, padding with them.
  int64_t columns() const;
  /// Runs `body(i, column)` for each vector of this lane.
  void forVectors(llvm::function_ref<void(int64_t, mlir::Value)> body) const;
  /// Fills the row with what `source` gives for four columns from `column` on;
  /// zero in what lies behind the row.
  void fill(llvm::function_ref<mlir::Value(mlir::Value)> source);
  /// The same of the elements that `source(i, column)` has for vector i.
  void
  fill(llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t, mlir::Value)>
           source);
  /// Fills it with row `number` behind `rows`.
  void load(mlir::Value rows, mlir::Value number, int64_t stride);
  /// The sum over the real columns of map(n, values[n]), in all lanes.
  mlir::Value sum(llvm::function_ref<mlir::Value(int64_t, mlir::Value)> map);
  mlir::Value sum(llvm::function_ref<mlir::Value(mlir::Value)> map) {
    return sum([&](int64_t, mlir::Value value) { return map(value); });
  }
  /// values[n], or zero where that is in a padding column.
  mlir::Value realOnly(int64_t n, mlir::Value value);
  /// The four values of vector `i`.
  mlir::ValueRange vector(int64_t i) const {
    return mlir::ValueRange(values).slice(i * vectorWidth, vectorWidth);
  }

  llvm::SmallVector<mlir::Value> values;

private:
  static constexpr int64_t step = warpSize * vectorWidth;
  GpuBuilder &k;
  DeviceRows shape;
};

/// What a warp has: the kernel's inputs, what lies between its outputs and the
/// number of rows, and its own row.
struct WarpWork {
  mlir::ValueRange inputs;
  mlir::ValueRange more;
  mlir::Value number;
  RowWriter &writer;
};

/// The kernel `what` of `inputs` pointers, outputs, arguments of the types
/// `more`, and a number of rows, for each of which a warp runs `body`.
DeviceKernel rowKernel(GpuBuilder &k, llvm::StringRef what, DeviceRows shape,
                       DeviceForms outputs, int64_t inputs,
                       mlir::TypeRange more,
                       llvm::function_ref<void(const WarpWork &)> body);

/// A kernel with blocks for each row, whose threads run `body(arguments, row,
/// column)` for every `perThread`-th column.
DeviceKernel columnKernel(
    GpuBuilder &k, llvm::StringRef name, int64_t columns, int64_t perThread,
    mlir::TypeRange types,
    llvm::function_ref<void(mlir::ValueRange, mlir::Value, mlir::Value)> body);

/// y = map of the elements of some inputs at the same place. Arguments: the
/// inputs, those of `outputs`. Rows of y are `outputStride` apart.
DeviceKernel
mapKernel(GpuBuilder &k, llvm::StringRef name, int64_t inputs, DeviceRows shape,
          DeviceForms outputs, int64_t outputStride,
          llvm::function_ref<mlir::Value(llvm::ArrayRef<mlir::Value>)> map);

/// vectorWidth floats at `pointer`.
mlir::Value loadVector(GpuBuilder &k, mlir::Value pointer);
/// The four neighbours of a thread in a row of float32.
llvm::SmallVector<mlir::Value> loadFour(GpuBuilder &k, mlir::Value rows,
                                        mlir::Value row, int64_t stride,
                                        mlir::Value column);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ROWLOOPS_H

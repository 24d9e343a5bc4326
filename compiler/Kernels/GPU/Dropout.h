//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dropout whose random bits follow from the place of an element, see
// enc.dropout: the same bits as on the CPU, drawn where they are needed.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_DROPOUT_H
#define BERTC_COMPILER_KERNELS_GPU_DROPOUT_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// One dropout of one step: arguments of a kernel, in this order.
struct DeviceDropout {
  mlir::Value seedLow, seedHigh; // i32
  mlir::Value step;              // address of an i32
  mlir::Value stream;            // i32, site + 256 * layer + 2^20 * head
  mlir::Value threshold; // i32, least draw (unsigned) that keeps an element
  mlir::Value scale;     // f32, of what is kept

  /// Appends the types of the arguments.
  static void addTypes(GpuBuilder &k, llvm::SmallVectorImpl<mlir::Type> &types);
  /// Takes them from the front of `arguments`.
  void take(mlir::ValueRange &arguments);
};

/// Whether the elements of columns column..column + 3 of the row are kept;
/// `column` is a multiple of 4.
llvm::SmallVector<mlir::Value> emitKept(GpuBuilder &k,
                                        const DeviceDropout &dropout,
                                        mlir::Value row, mlir::Value column);

/// What an element becomes: value * scale, or 0.
mlir::Value emitKeep(GpuBuilder &k, const DeviceDropout &dropout,
                     mlir::Value kept, mlir::Value value);

/// y = dropout(x), or dropout(x) + plus if `adds`; the number of a row is that
/// in the grid, which is (rows, blocksOfColumns(columns)). Arguments: x,
/// [plus,] those of `outputs`, those of DeviceDropout. y may be x or plus.
DeviceKernel dropoutKernel(GpuBuilder &k, DeviceRows shape, DeviceForms outputs,
                           bool adds);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_DROPOUT_H

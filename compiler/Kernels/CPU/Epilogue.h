//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is done to the sums of a linear layer when they are complete: scale,
// bias, activation, residual.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_EPILOGUE_H
#define BERTC_COMPILER_KERNELS_CPU_EPILOGUE_H

#include "compiler/Kernels/CPU/Linear.h"

namespace bertc {

/// Sums of a register tile: float32, to be scaled by column if there is a
/// `columnScale`, or int32 to be scaled by row and column.
struct Sums {
  Place place;
  int64_t stride, panelStride;
  Place rowScale, columnScale, columnSum;
};

/// Where the rows of a register tile go; row strides are those of the shape.
struct Epilogue {
  Sums sums;
  Place y, residual, bias;
};

/// y = activation(sums + bias) + residual, row by row, in float32 or staged as
/// bfloat16. What belongs to columns is loaded when it is made.
class EpilogueRows {
public:
  EpilogueRows(KernelBuilder &k, const LinearShape &shape,
               const Epilogue &epilogue, int64_t panels);
  void emitRow(mlir::Value row);

private:
  void storeRow(llvm::ArrayRef<mlir::Value> values, Place to);

  KernelBuilder &k;
  const LinearShape &shape;
  const Epilogue &e;
  int64_t panels;
  llvm::SmallVector<mlir::Value> biases, scales, columnSums;
};

void emitEpilogue(KernelBuilder &k, const LinearShape &shape,
                  const Epilogue &epilogue, mlir::Value rows, int64_t panels);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_EPILOGUE_H

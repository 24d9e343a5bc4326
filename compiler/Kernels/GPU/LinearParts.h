//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parts of a linear kernel have in common: its arguments, and what
// happens to complete sums.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_LINEARPARTS_H
#define BERTC_COMPILER_KERNELS_GPU_LINEARPARTS_H

#include "compiler/Kernels/GPU/Linear.h"
#include <functional>

namespace bertc {

/// The arguments of a linear kernel by name.
struct LinearArguments {
  LinearArguments(GpuBuilder &k, const DeviceLinearShape &shape,
                  const DeviceLinearPlan &plan);

  llvm::SmallVector<mlir::Type> types;
  void take(mlir::ValueRange arguments);

  mlir::Value x, xPlane, weights, bias, residual, partials, tickets, rows;
  mlir::Value rowScales, columnScales, columnSums; // of int8
  RowWriter writer, before;

private:
  const DeviceLinearShape &shape;
  const DeviceLinearPlan &plan;
};

/// Sums of one thread: for each of its rows the same columns, the first of
/// four neighbours each, all of them as constants behind the first: float32, or
/// int32 of int8. `values` is called with all threads of the warp.
struct LinearSums {
  mlir::Value firstRow, firstColumn;
  llvm::SmallVector<int64_t> rows, columns;
  std::function<llvm::SmallVector<mlir::Value>(size_t row, size_t column)>
      values;
  /// So many columns are handled at a time, as far as the registers go.
  size_t together = 1;
};

/// activation(sums + bias) + residual, to the outputs.
void emitLinearEpilogue(GpuBuilder &k, const DeviceLinearShape &shape,
                        const DeviceLinearPlan &plan,
                        LinearArguments &arguments, const LinearSums &sums);

/// Where the blocks of a tile leave their sums, and how they find out who is
/// the last: see linearKernel.
struct SplitSum {
  mlir::Value partials, tickets;
  mlir::Value tile; // i32, of all tiles
};
/// With splits, which are z of the grid: leaves the sums in `partials`, and
/// runs `finish` with the total in the last block of the tile. All copies of
/// the block are done, its shared memory is free.
void emitSplitSum(GpuBuilder &k, const DeviceLinearPlan &plan,
                  const SplitSum &split, mlir::ValueRange sums,
                  llvm::function_ref<void(mlir::ValueRange)> finish);

/// The program with mma.sync: every thread of the block copies and multiplies.
void emitMmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
                   const DeviceLinearPlan &plan, LinearArguments &arguments);

/// The same with wgmma, of tensor maps.
void emitWgmmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
                     const DeviceLinearPlan &plan, LinearArguments &arguments);

/// Elements of a piece (see SharedTile.h) of the operands.
int64_t linearPieceElements(const DeviceLinearShape &shape);

/// Steps of blockDepth over the depth, and over all products of planes.
int64_t linearDepthSteps(const DeviceLinearShape &shape,
                         const DeviceLinearPlan &plan);
int64_t linearSteps(const DeviceLinearShape &shape,
                    const DeviceLinearPlan &plan);

/// The planes that a step multiplies, and its place in the depth (i32).
struct LinearPlanes {
  mlir::Value x, weights, depth;
};
LinearPlanes emitLinearPlanes(GpuBuilder &k, const DeviceLinearShape &shape,
                              const DeviceLinearPlan &plan, mlir::Value step);

/// Where a step of all products of planes reads, in pieces (see SharedTile.h)
/// from the start of a row in plane 0, and its place in the depth in elements;
/// `xPlane` is in pieces, too. All i32, as registers are scarce: operands of up
/// to 64 GiB.
struct LinearStep {
  mlir::Value x, weights, depth;
};
LinearStep emitLinearStep(GpuBuilder &k, const DeviceLinearShape &shape,
                          const DeviceLinearPlan &plan, mlir::Value step,
                          mlir::Value xPlane);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_LINEARPARTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The products of the backward pass on tensor cores: C[m][n] = sum over k of
// A[m][k] B[k][n], where B, and A in some, lie in memory with their k steps as
// rows. Operands are planes of 16 bits, see DeviceRows.h.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_GRADIENTPRODUCT_H
#define BERTC_COMPILER_KERNELS_GPU_GRADIENTPRODUCT_H

#include "compiler/Kernels/GPU/AttentionTile.h"
#include "compiler/Plan/DevicePlan.h"

namespace bertc {

/// Rows of a plane that lie one k step apart, or, of an A that is not
/// transposed, one row of the product.
struct GradientOperand {
  mlir::Value rows;        // pointer to plane 0
  mlir::Value planeStride; // i64, elements
  int64_t stride = 0;      // elements from row to row
  mlir::Value rowCount;    // i32; what lies behind is taken for zero
  int64_t columnCount = 0; // likewise
};

class GradientProduct {
public:
  /// Of a block with `plan`, whose depth is that of a step; a row of the tiles
  /// in shared memory holds a k step, except those of an A that is not
  /// `transposed`.
  GradientProduct(GpuBuilder &k, const DeviceLinearPlan &plan, HalfType type,
                  int64_t planes, bool transposed);

  /// Sums of this thread of the block's tile, which begins at (firstRow,
  /// firstColumn) of the product; `depth` (i32, at least 1) k steps. Products
  /// of small planes are summed first. With plan.splits, those of the part of
  /// the block, which is z of the grid: there may be none.
  llvm::SmallVector<mlir::Value>
  sums(const GradientOperand &left, const GradientOperand &right,
       mlir::Value firstRow, mlir::Value firstColumn, mlir::Value depth);
  /// Runs `body(row, columns, values)` for each row of the product that this
  /// thread has sums of: the first of two neighbours each, and both their sums.
  void forRows(mlir::ValueRange sums, mlir::Value firstRow,
               mlir::Value firstColumn,
               llvm::function_ref<void(mlir::Value, llvm::ArrayRef<mlir::Value>,
                                       llvm::ArrayRef<mlir::Value>)>
                   body);

private:
  void copyTile(const GradientOperand &operand, AttentionTile &tile,
                int64_t tileRows, mlir::Value plane, mlir::Value firstRow,
                mlir::Value firstColumn, mlir::Value target);
  void multiply(mlir::Value stage, llvm::SmallVectorImpl<mlir::Value> &sums);
  mlir::Value digit(int64_t table, mlir::Value product);

  GpuBuilder &k;
  const DeviceLinearPlan &plan;
  HalfType type;
  int64_t planes;
  bool transposed;
  AttentionTile left, right;
  int64_t leftRows;              // of its tile in shared memory
  int64_t rowTiles, columnTiles; // of 16, of a warp
  mlir::Value warpRow, warpColumn;
};

/// Bytes of shared memory of a block.
int64_t gradientSharedBytes(const DeviceLinearPlan &plan);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_GRADIENTPRODUCT_H

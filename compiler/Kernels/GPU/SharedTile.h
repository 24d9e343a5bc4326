//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of 16-bit elements in shared memory, a k block of each, as the operand
// of tensor cores. A row's pieces of 16 bytes are permuted by the row's number
// (XOR), so that neither the copies, which write rows, nor ldmatrix, which
// reads the same piece of 8 rows, meet in a bank.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_SHAREDTILE_H
#define BERTC_COMPILER_KERNELS_GPU_SHAREDTILE_H

#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

/// Elements that one copy moves, and one row of an 8x8 matrix has.
constexpr int64_t pieceElements = 8;
constexpr int64_t pieceBytes = 16;

class SharedTile {
public:
  /// `depth` is 16, 32 or 64 elements; `rows` a multiple of 16; `threads` at
  /// least two for each element of the depth.
  SharedTile(int64_t rows, int64_t depth, int64_t threads)
      : rows(rows), depth(depth), threads(threads) {}

  int64_t bytes() const { return rows * rowBytes(); }
  int64_t rowBytes() const { return depth * 2; }
  /// Pieces that a thread copies: number `i` is of row copyRow() + i *
  /// copyRowStep(), its piece copyPiece().
  int64_t copies() const { return (pieces() + threads - 1) / threads; }
  int64_t copyRowStep() const { return threads / piecesOfRow(); }
  mlir::Value copyRow(GpuBuilder &k) const;
  mlir::Value copyPiece(GpuBuilder &k) const;
  /// Byte in the tile where this thread's copy 0 goes; the others lie
  /// copyRowStep() rows apart.
  mlir::Value copyOffset(GpuBuilder &k) const;
  int64_t copyOffsetStep() const { return copyRowStep() * rowBytes(); }
  /// Whether some threads have one copy less.
  bool isUneven() const { return pieces() % threads != 0; }
  /// Whether this thread has the last copy, too.
  mlir::Value hasLastCopy(GpuBuilder &k) const;

  /// Byte in the tile of this lane's row for a 16 x 16 block from row
  /// `firstRow` (a multiple of 16) on, k step 0; that of step s is
  /// `laneOffset ^ stepMask(s)`, that of the next 16 rows blockStep() further.
  /// In the four matrices of the block, `leftOperand` has the second 8 rows
  /// before the second 8 elements of the depth.
  mlir::Value laneOffset(GpuBuilder &k, mlir::Value firstRow,
                         bool leftOperand) const;
  int64_t stepMask(int64_t step) const { return step * 2 * pieceBytes; }
  int64_t blockStep() const { return 16 * rowBytes(); }

private:
  int64_t piecesOfRow() const { return depth / pieceElements; }
  int64_t pieces() const { return rows * piecesOfRow(); }
  /// What the pieces of `row` are permuted with.
  mlir::Value key(GpuBuilder &k, mlir::Value row) const;

  int64_t rows, depth, threads;
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_SHAREDTILE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Products of tensor cores as attention and its gradient make them: a warp's
// 16-row tiles by 16 columns, from planes, with sums in registers.
//
// Of a product, lane l has rows l / 4 and l / 4 + 8 and, of every eight
// columns, 2 (l % 4) and its neighbour. The next product wants its left operand
// so: what becomes of scores need not leave the registers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONMMA_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONMMA_H

#include "compiler/Kernels/GPU/GpuBuilder.h"
#include <string>

namespace bertc {

/// Rows and columns of a product that one instruction makes, and their depth.
constexpr int64_t tileRows = 16, tileColumns = 8, tileDepth = 16;
/// Registers of a lane that hold such a product.
constexpr int64_t tileValues = 4;
/// And two of them side by side.
constexpr int64_t blockValues = 2 * tileValues;

/// Rows and columns of a tile of which a lane has a part.
struct LanePlace {
  explicit LanePlace(GpuBuilder &k);
  mlir::Value row, column;
};

/// [row tile][column block][2][4]: blocks of 16 columns, over `steps` of 16.
/// What `left(row tile, step)` gives are the planes of an A, of which each is
/// asked for once; `right(column block, step, plane)` are two B.
struct BlockProduct {
  using Planes = llvm::SmallVector<llvm::SmallVector<mlir::Value>>;

  HalfType type = HalfType::BF16;
  int64_t planes = 1;
  int64_t rowTiles = 1;
  int64_t columnBlocks = 1;
  int64_t steps = 1;
  llvm::function_ref<Planes(int64_t, int64_t)> left;
  llvm::function_ref<llvm::SmallVector<mlir::Value>(int64_t, int64_t, int64_t)>
      right;
};
llvm::SmallVector<mlir::Value> emitBlockProduct(GpuBuilder &k,
                                                const BlockProduct &product);

/// The planes of a row tile's A straight from memory, for each of `steps`.
/// `rows` are the upper and the lower one of this lane, from its column on.
llvm::SmallVector<BlockProduct::Planes>
loadLeftOperands(GpuBuilder &k, HalfType type, llvm::ArrayRef<mlir::Value> rows,
                 mlir::Value planeStride, int64_t planes, int64_t steps);

/// Scores [row tile][column tile][4] of a lane, of keys from `firstKey` on;
/// those of keys behind `length`, which only the last step has, become
/// -infinity.
llvm::SmallVector<mlir::Value>
emitMaskedScores(GpuBuilder &k, mlir::ValueRange scores, int64_t columnTiles,
                 mlir::Value firstKey, mlir::Value laneColumn,
                 mlir::Value length);

/// What the name of a kernel ends in if `scale` is not 1 / sqrt(headSize).
std::string nameOfScale(double scale, int64_t headSize);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONMMA_H

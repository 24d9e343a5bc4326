//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The micro-kernel of AMX: up to 32 rows and two panels in four tile registers,
// their operands in the other four.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_TILEKERNEL_H
#define BERTC_COMPILER_KERNELS_CPU_TILEKERNEL_H

#include "compiler/Kernels/CPU/Epilogue.h"
#include <optional>

namespace bertc {

/// Rows of one tile register, and lines of a panel that make one.
constexpr int64_t tileLines = 16;
/// Words of the sums of one panel in a block of 32 rows.
constexpr int64_t tileSumWords = 32 * 16;

/// Configures all tile registers at their full size, for all kernels of a
/// thread's call; and gives them back at its end.
void emitTilesBegin(KernelBuilder &k);
void emitTilesEnd(KernelBuilder &k);

/// Operands of one block, in words of 32 bits. A is staged rows, whole tiles of
/// them (what lies behind the real rows is multiplied, too, and not read
/// again); B panels of [chunks * 16][16]; C float32 or int32, [panels][32][16]:
/// rows that lie together, since rows of a wide matrix would share a few cache
/// sets.
struct TileOperands {
  Place a;
  Place b;
  mlir::Value panelStride;
  Place c;
  mlir::Value chunks;      // of 16 lines
  mlir::Value accumulate;  // i1: start from C instead of zero
  Place ahead;             // what a later call reads of B, prefetched
  mlir::Value aheadLines;  // of each panel, for one chunk
  mlir::Value aheadStride; // instead of `panelStride`, if any
  /// Words from a panel of C to the next. Null: tileSumWords.
  mlir::Value outputStride;
};

/// What vector instructions do beside the products.
struct TileFinish {
  const LinearShape &shape;
  Epilogue previous; // of another block with complete sums,
  mlir::Value rows;  // so many rows of it
  /// Rows that the sums of this block are going to be written to, fetched ahead
  /// so that stores do not wait for memory.
  Place out;
  mlir::Value outRows; // for one chunk
};

/// C += A * B for `rows` (1..32, a run-time value) rows and 1 or 2 panels.
void callTileKernel(KernelBuilder &k, Arithmetic arithmetic, int64_t lda,
                    mlir::Value rows, int64_t panels,
                    const TileOperands &operands,
                    std::optional<TileFinish> finish = std::nullopt);

/// Operands of a product of few rows with many panels, in words; A and B as
/// above, rows of A and C have run-time strides.
struct TileBlocksOperands {
  Place a;
  mlir::Value lda;
  Place b;
  mlir::Value panelStride;
  mlir::Value panels;
  Place c; // whole tiles of rows
  mlir::Value ldc;
  mlir::Value chunks;
};

/// C = A * B in bfloat16 for `rows` (1..32, a run-time value) rows and all
/// panels, `group` (1 or 2) at a time.
void callTileBlocks(KernelBuilder &k, mlir::Value rows, int64_t group,
                    const TileBlocksOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_TILEKERNEL_H

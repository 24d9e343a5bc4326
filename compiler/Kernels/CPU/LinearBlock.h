//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The parts of a linear layer's kernel: one k block of one panel group for all
// row tiles of a row block, with registers (LinearBlock.cpp) or with tile
// registers (LinearTiles.cpp).
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_LINEARBLOCK_H
#define BERTC_COMPILER_KERNELS_CPU_LINEARBLOCK_H

#include "compiler/Kernels/CPU/Epilogue.h"

namespace bertc {

/// One k block of one panel group, in lines.
struct WeightBlock {
  mlir::Value begin, end;           // panels of all groups
  mlir::Value groupBegin, groupEnd; // panels
  mlir::Value first, lines;
  mlir::Value last;     // i1: the sums are complete after it
  mlir::Value distance; // words from here to the block that comes next
  /// Where it was widened to, `widenedStride` words a panel; no buffer: as it
  /// is in the packed weight.
  Place widened;
};

/// x of a row block as the micro-kernel reads it.
struct Input {
  Place place;
  int64_t stride;
  Place scales;
};

/// Words of a panel, with the zeros behind its k steps; of its upper half where
/// the arithmetic is of split weights; and of both.
int64_t partWords(const LinearShape &shape, Arithmetic arithmetic);
int64_t panelWords(const LinearShape &shape, Arithmetic arithmetic);
/// Words of the packed weight that become a line of a panel as it is
/// multiplied; a line itself, unless weights are widened.
int64_t storedLine(Arithmetic arithmetic);
/// Words from one panel of a widened block to the next.
int64_t widenedStride(const LinearPlan &plan);

/// A panel of a widened block.
Place widenedPanel(KernelBuilder &k, const LinearPlan &plan,
                   const WeightBlock &w, mlir::Value panel);

/// All row tiles of rows [rowBlock, rowBlock + blockRows).
void emitBlock(KernelBuilder &k, const LinearShape &shape,
               const LinearPlan &plan, const LinearOperands &o,
               const Input &input, mlir::Value rowBlock, mlir::Value blockRows,
               const WeightBlock &w);
/// The same with tile registers; `sums` has room for whole tiles, of all rows
/// and panels if there are several k blocks.
void emitTileBlock(KernelBuilder &k, const LinearShape &shape,
                   const LinearPlan &plan, const LinearOperands &o,
                   const Input &input, Place sums, mlir::Value rowBlock,
                   mlir::Value blockRows, const WeightBlock &w);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_LINEARBLOCK_H

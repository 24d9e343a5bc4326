//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The innermost kernel of everything that multiplies matrices: a block of
// C[rows, 16 * panels] held in registers while k runs. Each element is one
// chain of fused multiply-adds over k in rising order, whatever the block size
// and the vector width, so a row has the same bits in every block it falls in.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H
#define BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

/// Block of rows and column panels that fits the registers of a target.
struct MicroTile {
  int64_t rows = 0;
  int64_t panels = 0;
};

/// Operands of one block. A is [rows][k] with row stride `lda`, B panels of
/// [k][16] that lie `panelStride` elements apart, C is [rows][16 * panels]
/// with row stride `ldc`.
struct MicroOperands {
  Place a;
  mlir::Value lda;
  Place b;
  mlir::Value panelStride;
  Place c;
  mlir::Value ldc;
  mlir::Value depth;      // k steps
  mlir::Value accumulate; // i1: start from C instead of zero
  /// What a later call reads, prefetched while this one computes: from `ahead`
  /// and each `panelStride` behind it, `aheadStep` elements for every
  /// `microSteps` steps. No prefetch without a buffer.
  Place ahead;
  mlir::Value aheadStep;
};

/// k steps in one pass of the loop, so that its counting costs nothing.
constexpr int64_t microSteps = 4;

/// Calls the micro-kernel for `rows` (1..tile.rows, a run-time value) rows and
/// `panels` panels, one function per pair. `staticLda` != 0 folds the row
/// stride of A into the addresses; operands.lda is ignored then.
void callMicroKernel(KernelBuilder &k, MicroTile tile, int64_t panels,
                     int64_t staticLda, mlir::Value rows,
                     const MicroOperands &operands);

/// Runs `body(firstRow, rows)` for blocks of at most `tileRows` rows whose
/// sizes differ by one at most: 7 rows are 4 + 3, never 6 + 1.
void forBalancedRows(KernelBuilder &k, mlir::Value rows, int64_t tileRows,
                     llvm::function_ref<void(mlir::Value, mlir::Value)> body);

/// Runs `body(firstPanel, panels)` over [begin, end) in groups of `group`
/// panels, then the rest one panel at a time.
void forPanelGroups(KernelBuilder &k, mlir::Value begin, mlir::Value end,
                    int64_t group,
                    llvm::function_ref<void(mlir::Value, int64_t)> body);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H

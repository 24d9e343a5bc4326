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
// chain of sums over k in rising order, whatever the block size and the vector
// width, so a row has the same bits in every block it falls in.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H
#define BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

/// What is fixed when a micro-kernel is generated: the block that fits the
/// registers and what is multiplied.
struct MicroShape {
  Arithmetic arithmetic = Arithmetic::F32;
  int64_t rows = 0;
  int64_t panels = 0;
  int64_t lda = 0; // row stride of A folded into addresses; 0: an operand
};

/// Operands of one block, in words of 32 bits. A line of B is what 16 columns
/// hold of depthPerLine() steps of k: B is panels of [lines][16] that lie
/// `panelStride` words apart. A is [rows][lines * inputWords()] with row stride
/// `lda`; C is float32 [rows][16 * panels] with row stride `ldc`.
struct MicroOperands {
  Place a;
  mlir::Value lda;
  Place b;
  mlir::Value panelStride;
  Place c;
  mlir::Value ldc;
  mlir::Value lines;
  mlir::Value accumulate; // i1: start from C instead of zero; not for int8
  /// What a later call reads, prefetched while this one computes: from `ahead`
  /// and each `panelStride` behind it, `aheadStep` words a pass. No prefetch
  /// without a buffer.
  Place ahead;
  mlir::Value aheadStep;
  mlir::Value aheadStride; // instead of `panelStride`, if any
  /// int8: scale and zero (int32) of each of A's rows, as staged; the scales of
  /// B's columns, and their sums (int32).
  Place rowScale, columnScale, columnSum;
  /// Split weights: from a line to its lower half.
  mlir::Value restStride;
  /// A transposed, [lines * inputWords()][rows]: from one word of a row to the
  /// next; the row stride is then 1. Null: A as above.
  mlir::Value wordStride;
  /// C in panels, each [rows][ldc], that lie so many words apart. Null: 16.
  mlir::Value outputStride;
  /// Not for int8, without accumulate: the call computes so many blocks, each
  /// `panels` panels of B and C behind the one before it.
  mlir::Value blocks;
  /// With blocks: what each row of C is multiplied with at the end, one word a
  /// row. No factors without a buffer.
  Place rowFactor;
};

/// Lines in one pass of the loop, so that its counting costs nothing; more of
/// them make LLVM spill.
int64_t linesPerPass(Arithmetic arithmetic);

/// Words of a row of A that meet one line of B.
int64_t inputWords(Arithmetic arithmetic);

/// Calls the micro-kernel for `rows` (1..shape.rows, a run-time value) rows and
/// `panels` panels, one function per pair.
void callMicroKernel(KernelBuilder &k, const MicroShape &shape, int64_t panels,
                     mlir::Value rows, const MicroOperands &operands);

/// Runs `body(firstRow, rows)` for blocks of at most `tileRows` rows whose
/// sizes differ by one at most: 7 rows are 4 + 3, never 6 + 1.
void forBalancedRows(KernelBuilder &k, mlir::Value rows, int64_t tileRows,
                     llvm::function_ref<void(mlir::Value, mlir::Value)> body);

/// Runs `body(firstPanel, panels)` over [begin, end) in groups of `group`
/// panels, then the rest one panel at a time.
void forPanelGroups(KernelBuilder &k, mlir::Value begin, mlir::Value end,
                    int64_t group,
                    llvm::function_ref<void(mlir::Value, int64_t)> body);

/// The same with one call of `body(firstPanel, panels, blocks)` for all groups
/// and one for the rest.
void forPanelRuns(
    KernelBuilder &k, mlir::Value begin, mlir::Value end, int64_t group,
    llvm::function_ref<void(mlir::Value, int64_t, mlir::Value)> body);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_MICROKERNEL_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands of tensor cores in shared memory: rows of 16-bit elements, copied
// beside other work, loaded as the fragments that an mma instruction wants.
//
// The 16-byte chunks of a row are permuted (by XOR with bits of the row) such
// that neither a copy of neighbours nor a load of eight rows' chunks meets in a
// bank. The permutation repeats after 8 rows.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONTILE_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONTILE_H

#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

class AttentionTile {
public:
  /// `columns` is a multiple of 16.
  AttentionTile(GpuBuilder &k, int64_t columns) : k(k), chunks(columns / 8) {}

  int64_t rowBytes() const { return chunks * chunkBytes; }

  /// Runs `body(row, chunk, rowsOn, address)` for each chunk of `rows` rows
  /// (a multiple of 8) that this thread of `threads` copies: `chunk` of row
  /// `row + rowsOn`. The tile begins at `base`. A thread's chunks lie constants
  /// apart, so that one address is enough.
  void forChunks(
      mlir::Value base, int64_t rows, int64_t threads,
      llvm::function_ref<void(mlir::Value, mlir::Value, int64_t, mlir::Value)>
          body);
  /// The same with the sum as the row.
  void forChunks(
      mlir::Value base, int64_t rows, int64_t threads,
      llvm::function_ref<void(mlir::Value, mlir::Value, mlir::Value)> body) {
    forChunks(
        base, rows, threads,
        [&](mlir::Value row, mlir::Value chunk, int64_t rowsOn,
            mlir::Value address) { body(k.add(row, rowsOn), chunk, address); });
  }

  /// Rows that are copied to a tile: of several planes.
  struct Source {
    mlir::Value start; ///< Of the first row, in the first plane.
    int64_t stride;    ///< From row to row, in elements.
    mlir::Value planeStride;
  };
  /// This thread's part, of `threads`, of copies of `rows` rows to the tiles
  /// that begin at `base`, one for each plane of each source. Rows from `left`
  /// on become zeros: nothing is read of them, and their addresses may lie
  /// anywhere.
  void copyRows(mlir::Value base, int64_t rows, int64_t threads,
                mlir::Value left, llvm::ArrayRef<Source> sources,
                int64_t planes, HalfType type);

  // Fragments of a 16x16 block at (row, column) of the tile at `base`, both
  // multiples of 16: four registers. An A is one operand, a B two: of eight
  // columns of the product each.
  /// A's rows are rows of the tile, or (transposed) its columns.
  // The columns of a warp begin at `first`, a multiple of 16, if it is given.
  llvm::SmallVector<mlir::Value> loadA(mlir::Value base, int64_t row,
                                       int64_t column, bool transposed = false,
                                       mlir::Value first = {});
  /// B's columns are rows of the tile: weights [columns][depth]; or
  /// (transposed) its columns: [depth][columns].
  llvm::SmallVector<mlir::Value> loadB(mlir::Value base, int64_t row,
                                       int64_t column, bool transposed = false,
                                       mlir::Value first = {});

private:
  static constexpr int64_t chunkBytes = 16, chunkElements = 8;
  /// Chunks that change places with each other.
  int64_t group() const;
  /// What the chunks of `row` are XORed with.
  mlir::Value permutation(mlir::Value row);
  mlir::Value address(mlir::Value base, mlir::Value row, mlir::Value chunk);
  llvm::SmallVector<mlir::Value> load(mlir::Value base, int64_t row,
                                      int64_t column, bool rowsFirst,
                                      bool transposed, mlir::Value first);

  GpuBuilder &k;
  int64_t chunks;
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONTILE_H

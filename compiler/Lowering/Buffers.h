//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where each enc value of the forward function lives: the slot in the workspace
// and the physical shape of its rows.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_BUFFERS_H
#define BERTC_COMPILER_LOWERING_BUFFERS_H

#include "compiler/Kernels/CPU/Norm.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Lowering/WeightLayout.h"
#include "compiler/Lowering/Workspace.h"
#include "llvm/ADT/DenseMap.h"

namespace bertc {

/// Rows of `columns.padded()` elements, `stride` words of 32 bits apart.
/// Padding is zero. Elements are float32, or, if `staged`, bfloat16 as tile
/// registers multiply them, two in a word: whole tiles of rows are read,
/// whatever lies behind the real ones.
struct Buffer {
  int64_t slot = -1;
  Extent extent = Extent::PerToken;
  Grouping columns;
  int64_t stride = 0;
  bool staged = false;
  /// One entry of tokens * stride elements for each trip from `firstTrip` on:
  /// the loop at work reads and writes its own.
  bool stacked = false;
  int64_t firstTrip = 0;
  /// On a device: whether the rows exist as float32, and planes of 16 bits for
  /// matrix products with a slot of their own.
  bool f32 = true;
  int64_t planes = 0;
  int64_t planesSlot = -1;
  /// And bytes for products of int8, behind which their rows' steps and zeros
  /// lie.
  bool int8 = false;
  int64_t int8Slot = -1;

  /// Of so many rows: staged ones are read in whole tiles.
  int64_t words(int64_t rows) const;
  /// For kernels that reduce over a row: real columns must be contiguous.
  bool isPlain() const {
    return columns.count == 1 || columns.size == columns.stride;
  }
  RowShape rows() const {
    return {isPlain() ? columns.real() : columns.padded(), stride, staged};
  }
};

/// Padded columns plus, where rows would fall into the same cache sets, one
/// cache line.
int64_t rowStride(int64_t paddedColumns);

/// The slot in elements of float32 that a row takes as planes of 16 bits.
inline int64_t planesWords(int64_t planes, int64_t stride) {
  return planes * stride / 2;
}

/// The same as int8, with what belongs to the row.
inline int64_t int8Words(int64_t stride) { return stride / 4 + int8RowWords; }

/// Liveness of the values of one block and of the loop bodies in it, in
/// program order; assigns slots first-fit. A value whose memory another may
/// take over is released after its last use. What enc.layers saves for the
/// backward pass lies where it is made, in the memory of the stack.
class BufferAssignment {
public:
  /// `planes`: of 16 bits, that matrix products of a device read; 0 on the CPU.
  /// `int8`: those of weights read int8 instead.
  BufferAssignment(mlir::func::FuncOp forward, Workspace &workspace,
                   int64_t planes = 0, bool int8 = false);

  /// Shape of `value` without a slot: the layout its producer writes.
  Buffer describe(mlir::Value value) const;
  const Buffer &operator[](mlir::Value value) const {
    return buffers.find(value)->second;
  }
  /// The producer's result must be copied into the carried slot at the end of
  /// the body.
  bool needsCopy(mlir::Operation *layers) const {
    return copied.contains(layers);
  }

private:
  void assignBlock(mlir::Block &block);
  void assignLayers(mlir::Operation *layers);
  void assignLayersBackward(mlir::Operation *layers);
  /// The loop `op` carries `init` through its body to its first result.
  void assignCarried(mlir::Operation *op, mlir::Value init, mlir::Block &body);
  void assignStacks(mlir::Operation *layers);
  /// Where the body leaves what it carries on.
  void assignNext(mlir::Operation *op, mlir::Block &body);
  void noteDepth(mlir::Operation *op);
  void assignResult(mlir::Value value);
  void acquire(Buffer &buffer, int64_t copies = 1);
  void release(const Buffer &buffer);
  void setForms(mlir::Value value, Buffer &buffer) const;
  bool diesAt(mlir::Value value, mlir::Operation *op) const;
  void releaseOperands(mlir::Operation *op);

  Workspace &workspace;
  int64_t planes;
  bool int8;
  llvm::DenseMap<mlir::Value, Buffer> buffers;
  llvm::DenseSet<mlir::Operation *> copied;
  /// Layout of what the linear layer of a weight reads.
  llvm::DenseMap<mlir::Attribute, Grouping> depths;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_BUFFERS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// State of a Program while it emits; private to the room.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PROGRAMEMISSION_H
#define BERTC_COMPILER_LOWERING_PROGRAMEMISSION_H

#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Kernels/CPU/Rows.h"
#include "compiler/Lowering/Program.h"

namespace bertc {

struct Program::Emission {
  KernelBuilder &k;
  CallFrame &frame;
  Phases phases;
  PhaseInfo next;                         // what the next phase is
  mlir::Value tokenBegin, tokenEnd;       // rows of this thread
  mlir::Value sequenceBegin, sequenceEnd; // sequences of this thread
  mlir::Value layer;                      // null outside of enc.layers
};

// What several ops are described with; defined in ProgramOps.cpp.
LinearShape linearShape(const Buffer &x, const Buffer &y, bool bias);
AttentionShape attentionShape(double scale, const Buffer &in,
                              const Buffer &out);
ActivationFunction activationOf(mlir::enc::ActivationKind kind);
ActivationFunction activationOf(mlir::Operation *op);
Pooling poolingOf(mlir::enc::PoolMode mode);
/// Kernels that reduce over a row need its real columns side by side.
mlir::LogicalResult verifyPlain(mlir::Operation *op, const Buffer &buffer);

/// Runs `copy` for each result of `op` that collects hidden state `index`, the
/// carried value before layer `index`; if `reached` is not null, when it is
/// that layer.
void forCollected(KernelBuilder &k, mlir::enc::LayersOp op, mlir::Value reached,
                  int64_t index, llvm::function_ref<void(mlir::Value)> copy);

/// Rows [begin, end) of a head of a sequence, which has the `length` tokens
/// from `first` on.
struct HeadRows {
  mlir::Value sequence, head, first, length, begin, end;
};

/// Shares the work of attention, sequence after sequence and head after head,
/// in equal parts. A head that falls to two threads is cut at a multiple of
/// `unit` rows; both of them pack its keys. Runs `body` for the rows of each
/// head that fall to this thread.
void forOwnHeads(KernelBuilder &k, CallFrame &frame, int64_t heads,
                 int64_t unit, llvm::function_ref<void(const HeadRows &)> body);

/// Padding of a packed axis with `columns` real ones in one group.
inline Grouping plainColumns(int64_t columns) {
  return {1, columns, roundUp(columns, lanes)};
}
inline Grouping headColumns(int64_t heads, int64_t size) {
  return {heads, size, roundUp(size, lanes)};
}

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PROGRAMEMISSION_H

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

/// Padding of a packed axis with `columns` real ones in one group.
inline Grouping plainColumns(int64_t columns) {
  return {1, columns, roundUp(columns, lanes)};
}
inline Grouping headColumns(int64_t heads, int64_t size) {
  return {heads, size, roundUp(size, lanes)};
}

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PROGRAMEMISSION_H

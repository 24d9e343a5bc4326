//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Orders the phases of the one parallel region and puts a barrier between two
// of them only where a thread would touch what another one wrote or reads.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PHASES_H
#define BERTC_COMPILER_LOWERING_PHASES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <functional>

namespace bertc {

/// How a buffer is divided among the threads during a phase. Two accesses with
/// the same split (other than Whole and Columns) stay within one thread. Pairs
/// are the rows of a sequence and a head.
enum class Split { Whole, Rows, Heads, Columns, Sequences, Pairs };

struct Access {
  int64_t slot; // memory, not value: two values may share a slot
  Split split;
};

class Phases {
public:
  /// `begin` is called before the code of a phase, after its barrier.
  Phases(std::function<void()> emitBarrier, std::function<void()> begin)
      : emitBarrier(std::move(emitBarrier)), begin(std::move(begin)) {}

  /// Emits a phase with `emit`, and a barrier before it if one is needed.
  void run(llvm::ArrayRef<Access> reads, llvm::ArrayRef<Access> writes,
           llvm::function_ref<void()> emit);
  /// Emits a barrier unless nothing happened since the last one. Called where
  /// control flow joins (both ends of a loop body).
  void join();
  int64_t barriers() const { return count; }

private:
  bool conflicts(llvm::ArrayRef<Access> before, Access now) const;
  void emitBarrierNow();

  std::function<void()> emitBarrier, begin;
  llvm::SmallVector<Access> read, written;
  int64_t count = 0;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PHASES_H

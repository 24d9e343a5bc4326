//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hazards are read-after-write, write-after-read and write-after-write between
// different splits of the same slot since the last barrier.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/Phases.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;

bool Phases::conflicts(llvm::ArrayRef<Access> before, Access now) const {
  return llvm::any_of(before, [&](Access earlier) {
    if (earlier.slot != now.slot)
      return false;
    // Columns of one kernel are not those of the next.
    bool sameThread = earlier.split == now.split && now.split != Split::Whole &&
                      now.split != Split::Columns;
    return !sameThread;
  });
}

void Phases::emitBarrierNow() {
  emitBarrier();
  ++count;
  read.clear();
  written.clear();
}

void Phases::run(llvm::ArrayRef<Access> reads, llvm::ArrayRef<Access> writes,
                 llvm::function_ref<void()> emit) {
  bool needed =
      llvm::any_of(reads, [&](Access a) { return conflicts(written, a); }) ||
      llvm::any_of(writes, [&](Access a) {
        return conflicts(written, a) || conflicts(read, a);
      });
  if (needed)
    emitBarrierNow();
  begin();
  emit();
  read.append(reads.begin(), reads.end());
  written.append(writes.begin(), writes.end());
}

void Phases::join() {
  if (!read.empty() || !written.empty())
    emitBarrierNow();
}

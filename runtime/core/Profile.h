//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the time of a run goes. Threads note only when they begin something,
// each in memory of its own; what ends at that moment follows from the order.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_PROFILE_H
#define BERTC_RUNTIME_CORE_PROFILE_H

#include "runtime/core/Status.h"
#include "runtime/text/Buffer.h"

namespace bertc::rt {

/// Nanoseconds of a clock that never goes back.
int64_t nowNanoseconds();

class Profile {
public:
  /// Begins a run on `threads` threads, whose records replace the last one's.
  bertc_code start(uint32_t threads, const TextAllocator &allocator,
                   bertc_status *status);
  /// Thread `tid` begins `phase`; by each thread.
  void mark(int64_t tid, int64_t phase, int64_t layer);
  /// Makes the records of the run, by thread and time.
  bertc_code finish(bertc_status *status);
  void release(const TextAllocator &allocator);

  const bertc_phase_record *records() const { return made.data; }
  size_t count() const { return made.size; }

  /// What mark() gets when generated code is done.
  static constexpr int64_t end = -2;

private:
  struct Mark {
    int64_t time;
    int32_t phase, layer;
  };
  /// Of one thread; alone in its cache lines.
  struct alignas(128) Marks {
    Buffer<Mark> marks;
    bool lost; // memory ran out
  };
  TextAllocator memory = {};
  Buffer<Marks *> threads = {};
  Buffer<bertc_phase_record> made = {};
  int64_t started = 0;
};

} // namespace bertc::rt

#endif

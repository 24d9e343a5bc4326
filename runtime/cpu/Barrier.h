//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A barrier for the threads of one parallel region. Waiters spin for a bounded
// time and then sleep in the kernel, so short phases cost no system call, and
// a machine with fewer processors than threads still makes progress.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CPU_BARRIER_H
#define BERTC_RUNTIME_CPU_BARRIER_H

#include <cstdint>

namespace bertc::rt {

/// Waits until the word at `address` differs from `seen`: spins for `ticks` of
/// the time-stamp counter, then sleeps. `sleepers` counts threads that a change
/// of the word must wake with wakeSleepers.
void waitForChange(const uint32_t &address, uint32_t seen, uint64_t ticks,
                   uint32_t &sleepers);

/// Wakes all threads that sleep in waitForChange; to be called after the word
/// was changed by a sequentially consistent read-modify-write.
void wakeSleepers(const uint32_t &address, const uint32_t &sleepers);

class Barrier {
public:
  void init(uint32_t threads, uint64_t spinTicks);

  /// Returns when all threads have called it. What each wrote before is visible
  /// to all after.
  void wait();

private:
  alignas(64) uint32_t remaining = 0;
  alignas(64) uint32_t generation = 0;
  uint32_t sleepers = 0;
  uint32_t threads = 1;
  uint64_t spinTicks = 0;
};

} // namespace bertc::rt

#endif

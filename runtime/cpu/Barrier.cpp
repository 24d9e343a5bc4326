//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sense of the barrier is a generation number that the last thread to
// arrive raises; it is also the futex word. The sleeper count lets that thread
// skip the system call when everyone still spins, which is the usual case.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/Barrier.h"

#include <climits>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

namespace bertc::rt {

void waitForChange(const uint32_t &address, uint32_t seen, uint64_t ticks,
                   uint32_t &sleepers) {
  // After a moment, offer the processor: the thread that is waited for may be
  // on this one, when others keep the machine busy.
  uint64_t start = __rdtsc();
  for (uint64_t waited = 0; waited < ticks; waited = __rdtsc() - start) {
    if (__atomic_load_n(&address, __ATOMIC_ACQUIRE) != seen)
      return;
    if (waited < ticks / 16)
      _mm_pause();
    else
      sched_yield();
  }

  // The count goes up before the kernel compares the word, and the changer
  // reads the count after it wrote the word: one of the two sees the other.
  __atomic_fetch_add(&sleepers, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&address, __ATOMIC_SEQ_CST) == seen)
    syscall(SYS_futex, &address, FUTEX_WAIT_PRIVATE, seen, nullptr, nullptr, 0);
  __atomic_fetch_sub(&sleepers, 1, __ATOMIC_RELAXED);
}

void wakeSleepers(const uint32_t &address, const uint32_t &sleepers) {
  if (__atomic_load_n(&sleepers, __ATOMIC_SEQ_CST) != 0)
    syscall(SYS_futex, &address, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr,
            0);
}

void Barrier::init(uint32_t threadCount, uint64_t ticks) {
  threads = remaining = threadCount;
  spinTicks = ticks;
}

void Barrier::wait() {
  if (threads == 1)
    return;
  uint32_t seen = __atomic_load_n(&generation, __ATOMIC_RELAXED);
  if (__atomic_fetch_sub(&remaining, 1, __ATOMIC_ACQ_REL) != 1) {
    waitForChange(generation, seen, spinTicks, sleepers);
    return;
  }
  __atomic_store_n(&remaining, threads, __ATOMIC_RELAXED);
  __atomic_fetch_add(&generation, 1, __ATOMIC_SEQ_CST);
  wakeSleepers(generation, sleepers);
}

} // namespace bertc::rt

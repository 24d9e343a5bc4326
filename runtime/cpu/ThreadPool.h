//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The threads of a session. They are made once, enter a region together with
// the calling thread, and between regions wait like at a barrier. A pool
// serves one caller and one region at a time, so it needs no queue and no
// lock.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CPU_THREADPOOL_H
#define BERTC_RUNTIME_CPU_THREADPOOL_H

#include "runtime/cpu/Barrier.h"

#include <cstddef>
#include <pthread.h>

namespace bertc::rt {

class ThreadPool {
public:
  using Region = void (*)(void *argument, int64_t tid);

  static constexpr uint32_t maxThreads = 1024;

  /// Starts `threads - 1` workers that allow `processors` to be used. On
  /// failure returns the error number and leaves nothing behind.
  int start(uint32_t threads, uint32_t processors);

  /// Ends the workers. No region may be running.
  void stop();

  /// Calls region(argument, tid) once for each tid in [0, threads()), tid 0 on
  /// this thread, and returns when all have returned.
  void run(Region region, void *argument);

  /// Meets all threads of the running region; `tid` is the caller's.
  void barrier(uint32_t tid);

  uint32_t threads() const { return count; }

private:
  struct Worker {
    ThreadPool *pool;
    pthread_t handle;
    uint32_t tid;
  };

  static void *enter(void *worker);
  void work(uint32_t tid);
  void leaveSharedCpu(uint32_t tid);

  Barrier meeting;
  alignas(64) uint32_t epoch = 0;
  uint32_t sleepers = 0;
  Region region = nullptr; // null in an epoch: the workers end
  void *argument = nullptr;
  Worker *workers = nullptr;
  uint32_t count = 1;
  uint32_t started = 0;
  int *cpus = nullptr; // where each thread was seen last, or -1
  uint64_t spinTicks = 0;
  bool crowded = false; // more threads than processors
};

} // namespace bertc::rt

#endif

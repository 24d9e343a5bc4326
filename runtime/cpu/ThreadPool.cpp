//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A region begins when the epoch rises and ends at the barrier that the
// generated code also uses. Workers block signals, so handlers of the host
// program do not run on them, except those of faults and of profilers, which
// are about the thread itself. pthread_create is a weak reference: with an old
// C library that keeps it in a library of its own, a program without threads
// still runs models on one thread.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <initializer_list>
#include <sys/prctl.h>

extern "C" {
__attribute__((weak)) int pthread_create(pthread_t *, const pthread_attr_t *,
                                         void *(*)(void *), void *) noexcept;
__attribute__((weak)) int pthread_join(pthread_t, void **);
}

namespace bertc::rt {

/// How long a thread spins before it sleeps, in ticks of the time-stamp
/// counter: 30 to 60 microseconds. A wake-up costs about as much, so waiting is
/// at most twice as long as with foresight.
static constexpr uint64_t patience = 120000;

/// With more threads than processors a spinning thread keeps the one that it
/// waits for from running.
static constexpr uint64_t patienceWhenCrowded = 1000;

int ThreadPool::start(uint32_t threadCount, uint32_t cpus) {
  spinTicks = threadCount > cpus ? patienceWhenCrowded : patience;
  meeting.init(threadCount, spinTicks);
  count = threadCount;
  if (threadCount == 1)
    return 0;
  if (!pthread_create || !pthread_join)
    return ENOSYS;
  workers = static_cast<Worker *>(calloc(threadCount - 1, sizeof(Worker)));
  if (!workers)
    return ENOMEM;

  sigset_t blocked, before;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGPROF})
    sigdelset(&blocked, fault);
  sigprocmask(SIG_SETMASK, &blocked, &before);
  int error = 0;
  for (uint32_t i = 0; i + 1 < threadCount && !error; ++i) {
    workers[i].pool = this;
    workers[i].tid = i + 1;
    error = pthread_create(&workers[i].handle, nullptr, enter, &workers[i]);
    started += error == 0;
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
  if (error)
    stop();
  return error;
}

void ThreadPool::stop() {
  region = nullptr;
  __atomic_fetch_add(&epoch, 1, __ATOMIC_SEQ_CST);
  wakeSleepers(epoch, sleepers);
  for (uint32_t i = 0; i < started; ++i)
    pthread_join(workers[i].handle, nullptr);
  free(workers);
  workers = nullptr;
  started = 0;
  count = 1;
}

void ThreadPool::run(Region newRegion, void *newArgument) {
  if (count > 1) {
    region = newRegion;
    argument = newArgument;
    __atomic_fetch_add(&epoch, 1, __ATOMIC_SEQ_CST);
    wakeSleepers(epoch, sleepers);
  }
  newRegion(newArgument, 0);
  meeting.wait();
}

void *ThreadPool::enter(void *argument) {
  Worker *worker = static_cast<Worker *>(argument);
  prctl(PR_SET_NAME, "bertc");
  worker->pool->work(worker->tid);
  return nullptr;
}

void ThreadPool::work(uint32_t tid) {
  // Epochs begin at 0, and none is skipped: the region of each ends only when
  // this thread has taken part.
  for (uint32_t seen = 0;; ++seen) {
    waitForChange(epoch, seen, spinTicks, sleepers);
    if (!region)
      return;
    region(argument, tid);
    meeting.wait();
  }
}

} // namespace bertc::rt

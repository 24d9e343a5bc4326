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
#include <cstring>
#include <initializer_list>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
__attribute__((weak)) int pthread_create(pthread_t *, const pthread_attr_t *,
                                         void *(*)(void *), void *) noexcept;
__attribute__((weak)) int pthread_join(pthread_t, void **);
}

namespace bertc::rt {

/// How long a thread spins for the next region before it sleeps, in ticks of
/// the time-stamp counter: 30 to 60 microseconds. A wake-up costs about as
/// much, so waiting is at most twice as long as with foresight.
static constexpr uint64_t patience = 120000;

/// Inside of a region the wait is short unless threads lack processors, and a
/// wake-up would put two of them on one: it takes a millisecond to give up.
static constexpr uint64_t patienceInside = 20 * patience;

/// With more threads than processors a spinning thread keeps the one that it
/// waits for from running.
static constexpr uint64_t patienceWhenCrowded = 1000;

int ThreadPool::start(uint32_t threadCount, uint32_t processors) {
  crowded = threadCount > processors;
  spinTicks = crowded ? patienceWhenCrowded : patience;
  meeting.init(threadCount, crowded ? patienceWhenCrowded : patienceInside);
  count = threadCount;
  if (threadCount == 1)
    return 0;
  if (!pthread_create || !pthread_join)
    return ENOSYS;
  workers = static_cast<Worker *>(calloc(threadCount - 1, sizeof(Worker)));
  cpus = static_cast<int *>(malloc(threadCount * sizeof(int)));
  if (!workers || !cpus) {
    stop();
    return ENOMEM;
  }
  memset(cpus, 0xff, threadCount * sizeof(int));

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
  free(cpus);
  workers = nullptr;
  cpus = nullptr;
  started = 0;
  count = 1;
}

void ThreadPool::run(Region newRegion, void *newArgument) {
  if (count > 1) {
    region = newRegion;
    argument = newArgument;
    __atomic_store_n(&cpus[0], sched_getcpu(), __ATOMIC_RELAXED);
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

/// The kernel likes to wake a thread on the processor of its waker, and leaves
/// two busy threads there for tens of milliseconds while another processor is
/// idle. A worker that finds itself where a thread before it was seen asks to
/// run anywhere else, for a moment.
void ThreadPool::leaveSharedCpu(uint32_t tid) {
  if (crowded)
    return;
  int cpu = sched_getcpu();
  bool shared = false;
  for (uint32_t i = 0; i < tid; ++i)
    shared |= cpu == __atomic_load_n(&cpus[i], __ATOMIC_RELAXED);
  cpu_set_t allowed, others;
  // Fails where there are more processors than a cpu_set_t has.
  if (shared && cpu >= 0 &&
      sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    others = allowed;
    for (uint32_t i = 0; i < tid; ++i)
      if (int used = __atomic_load_n(&cpus[i], __ATOMIC_RELAXED); used >= 0)
        CPU_CLR(size_t(used), &others);
    // An empty set is refused.
    if (syscall(SYS_sched_setaffinity, 0, sizeof others, &others) == 0)
      syscall(SYS_sched_setaffinity, 0, sizeof allowed, &allowed);
    cpu = sched_getcpu();
  }
  __atomic_store_n(&cpus[tid], cpu, __ATOMIC_RELAXED);
}

void ThreadPool::barrier(uint32_t tid) {
  meeting.wait();
  if (count > 1)
    leaveSharedCpu(tid);
}

void ThreadPool::work(uint32_t tid) {
  // Epochs begin at 0, and none is skipped: the region of each ends only when
  // this thread has taken part.
  for (uint32_t seen = 0;; ++seen) {
    waitForChange(epoch, seen, spinTicks, sleepers);
    if (!region)
      return;
    leaveSharedCpu(tid);
    region(argument, tid);
    meeting.wait();
  }
}

} // namespace bertc::rt

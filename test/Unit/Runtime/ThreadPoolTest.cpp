//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The thread pool and its barrier under stress, with more threads than
// processors too.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/ThreadPool.h"
#include "FakeModel.h"

#include <chrono>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace bertc::test;
using bertc::rt::ThreadPool;

namespace {

struct Work {
  ThreadPool *pool;
  int phases;
  bool lagging; // a thread is late in each phase, so others must sleep
  std::vector<int64_t> cells[2];
  std::atomic<int> faults{0};
};

void workRegion(void *argument, int64_t tid) {
  Work &work = *static_cast<Work *>(argument);
  for (int phase = 0; phase < work.phases; ++phase) {
    if (work.lagging && phase % work.pool->threads() == uint64_t(tid))
      std::this_thread::sleep_for(std::chrono::microseconds(300));
    std::vector<int64_t> &cells = work.cells[phase % 2];
    cells[tid] = phase;
    work.pool->barrier(uint32_t(tid));
    for (int64_t cell : cells)
      work.faults += cell != phase;
  }
}

void stress(uint32_t threads, uint32_t cpus, int regions, int phases,
            bool lagging) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(threads, cpus), 0);
  ASSERT_EQ(pool.threads(), threads);
  Work work;
  work.pool = &pool;
  work.phases = phases;
  work.lagging = lagging;
  for (auto &cells : work.cells)
    cells.resize(threads);
  for (int i = 0; i < regions; ++i)
    pool.run(workRegion, &work);
  pool.stop();
  EXPECT_EQ(work.faults, 0);
}

} // namespace

TEST(ThreadPool, ManyBarriers) {
  for (uint32_t threads = 1; threads <= 4; ++threads)
    stress(threads, 1, 20, 500, false);
}

TEST(ThreadPool, ManyRegions) {
  for (uint32_t threads = 1; threads <= 4; ++threads)
    stress(threads, 1, 2000, 2, false);
}

// Spinning as if each thread had a processor of its own.
TEST(ThreadPool, PatientThreads) { stress(3, 64, 50, 20, false); }

TEST(ThreadPool, SleepersWakeUp) {
  stress(2, 64, 5, 20, true);
  stress(4, 1, 5, 20, true);
}

TEST(ThreadPool, ManyMoreThreadsThanProcessors) { stress(32, 2, 5, 20, false); }

// Workers that sleep between regions wake for the next one.
TEST(ThreadPool, IdleBetweenRegions) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(3, 64), 0);
  std::atomic<int> entered{0};
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.run(
        [](void *count, int64_t) { ++*static_cast<std::atomic<int> *>(count); },
        &entered);
    EXPECT_EQ(entered, 3 * (i + 1));
  }
  pool.stop();
}

TEST(ThreadPool, StartAndStopAtOnce) {
  for (int i = 0; i < 200; ++i) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(1 + i % 4, 2), 0);
    pool.stop();
    EXPECT_EQ(pool.threads(), 1u);
  }
}

// The barrier that generated code is given.
TEST(ThreadPool, BarriersOfARun) {
  for (uint32_t threads = 1; threads <= 4; ++threads) {
    Opened opened(threads);
    observed.barriers = 300;
    std::vector<int64_t> ids = {1, 2, 3};
    bertc_padded_inputs inputs = padded(1, 3, ids);
    float pooler[poolerWidth];
    bertc_output output = {"pooler_output", pooler, poolerWidth};
    for (int i = 0; i < 10; ++i)
      ASSERT_EQ(api().run_padded(opened.session, &inputs, &output, 1, nullptr),
                BERTC_OK);
    EXPECT_EQ(observed.entries, int(10 * threads));
    EXPECT_EQ(observed.threads, threads);
  }
}

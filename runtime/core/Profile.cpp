//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A mark costs one reading of the clock. Buffers keep their memory from run to
// run, so that after a first run the threads do not meet in the allocator.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Profile.h"

#include <cstdlib>
#include <ctime>
#include <new>

namespace bertc::rt {

int64_t nowNanoseconds() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return int64_t(time.tv_sec) * 1000000000 + time.tv_nsec;
}

static bertc_code noMemory(bertc_status *status) {
  return fail(status, BERTC_OUT_OF_MEMORY,
              "no memory for a profile\n"
              "help: profile a smaller batch");
}

bertc_code Profile::start(uint32_t count, const TextAllocator &allocator,
                          bertc_status *status) {
  memory = allocator;
  made.size = 0;
  while (threads.size < count) {
    void *space = nullptr;
    if (posix_memalign(&space, alignof(Marks), sizeof(Marks)))
      return noMemory(status);
    Marks *marks = new (space) Marks{};
    if (!threads.push(memory, marks)) {
      free(space);
      return noMemory(status);
    }
  }
  for (size_t i = 0; i < threads.size; ++i) {
    threads.data[i]->marks.size = 0;
    threads.data[i]->lost = false;
  }
  started = nowNanoseconds();
  return ok(status);
}

void Profile::mark(int64_t tid, int64_t phase, int64_t layer) {
  Marks &thread = *threads.data[tid];
  Mark mark = {nowNanoseconds(), int32_t(phase), int32_t(layer)};
  if (!thread.marks.push(memory, mark))
    thread.lost = true;
}

bertc_code Profile::finish(bertc_status *status) {
  for (size_t tid = 0; tid < threads.size; ++tid) {
    const Marks &thread = *threads.data[tid];
    bool lost = thread.lost;
    for (size_t i = 0; i + 1 < thread.marks.size && !lost; ++i) {
      const Mark &mark = thread.marks.data[i];
      if (mark.phase == end)
        continue;
      bertc_phase_record record = {};
      record.phase = mark.phase;
      record.layer = mark.layer;
      record.thread = uint32_t(tid);
      record.begin_ns = mark.time - started;
      record.end_ns = thread.marks.data[i + 1].time - started;
      lost = !made.push(memory, record);
    }
    if (lost) {
      made.size = 0;
      return noMemory(status);
    }
  }
  return ok(status);
}

void Profile::release(const TextAllocator &allocator) {
  for (size_t i = 0; i < threads.size; ++i) {
    threads.data[i]->marks.release(allocator);
    free(threads.data[i]);
  }
  threads.release(allocator);
  made.release(allocator);
}

} // namespace bertc::rt

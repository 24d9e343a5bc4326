//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What happened before what, among the threads of a block. A thread's time
// grows when others may have seen what it did (at a barrier, or when lanes of
// its warp meet); a thread knows for each other thread up to which time it has
// seen it. Barriers of the whole block, by far the most frequent, only raise
// one number: everything until then was seen by everyone.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_CLOCKS_H
#define BERTC_TOOLS_GPU_EMULATOR_CLOCKS_H

#include <algorithm>
#include <cstdint>
#include <vector>

namespace bertc::emulator {

/// Who did something, when and where.
struct Stamp {
  uint32_t time = 0; ///< 0: nobody ever.
  uint16_t thread = 0;
  uint16_t site = 0;
};

class Clocks {
public:
  using Row = std::vector<uint32_t>; ///< For each thread, seen until when.

  void reset(uint32_t threadCount) {
    if (threadCount != count || floor > 1u << 30) {
      count = threadCount;
      floor = 0;
      times.assign(count, 1);
      seen.assign(uint64_t(count) * count, 0);
      joined.assign(count, 0);
    }
    meetAll();
  }

  uint32_t now(uint32_t thread) const { return times[thread]; }
  /// Changes whenever everything before became ordered.
  uint32_t generation() const { return floor; }

  /// Whether what `stamp` says happened before what `thread` does now.
  bool isBefore(const Stamp &stamp, uint32_t thread) const {
    return stamp.time <= floor || stamp.thread == thread ||
           row(thread)[stamp.thread] >= stamp.time;
  }

  /// All threads of the block wait for each other.
  void meetAll() {
    floor = *std::max_element(times.begin(), times.end());
    std::fill(times.begin(), times.end(), floor + 1);
  }

  /// These threads do.
  void meet(const uint32_t *threads, uint32_t size) {
    std::fill(joined.begin(), joined.end(), 0);
    for (uint32_t i = 0; i < size; ++i)
      release(threads[i], joined);
    for (uint32_t i = 0; i < size; ++i)
      std::copy(joined.begin(), joined.end(), row(threads[i]));
  }

  /// `to` sees what `thread` has seen and done; later acts are not in it.
  void release(uint32_t thread, Row &to) {
    to.resize(count);
    const uint32_t *from = row(thread);
    for (uint32_t i = 0; i < count; ++i)
      to[i] = std::max(to[i], from[i]);
    to[thread] = std::max(to[thread], times[thread]);
    ++times[thread];
  }
  /// `thread` sees what `from` holds.
  void acquire(uint32_t thread, const Row &from) {
    uint32_t *to = row(thread);
    for (uint32_t i = 0; i < from.size(); ++i)
      to[i] = std::max(to[i], from[i]);
  }

  /// `thread` sees of it what `other` did.
  void acquireOne(uint32_t thread, uint32_t other, const Row &from) {
    uint32_t &to = row(thread)[other];
    to = std::max(to, from[other]);
  }

private:
  uint32_t *row(uint32_t thread) {
    return seen.data() + uint64_t(thread) * count;
  }
  const uint32_t *row(uint32_t thread) const {
    return seen.data() + uint64_t(thread) * count;
  }

  uint32_t count = 0;
  uint32_t floor = 0; ///< Everything until then was seen by everyone.
  std::vector<uint32_t> times, seen, joined;
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_CLOCKS_H

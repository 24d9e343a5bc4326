//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The blocks that run at the same time: one, or those of a cluster. Their
// threads take turns, and what happened before what is known among all of them,
// because blocks of a cluster write each other's shared memory.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_CLUSTER_H
#define BERTC_TOOLS_GPU_EMULATOR_CLUSTER_H

#include "tools/gpu-emulator/Block.h"

namespace bertc::emulator {

class Cluster {
public:
  /// That every GPU with clusters can have.
  static constexpr uint32_t mostBlocks = 8;

  /// Prepares for all clusters of a launch; errors go to `report`.
  void prepare(const Launch &launch, Report &report);
  /// Runs the n-th cluster, x fastest. False if it cannot go on.
  bool run(uint64_t n);
  /// How many there are in the launch.
  uint64_t count() const { return clusters; }
  /// Adds what the blocks counted to the report.
  void finish();

  uint32_t size() const { return blockCount; }
  Block &block(uint32_t rank) { return *blocks[rank]; }
  /// That this clock is of; not of an engine.
  Thread &thread(uint32_t clock) {
    return blocks[clock / (threadCount + 1)]->thread(clock % (threadCount + 1));
  }
  /// Whose shared memory `address` is in, or null.
  Block *owner(const void *address);

  // Turns of threads.
  Thread &running() { return *current; }
  void wake(Thread &thread);
  /// Goes on with the next thread that can, or with the caller of `run`.
  void next(Thread &from);
  /// Ends the launch.
  [[noreturn]] void abandon();

  // The barrier of the cluster.
  void arrive(Thread &thread, const Site &site);
  void wait(Thread &thread, const Site &site);
  /// `thread` is no longer waited for.
  void leave(Thread &thread);

  /// "thread 3", "a copy of a box", with the block if there are several.
  std::string nameOf(uint32_t clock) const;
  /// That of the n-th cluster that ran, with a block and a thread of it if its
  /// clock is known.
  std::string nameOfOther(uint32_t n, const uint16_t *clock) const;
  /// Whether this was not reported before.
  bool isNew(const std::string &key) { return reported.insert(key).second; }

  Clocks clocks;
  GlobalMemory memory;

private:
  /// Of a block of the n-th cluster, x fastest.
  void placeOf(uint64_t n, uint32_t rank, uint32_t (&at)[3]) const;
  void completeIfDone();
  std::string whoWaits() const;

  std::vector<std::unique_ptr<Block>> blocks; ///< All that were ever needed.
  uint32_t blockCount = 0, threadCount = 0;   ///< The latter of a block.
  uint32_t sizes[3] = {}, grid[3] = {};       ///< In blocks, and in clusters.
  uint64_t clusters = 0;
  Report *report = nullptr;
  std::set<std::string> reported;
  std::vector<uint64_t> ran; ///< The numbers of those that did.

  /// Threads that can go on, first come first served.
  std::vector<Thread *> ready;
  uint32_t firstReady = 0, readyCount = 0;
  Thread *current = nullptr;
  Fiber host;
  bool aborted = false;

  uint32_t alive = 0, arrived = 0, phase = 0;
  std::vector<Thread *> waiting;
  Clocks::Row arriving, complete; ///< Seen by who arrived.
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_CLUSTER_H

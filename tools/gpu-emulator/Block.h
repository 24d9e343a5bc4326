//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One block at work: its threads, who waits for whom, its shared memory, and
// what was found wrong.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_BLOCK_H
#define BERTC_TOOLS_GPU_EMULATOR_BLOCK_H

#include "tools/gpu-emulator/AsyncCopies.h"
#include "tools/gpu-emulator/Banks.h"
#include "tools/gpu-emulator/Clocks.h"
#include "tools/gpu-emulator/Emulator.h"
#include "tools/gpu-emulator/Fiber.h"
#include "tools/gpu-emulator/GlobalMemory.h"
#include "tools/gpu-emulator/GroupReads.h"
#include "tools/gpu-emulator/GroupResults.h"
#include "tools/gpu-emulator/Mbarriers.h"
#include "tools/gpu-emulator/SharedMemory.h"
#include <map>
#include <memory>
#include <set>

namespace bertc::emulator {

class Block;
class Cluster;

struct Thread {
  uint32_t registers[RegisterCount]; ///< Emulated code reads these.
  Block *block = nullptr;
  uint32_t index = 0, lane = 0, warp = 0;
  uint32_t clock = 0; ///< Its number among those of the cluster.
  bool finished = false;
  bool isFenced = false;          ///< Since it used registers of products.
  bool hasArrived = false;        ///< At the cluster's barrier, and
  uint32_t arrivedIn = 0;         ///< in this phase of it.
  uint32_t proxyFence = 0;        ///< Its last in this block's.
  const Site *waiting = nullptr;  ///< Null: it runs or could.
  const void *mbarrier = nullptr; ///< That it waits at.
  AsyncCopies copies;
  GlobalMemory::Fences fences;
  Fiber fiber;
};

/// Lanes of a warp that wait for each other at one op.
struct Meeting {
  const Site *site = nullptr;
  uint32_t mask = 0, arrived = 0; ///< Lanes.
  const uint32_t *in[Banks::warpSize] = {};
  uint32_t *out[Banks::warpSize] = {};
};

/// Threads of a warp group that do.
struct GroupMeeting {
  const Site *site = nullptr;
  uint32_t arrived = 0;
  const uint32_t *in[128] = {};
  uint32_t *out[128] = {};
};

class Block {
public:
  static constexpr uint32_t groupSize = 128;
  static constexpr uint32_t maxThreads = 1024;
  static constexpr uint32_t warpSize = Banks::warpSize;

  /// Prepares for all blocks of this `rank` in the clusters of a launch; errors
  /// go to `report`.
  void prepare(const Launch &launch, Report &report, Cluster &cluster,
               uint32_t rank);
  /// Makes the threads of one ready to run.
  void start(uint32_t x, uint32_t y, uint32_t z);
  /// All have left.
  void finish();
  bool hasLeft() const { return alive == 0; }

  uint32_t threadCount() const { return count; }
  /// Of the engine that copies boxes, among those of the cluster.
  uint32_t engineClock() const { return rank * (count + 1) + count; }
  Thread *firstWaiting();
  std::string whoWaits() const;
  /// What the mbarriers that threads wait at wait for.
  std::string missingArrivals() const;
  Thread &thread(uint32_t i) { return threads[i]; }

  /// Reports, once for each pair of sites, what `thread` did.
  void error(const Thread &thread, const Site &site, const std::string &what,
             const Site *other = nullptr);
  /// Reports what `make` returns and ends the launch. A fibre that is
  /// abandoned must not own the text.
  template <typename Make>
  [[noreturn]] void fatal(const Thread &thread, const Site &site, Make make) {
    error(thread, site, std::string(make()));
    abandon();
  }
  [[noreturn]] void abandon();

  /// Lane `thread` comes to a meeting of the lanes in `mask`. The last one gets
  /// it back, acts for all and calls `dismiss`; the others wait for that, and
  /// get null.
  Meeting *meet(Thread &thread, const Site &site, uint32_t mask,
                const uint32_t *in, uint32_t *out);
  void dismiss(Meeting *meeting);
  /// The same for the four warps of a group, always all of them.
  GroupMeeting *meetGroup(Thread &thread, const Site &site, const uint32_t *in,
                          uint32_t *out);
  void dismissGroup(GroupMeeting *meeting);
  /// Stops `thread` at `site` until someone wakes it.
  void wait(Thread &thread, const Site &site);
  /// Memory accesses of these lanes are ordered from here on.
  void orderLanes(uint32_t warp, uint32_t lanes);

  /// Waits at barrier `id` for `size` threads (0: all), or only arrives.
  void barrier(Thread &thread, const Site &site, uint32_t id, uint32_t size,
               bool waits);

  /// Checks an access of shared memory and reports what is wrong.
  void accessShared(Thread &thread, const Site &site, const void *address,
                    uint32_t size, AccessKind kind, bool counts = true);
  /// Ends the launch if these bytes are not inside or not aligned.
  void checkShared(Thread &thread, const Site &site, const void *address,
                   uint32_t size, uint32_t alignment);
  /// The same of global memory, which is known to be there.
  void accessGlobal(Thread &thread, const Site &site, uint64_t place,
                    uint32_t size, AccessKind kind);
  void checkGlobal(Thread &thread, Site &site, const void *address,
                   uint32_t size, uint32_t alignment, AccessKind kind);
  /// Reports that the asynchronous proxy does not see what threads wrote.
  /// `own` is the thread's last fence, `what` the one that there should be.
  void checkProxy(Thread &thread, const Site &site, uint32_t own,
                  uint32_t offset, uint32_t size, const char *what);
  void reportFault(Thread &thread, const Site &site,
                   const SharedMemory::Result &result, uint32_t offset,
                   uint32_t size, AccessKind kind);

  Stamp stamp(const Thread &thread, const Site &site);

  Cluster *cluster = nullptr;
  uint32_t rank = 0; ///< In the cluster.
  SharedMemory shared;
  Banks banks;
  Mbarriers mbarriers;
  /// The last arrivals of threads of other blocks, by their clocks.
  std::map<uint32_t, Stamp> remoteArrivals;
  std::vector<GroupReads> groupReads;     ///< Of each warp group.
  std::vector<GroupResults> groupResults; ///< The same.
  std::vector<char> scratch;              ///< For one op.
  Report *report = nullptr;

private:
  struct Barrier {
    uint32_t size = 0, arrived = 0; ///< Threads that it waits for, and came.
    std::vector<uint32_t> waiting;  ///< Those that wait for the others.
    Clocks::Row seen;               ///< By those that do not.

    void clear() {
      size = arrived = 0;
      waiting.clear();
      seen.clear();
    }
  };

  static void threadMain(void *thread);
  [[noreturn]] void leave(Thread &thread);
  void complete(Barrier &barrier, const Thread &last);
  void checkRemoteArrivals();

  const EmulatedKernel *kernel = nullptr;
  void **params = nullptr;
  uint32_t count = 0, alive = 0;
  std::vector<Thread> threads;
  std::vector<std::vector<Meeting *>> meetings; ///< Of each warp.
  std::vector<Meeting *> spare;
  std::vector<std::unique_ptr<Meeting>> made; ///< All there are.
  std::vector<GroupMeeting> groupMeetings;    ///< One of each warp group.
  Barrier barriers[16];
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_BLOCK_H

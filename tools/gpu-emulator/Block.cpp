//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads of a block wait for each other at meetings of lanes and at barriers;
// its cluster says who runs.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Text.h"
#include <cstdlib>

using namespace bertc::emulator;

void Block::prepare(const Launch &launch, Report &newReport,
                    Cluster &newCluster, uint32_t newRank) {
  cluster = &newCluster;
  rank = newRank;
  report = &newReport;
  kernel = launch.kernel;
  params = launch.params;
  count = kernel->threads;
  if (threads.size() < count)
    threads = std::vector<Thread>(count);
  const uint32_t warps = (count + warpSize - 1) / warpSize;
  meetings.resize(warps);
  const uint32_t groups = (count + groupSize - 1) / groupSize;
  groupMeetings.assign(groups, GroupMeeting());
  groupReads.resize(groups);
  groupResults.resize(groups);
  banks.discard();
  banks.resize(warps);
  banks.reset();
  shared.sites.clear();
  for (uint32_t i = 0; i < count; ++i) {
    Thread &thread = threads[i];
    thread.block = this;
    thread.index = i;
    thread.lane = i % warpSize;
    thread.warp = i / warpSize;
    thread.clock = rank * (count + 1) + i;
    uint32_t *registers = thread.registers;
    registers[ThreadX] = i;
    registers[ThreadY] = registers[ThreadZ] = 0;
    registers[BlockSizeX] = count;
    registers[BlockSizeY] = registers[BlockSizeZ] = 1;
    registers[GridX] = launch.grid[0];
    registers[GridY] = launch.grid[1];
    registers[GridZ] = launch.grid[2];
    registers[LaneId] = thread.lane;
    registers[WarpId] = thread.warp;
    registers[SharedBytes] = launch.sharedBytes;
    registers[ClusterRank] = rank;
    registers[ClusterSize] = cluster->size();
  }
}

void Block::threadMain(void *argument) {
  auto &thread = *static_cast<Thread *>(argument);
  thread.block->kernel->entry(thread.block->params);
  thread.block->leave(thread);
}

void Block::start(uint32_t x, uint32_t y, uint32_t z) {
  shared.reset(threads[0].registers[SharedBytes]);
  for (std::vector<Meeting *> &list : meetings) {
    spare.insert(spare.end(), list.begin(), list.end());
    list.clear();
  }
  for (Barrier &barrier : barriers)
    barrier.clear();
  std::fill(groupMeetings.begin(), groupMeetings.end(), GroupMeeting());
  for (GroupReads &reads : groupReads)
    reads.reset();
  for (GroupResults &results : groupResults)
    results.reset();
  mbarriers.clear();
  remoteArrivals.clear();
  alive = count;
  for (uint32_t i = 0; i < count; ++i) {
    Thread &thread = threads[i];
    thread.registers[BlockX] = x;
    thread.registers[BlockY] = y;
    thread.registers[BlockZ] = z;
    thread.finished = thread.hasArrived = thread.isFenced = false;
    thread.waiting = nullptr;
    thread.mbarrier = nullptr;
    thread.proxyFence = 0;
    thread.copies.reset();
    thread.fences.reset();
    thread.fiber.start(threadMain, &thread, i);
    cluster->wake(thread);
  }
}

// A block is there until its last thread leaves, so one thread that has seen
// what others do to it is enough.
void Block::checkRemoteArrivals() {
  for (const auto &[clock, stamp] : remoteArrivals) {
    bool wasSeen = false;
    for (uint32_t i = 0; i < count && !wasSeen; ++i)
      wasSeen = cluster->clocks.isBefore(stamp, threads[i].clock);
    if (!wasSeen)
      error(cluster->thread(clock), *shared.sites[stamp.site],
            "no mbarrier, block " + std::to_string(rank) +
                " of the cluster may have left the kernel");
  }
}

void Block::finish() {
  checkRemoteArrivals();
  for (uint32_t warp = 0; warp < meetings.size(); ++warp)
    banks.flush(warp);
}

Thread *Block::firstWaiting() {
  for (uint32_t i = 0; i < count; ++i)
    if (threads[i].waiting)
      return &threads[i];
  return nullptr;
}

std::string Block::whoWaits() const {
  std::string text;
  std::vector<bool> seen(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (seen[i])
      continue;
    std::vector<uint32_t> same;
    for (uint32_t j = i; j < count; ++j)
      if (threads[j].waiting == threads[i].waiting &&
          threads[j].finished == threads[i].finished) {
        same.push_back(j);
        seen[j] = true;
      }
    text += text.empty() ? "" : "; ";
    text += listOfThreads(same);
    text += threads[i].finished
                ? " left the kernel"
                : std::string(" at ") + threads[i].waiting->text;
  }
  return text;
}

/// "; the mbarrier at offset 8, phase 0: 1 of 4 arrivals missing, ...".
std::string Block::missingArrivals() const {
  std::set<uint32_t> offsets;
  for (uint32_t i = 0; i < count; ++i)
    if (threads[i].waiting && threads[i].mbarrier)
      offsets.insert(shared.offsetOf(threads[i].mbarrier));
  std::string text;
  for (uint32_t offset : offsets) {
    const Mbarrier &barrier = mbarriers.at(offset);
    text += "; the mbarrier at offset " + std::to_string(offset) +
            (cluster->size() > 1 ? " of block " + std::to_string(rank) : "") +
            ", phase " + std::to_string(barrier.phase) + ": " +
            std::to_string(barrier.pending) + " of " +
            std::to_string(barrier.expected) + " arrivals and " +
            std::to_string(barrier.bytes) + " bytes are missing";
  }
  return text;
}

void Block::error(const Thread &thread, const Site &site,
                  const std::string &what, const Site *other) {
  constexpr size_t most = 32;
  const std::string kind = what.substr(0, what.find(','));
  std::string key = kind + "/" + std::to_string(site.index) + "/" +
                    std::to_string(other ? other->index : 0);
  if (report->errors.size() >= most || !cluster->isNew(key))
    return;
  const uint32_t *registers = thread.registers;
  std::string text = std::string("kernel '") + kernel->name + "', block (" +
                     std::to_string(registers[BlockX]) + ", " +
                     std::to_string(registers[BlockY]) + ", " +
                     std::to_string(registers[BlockZ]) + "), thread " +
                     std::to_string(thread.index) + ": " + what + "; at " +
                     site.text;
  if (other)
    text += std::string("; the other at ") + other->text;
  report->errors.push_back(text);
}

void Block::abandon() { cluster->abandon(); }

void Block::wait(Thread &thread, const Site &site) {
  thread.waiting = &site;
  cluster->next(thread);
}

void Block::leave(Thread &thread) {
  thread.finished = true;
  --alive;
  cluster->leave(thread);
  cluster->next(thread);
  abort(); // a thread that left is never resumed
}

//===----------------------------------------------------------------------===//
// Meetings of lanes
//===----------------------------------------------------------------------===//

Meeting *Block::meet(Thread &thread, const Site &site, uint32_t mask,
                     const uint32_t *in, uint32_t *out) {
  const uint32_t lane = 1u << thread.lane;
  if (!(mask & lane))
    fatal(thread, site, [&] {
      return "divergence, the mask " + hexadecimal(mask) +
             " does not hold the lane itself";
    });
  Meeting *meeting = nullptr;
  for (Meeting *candidate : meetings[thread.warp])
    if (candidate->site == &site && candidate->mask == mask &&
        !(candidate->arrived & lane))
      meeting = candidate;
  if (!meeting) {
    if (spare.empty()) {
      made.push_back(std::make_unique<Meeting>());
      spare.push_back(made.back().get());
    }
    meeting = spare.back();
    spare.pop_back();
    *meeting = Meeting();
    meeting->site = &site;
    meeting->mask = mask;
    meetings[thread.warp].push_back(meeting);
  }
  meeting->arrived |= lane;
  meeting->in[thread.lane] = in;
  meeting->out[thread.lane] = out;
  if (meeting->arrived == mask)
    return meeting;
  wait(thread, site);
  return nullptr;
}

void Block::dismiss(Meeting *meeting) {
  Thread &last = cluster->running();
  std::vector<Meeting *> &list = meetings[last.warp];
  list.erase(std::find(list.begin(), list.end(), meeting));
  spare.push_back(meeting);
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if ((meeting->mask >> lane & 1) && lane != last.lane)
      cluster->wake(threads[last.warp * warpSize + lane]);
  if (meeting->mask == ~0u)
    banks.flush(last.warp);
}

GroupMeeting *Block::meetGroup(Thread &thread, const Site &site,
                               const uint32_t *in, uint32_t *out) {
  GroupMeeting &meeting = groupMeetings[thread.index / groupSize];
  if (meeting.arrived == 0)
    meeting.site = &site;
  else if (meeting.site != &site)
    fatal(thread, site, [&] {
      return std::string("divergence, threads of a warp group at one product "
                         "and at ") +
             meeting.site->text;
    });
  meeting.in[thread.index % groupSize] = in;
  meeting.out[thread.index % groupSize] = out;
  if (++meeting.arrived == groupSize)
    return &meeting;
  wait(thread, site);
  return nullptr;
}

void Block::dismissGroup(GroupMeeting *meeting) {
  const uint32_t last = cluster->running().index;
  const uint32_t first = last / groupSize * groupSize;
  meeting->arrived = 0;
  for (uint32_t i = first; i < first + groupSize; ++i)
    if (i != last)
      cluster->wake(threads[i]);
  for (uint32_t i = first; i < first + groupSize; i += warpSize)
    banks.flush(threads[i].warp);
}

void Block::orderLanes(uint32_t warp, uint32_t lanes) {
  uint32_t list[warpSize], size = 0;
  for (uint32_t lane = 0; lane < warpSize; ++lane)
    if (lanes >> lane & 1)
      list[size++] = threads[warp * warpSize + lane].clock;
  cluster->clocks.meet(list, size);
}

//===----------------------------------------------------------------------===//
// Barriers
//===----------------------------------------------------------------------===//

void Block::complete(Barrier &barrier, const Thread &last) {
  Clocks &clocks = cluster->clocks;
  std::vector<uint32_t> waiting;
  waiting.swap(barrier.waiting);
  if (waiting.size() == count && cluster->size() == 1) {
    clocks.meetAll();
  } else {
    for (uint32_t i : waiting)
      clocks.release(threads[i].clock, barrier.seen);
    for (uint32_t i : waiting)
      clocks.acquire(threads[i].clock, barrier.seen);
  }
  for (uint32_t i : waiting) {
    Thread &thread = threads[i];
    if (i % warpSize == 0)
      banks.flush(thread.warp);
    if (&thread != &last)
      cluster->wake(thread);
  }
  barrier.clear();
  waiting.clear();
  waiting.swap(barrier.waiting);
}

void Block::barrier(Thread &thread, const Site &site, uint32_t id,
                    uint32_t size, bool waits) {
  if (id >= std::size(barriers))
    fatal(thread, site, [&] {
      return "no such barrier, " + std::to_string(id) + " of 0 to 15";
    });
  if (size == 0)
    size = count;
  if (size % warpSize != 0 && size != count)
    fatal(thread, site, [&] {
      return "bad barrier, " + std::to_string(size) +
             " threads are no whole number of warps";
    });
  Barrier &barrier = barriers[id];
  if (barrier.arrived == 0)
    barrier.size = size;
  if (barrier.size != size)
    fatal(thread, site, [&] {
      return "divergence, barrier " + std::to_string(id) + " waits for " +
             std::to_string(barrier.size) + " threads and not for " +
             std::to_string(size);
    });
  ++barrier.arrived;
  if (!waits) {
    // What it does from here on is not ordered.
    cluster->clocks.release(thread.clock, barrier.seen);
  } else {
    barrier.waiting.push_back(thread.index);
    thread.waiting = &site;
    // The lanes of a warp wait at the same op.
    for (uint32_t i : barrier.waiting)
      if (i / warpSize == thread.warp && threads[i].waiting != &site &&
          threads[i].waiting)
        fatal(thread, site, [&] {
          return "divergence, lanes of a warp at one barrier: thread " +
                 std::to_string(i) + " at " + threads[i].waiting->text;
        });
  }
  if (barrier.arrived == size) {
    thread.waiting = nullptr;
    complete(barrier, thread);
    return;
  }
  if (waits)
    wait(thread, site);
}

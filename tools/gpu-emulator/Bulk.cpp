//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// mbarriers and copies of whole boxes (TMA). A copy's bytes arrive when the
// first thread has waited for the phase of its mbarrier, and only who waited
// for that phase is ordered after it, the thread that began the copy like
// others.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Ranges.h"
#include "tools/gpu-emulator/TensorMap.h"
#include "tools/gpu-emulator/Text.h"
#include <cstring>
#include <iterator>

using namespace bertc::emulator;

std::string bertc::emulator::problemOf(const TensorMap &map) {
  if (map.rank < 1 || map.rank > TensorMap::mostDimensions)
    return "a tensor of " + std::to_string(map.rank) + " dimensions";
  if (map.address % 16 != 0)
    return "a tensor at " + hexadecimal(map.address) +
           ", no multiple of 16 bytes";
  for (uint32_t i = 0; i + 1 < map.rank; ++i)
    if (map.strides[i] % 16 != 0)
      return "a stride of " + std::to_string(map.strides[i]) +
             ", no multiple of 16 bytes";
  for (uint32_t i = 0; i < map.rank; ++i)
    if (map.box[i] < 1 || map.box[i] > 256 || map.sizes[i] < 1)
      return "a box of " + std::to_string(map.box[i]) + " in a size of " +
             std::to_string(map.sizes[i]) + " of dimension " +
             std::to_string(i);
  const uint32_t inner = map.box[0] * map.elementBytes;
  if (inner % 16 != 0)
    return "a box of " + std::to_string(inner) +
           " bytes a row, no multiple of 16";
  if (map.swizzle != Swizzle::None && inner > 16u << uint32_t(map.swizzle))
    return "a box of " + std::to_string(inner) +
           " bytes a row, more than the swizzle's " +
           std::to_string(16u << uint32_t(map.swizzle));
  return "";
}

//===----------------------------------------------------------------------===//
// mbarriers
//===----------------------------------------------------------------------===//

/// The mbarrier at `address` of a block's shared memory, which some thread must
/// have made.
static Mbarrier &mbarrierAt(Block &block, Thread &thread, Site &site,
                            void *address) {
  ++block.report->steps;
  if (block.hasLeft())
    block.fatal(thread, site, [&] {
      return "no mbarrier, block " + std::to_string(block.rank) +
             " of the cluster has left the kernel";
    });
  block.checkShared(thread, site, address, 8, 8);
  const auto found = block.mbarriers.find(block.shared.offsetOf(address));
  if (found == block.mbarriers.end())
    block.fatal(thread, site, [&] {
      return "no mbarrier, " + bytesAt(8, block.shared.offsetOf(address)) +
             " of shared memory";
    });
  const Stamp &made = found->second.made;
  if (!block.cluster->clocks.isBefore(made, thread.clock))
    block.error(thread, site,
                "race in shared memory, uses the mbarrier at offset " +
                    std::to_string(found->first) + ", which " +
                    block.cluster->nameOf(made.thread) +
                    " made without a barrier between",
                block.shared.sites[made.site]);
  // Like other objects, it must not be read or written by plain accesses.
  block.accessShared(thread, site, address, 8, AccessKind::Atomic,
                     /*counts=*/false);
  return found->second;
}

static void completeIfDone(Block &block, Mbarrier &barrier) {
  if (!barrier.isComplete())
    return;
  ++barrier.phase;
  barrier.pending = barrier.expected;
  std::move(barrier.copies.begin(), barrier.copies.end(),
            std::back_inserter(barrier.arrived));
  barrier.copies.clear();
  barrier.complete.resize(barrier.arriving.size());
  for (size_t i = 0; i < barrier.arriving.size(); ++i)
    barrier.complete[i] = std::max(barrier.complete[i], barrier.arriving[i]);
  for (uint32_t i : barrier.waiting)
    block.cluster->wake(block.thread(i));
  barrier.waiting.clear();
}

void bertc_gpu_emulator_mbarrier_init(Thread *thread, Site *site, void *address,
                                      uint32_t count, uint32_t predicate) {
  if (!predicate)
    return;
  Block &block = *thread->block;
  ++block.report->steps;
  block.checkShared(*thread, *site, address, 8, 8);
  if (count < 1 || count >= 1u << 20)
    block.fatal(*thread, *site, [&] {
      return "bad mbarrier, for " + std::to_string(count) + " arrivals";
    });
  block.accessShared(*thread, *site, address, 8, AccessKind::Store,
                     /*counts=*/false);
  block.shared.markGeneric(block.shared.offsetOf(address), 8);
  Mbarrier &barrier = block.mbarriers[block.shared.offsetOf(address)];
  barrier = Mbarrier();
  barrier.expected = barrier.pending = count;
  barrier.made = block.stamp(*thread, *site);
}

void bertc_gpu_emulator_mbarrier_expect(Thread *thread, Site *site,
                                        void *address, uint32_t bytes) {
  mbarrierAt(*thread->block, *thread, *site, address).bytes += bytes;
}

void bertc_gpu_emulator_mbarrier_arrive(Thread *thread, Site *site,
                                        void *address, uint32_t count,
                                        uint32_t bytes, uint32_t predicate) {
  if (!predicate)
    return;
  // It may be that of another block.
  Block *owner = thread->block->cluster->owner(address);
  Block &block = owner ? *owner : *thread->block;
  Mbarrier &barrier = mbarrierAt(block, *thread, *site, address);
  if (count < 1 || count > barrier.pending)
    block.fatal(*thread, *site, [&] {
      return "bad mbarrier, " + std::to_string(count) +
             " arrivals where it waits for " + std::to_string(barrier.pending);
    });
  barrier.bytes += bytes;
  barrier.pending -= count;
  if (&block != thread->block)
    block.remoteArrivals[thread->clock] = block.stamp(*thread, *site);
  block.cluster->clocks.release(thread->clock, barrier.arriving);
  completeIfDone(block, barrier);
}

void bertc_gpu_emulator_mbarrier_wait(Thread *thread, Site *site, void *address,
                                      uint32_t parity) {
  Block &block = *thread->block;
  Clocks &clocks = block.cluster->clocks;
  Mbarrier &barrier = mbarrierAt(block, *thread, *site, address);
  while (!barrier.hasPassed(parity)) {
    barrier.waiting.push_back(thread->index);
    thread->mbarrier = address;
    block.wait(*thread, *site);
    thread->mbarrier = nullptr;
  }
  for (const BulkCopy &copy : barrier.arrived) {
    const uint32_t engine = block.engineClock();
    const Stamp now = {clocks.now(engine), static_cast<uint16_t>(engine),
                       copy.site};
    block.shared.land(clocks, now, copy.offset, copy.data.data(),
                      static_cast<uint32_t>(copy.data.size()));
    clocks.release(engine, barrier.complete);
  }
  barrier.arrived.clear();
  clocks.acquire(thread->clock, barrier.complete);
}

//===----------------------------------------------------------------------===//
// Boxes
//===----------------------------------------------------------------------===//

namespace {
/// Operands of the copy, as they lie in the words.
struct CopyOperands {
  char *to;
  const TensorMap *map;
  int32_t predicate;
  uint32_t blocks; ///< A mask, if the site says so.
  void *barrier;
  int32_t coordinates[TensorMap::mostDimensions];
};
} // namespace

/// Copies the box at `coordinates` row by row; zeros stand for what lies
/// outside of the tensor.
static void copyBox(Thread &thread, Site &site, const TensorMap &map,
                    const int32_t *coordinates, uint32_t to, char *data) {
  Block &block = *thread.block;
  const uint32_t rowBytes = map.box[0] * map.elementBytes;
  uint64_t rows = 1;
  for (uint32_t i = 1; i < map.rank; ++i)
    rows *= map.box[i];
  for (uint64_t row = 0; row < rows; ++row) {
    uint64_t rest = row, address = map.address;
    bool isInside = true;
    for (uint32_t i = 1; i < map.rank; ++i) {
      const int64_t place =
          coordinates[i] + static_cast<int64_t>(rest % map.box[i]);
      rest /= map.box[i];
      isInside = isInside && place >= 0 && place < map.sizes[i];
      address += static_cast<uint64_t>(place) * map.strides[i - 1];
    }
    const int64_t first = coordinates[0];
    const int64_t begin = std::max<int64_t>(first, 0);
    const int64_t end = std::min<int64_t>(first + map.box[0], map.sizes[0]);
    char line[256 * 16] = {};
    if (isInside && begin < end) {
      const auto size = static_cast<uint32_t>(end - begin) * map.elementBytes;
      const auto *from = reinterpret_cast<const char *>(
          address + static_cast<uint64_t>(begin) * map.elementBytes);
      block.checkGlobal(thread, site, from, size, map.elementBytes,
                        AccessKind::Load);
      memcpy(line + (begin - first) * map.elementBytes, from, size);
    }
    constexpr uint32_t piece = 16;
    for (uint32_t i = 0; i < rowBytes; i += piece) {
      const auto logical = static_cast<uint32_t>(to + row * rowBytes + i);
      memcpy(data + (permute(logical, map.swizzle) - to), line + i, piece);
    }
  }
}

static void deliver(Block &block, Thread &thread, Site &site, uint32_t offset,
                    uint32_t counter, const std::vector<char> &data) {
  Mbarrier &barrier =
      mbarrierAt(block, thread, site, block.shared.data() + counter);
  const Stamp stamp = block.stamp(thread, site);
  const auto bytes = static_cast<uint32_t>(data.size());
  const uint32_t own =
      &block == thread.block ? thread.proxyFence : 0; // others count their own
  block.checkProxy(thread, site, own, counter, 8, "fence.mbarrier_init");
  block.checkProxy(thread, site, own, offset, bytes, "fence.proxy.async");
  const SharedMemory::Result result =
      block.shared.begin(block.cluster->clocks, stamp, offset, bytes);
  if (result.fault != SharedMemory::Fault::None)
    block.reportFault(thread, site, result, offset, bytes, AccessKind::Store);
  barrier.copies.push_back({stamp.site, offset, data});
  barrier.bytes -= bytes;
  completeIfDone(block, barrier);
}

void bertc_gpu_emulator_copy_tensor(Thread *thread, Site *site,
                                    const uint32_t *in, uint32_t *) {
  Block &block = *thread->block;
  CopyOperands operands = {};
  const uint32_t rank = site->parameters[1];
  memcpy(&operands, in, offsetof(CopyOperands, coordinates) + rank * 4);
  if (!operands.predicate)
    return;
  TensorMap map;
  memcpy(&map, operands.map, sizeof(map));
  if (map.magic != TensorMap::mark)
    block.fatal(*thread, *site, [&] {
      return "bad tensor map, it was not made by "
             "cuTensorMapEncodeTiled";
    });
  if (map.rank != rank)
    block.fatal(*thread, *site, [&] {
      return "bad tensor map, of " + std::to_string(map.rank) +
             " dimensions where the copy has " + std::to_string(rank);
    });
  uint32_t bytes = map.elementBytes;
  for (uint32_t i = 0; i < rank; ++i)
    bytes *= map.box[i];
  const uint32_t alignment =
      map.swizzle == Swizzle::None ? 128 : 128u << uint32_t(map.swizzle);
  block.checkShared(*thread, *site, operands.to, bytes, alignment);
  const bool isMulticast = site->parameters[2];
  const uint32_t blocks = isMulticast ? operands.blocks : 1u << block.rank;
  if (blocks == 0 || blocks >> block.cluster->size() != 0)
    block.fatal(*thread, *site, [&] {
      return "no such block, a copy to those of the mask " +
             hexadecimal(blocks) + " of a cluster of " +
             std::to_string(block.cluster->size());
    });
  block.checkShared(*thread, *site, operands.barrier, 8, 8);
  const uint32_t offset = block.shared.offsetOf(operands.to);
  block.scratch.resize(bytes);
  // The permutation is that of addresses, and the memory begins at a multiple
  // of the largest.
  copyBox(*thread, *site, map, operands.coordinates, offset,
          block.scratch.data());
  for (uint32_t rank = 0; rank < block.cluster->size(); ++rank)
    if (blocks >> rank & 1)
      deliver(block.cluster->block(rank), *thread, *site, offset,
              block.shared.offsetOf(operands.barrier), block.scratch);
}

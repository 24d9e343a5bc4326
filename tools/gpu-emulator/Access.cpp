//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Accesses of memory. What would touch bytes that do not exist ends the launch;
// other faults are reported, and the program goes on with what a GPU might have
// done.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Ranges.h"
#include "tools/gpu-emulator/Text.h"
#include <cstring>

using namespace bertc::emulator;

static const char *verb(AccessKind kind) {
  switch (kind) {
  case AccessKind::Load:
    return "reads ";
  case AccessKind::Store:
    return "writes ";
  case AccessKind::Atomic:
    return "changes ";
  }
  return "";
}

static std::string misaligned(uint64_t place, uint32_t alignment) {
  return "misaligned access, " + hexadecimal(place) + " is no multiple of " +
         std::to_string(alignment);
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

void Block::checkGlobal(Thread &thread, Site &site, const void *address,
                        uint32_t size, uint32_t alignment, AccessKind kind) {
  const auto place = reinterpret_cast<uint64_t>(address);
  if (place % alignment != 0)
    fatal(thread, site, [&] { return misaligned(place, alignment); });
  const Ranges &ranges = globalRanges();
  if (site.generation == ranges.generation() && place >= site.low &&
      place <= site.high && size <= site.high - place)
    return accessGlobal(thread, site, place, size, kind);
  const auto *range = ranges.nearest(place);
  auto what = [&] {
    return std::string("out of bounds, ") + verb(kind) + std::to_string(size) +
           " bytes of global memory at " + hexadecimal(place) + ", ";
  };
  if (!range)
    fatal(thread, site, [&] { return what() + "and none is registered"; });
  const uint64_t start = range->first;
  const Ranges::Range &info = range->second;
  if (place < start || place > info.end || size > info.end - place)
    fatal(thread, site, [&] {
      return what() +
             (place < start ? std::to_string(start - place) + " bytes before '"
                            : std::to_string(place - start) + " bytes into '") +
             (info.name.empty() ? hexadecimal(start) : info.name) + "' of " +
             std::to_string(info.end - start) + " bytes";
    });
  if (kind != AccessKind::Load && !info.writable) {
    error(thread, site,
          std::string("read-only memory, ") + verb(kind) +
              std::to_string(size) + " bytes of '" + info.name + "'");
    return;
  }
  site.low = start;
  site.high = info.end;
  site.generation = ranges.generation();
  // What nobody can write has no races.
  site.lines = reinterpret_cast<uint64_t>(info.writable ? info.linesFrom(start)
                                                        : nullptr);
  accessGlobal(thread, site, place, size, kind);
}

void Block::accessGlobal(Thread &thread, const Site &site, uint64_t place,
                         uint32_t size, AccessKind kind) {
  auto *lines = reinterpret_cast<GlobalLine *>(site.lines);
  if (!lines)
    return;
  GlobalMemory &memory = cluster->memory;
  if (kind != AccessKind::Load) {
    if (site.index >= memory.sites.size())
      memory.sites.resize(site.index + 1);
    memory.sites[site.index] = &site;
  }
  constexpr uint64_t bytes = GlobalLine::bytes;
  const Stamp now = {cluster->clocks.now(thread.clock),
                     static_cast<uint16_t>(thread.clock),
                     static_cast<uint16_t>(site.index)};
  const GlobalMemory::Result result = memory.access(
      cluster->clocks, now, lines + place / bytes - site.low / bytes,
      static_cast<uint32_t>(place % bytes), size, kind);
  if (kind == AccessKind::Atomic)
    memory.atomic(cluster->clocks, now, place, site.parameters[1],
                  thread.fences);
  if (result.fault == GlobalMemory::Result::None)
    return;
  const bool wrote = result.fault == GlobalMemory::Result::OtherWrote;
  const std::string who = cluster->nameOfOther(
      result.cluster, wrote ? &result.other.thread : nullptr);
  error(thread, site,
        std::string("race in global memory, ") + verb(kind) +
            std::to_string(size) + " bytes at " + hexadecimal(place) + " of '" +
            globalRanges().nearest(place)->second.name + "', which " + who +
            (wrote ? " wrote" : " read") + ", and nothing orders the two",
        wrote ? memory.sites[result.other.site] : nullptr);
}

void bertc_gpu_emulator_fence(Thread *thread, Site *site) {
  Block &block = *thread->block;
  ++block.report->steps;
  block.cluster->memory.fence(block.cluster->clocks,
                              block.stamp(*thread, *site), thread->fences);
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

Stamp Block::stamp(const Thread &thread, const Site &site) {
  if (site.index >= shared.sites.size())
    shared.sites.resize(site.index + 1);
  shared.sites[site.index] = &site;
  return {cluster->clocks.now(thread.clock),
          static_cast<uint16_t>(thread.clock),
          static_cast<uint16_t>(site.index)};
}

void Block::checkShared(Thread &thread, const Site &site, const void *address,
                        uint32_t size, uint32_t alignment) {
  const auto place = reinterpret_cast<uint64_t>(address);
  if (!shared.contains(address, size)) {
    const auto offset =
        static_cast<int64_t>(place - reinterpret_cast<uint64_t>(shared.data()));
    fatal(thread, site, [&] {
      return "out of bounds, " + std::to_string(size) + " bytes at offset " +
             std::to_string(offset) + " of " + std::to_string(shared.size()) +
             " bytes of shared memory";
    });
  }
  if (place % alignment != 0)
    fatal(thread, site,
          [&] { return misaligned(shared.offsetOf(address), alignment); });
}

void Block::reportFault(Thread &thread, const Site &site,
                        const SharedMemory::Result &result, uint32_t offset,
                        uint32_t size, AccessKind kind) {
  using Fault = SharedMemory::Fault;
  const std::string bytes = bytesAt(size, offset);
  const std::string who = cluster->nameOf(result.other.thread);
  switch (result.fault) {
  case Fault::None:
    return;
  case Fault::Uninitialised:
    return error(thread, site,
                 "uninitialised shared memory, " + std::string(verb(kind)) +
                     bytes + ", of which nobody wrote byte " +
                     std::to_string(result.offset - offset));
  case Fault::InFlight:
    return error(thread, site,
                 "asynchronous copy that was not waited for, " +
                     std::string(verb(kind)) + bytes + " that it fills");
  case Fault::Race:
    return error(thread, site,
                 "race in shared memory, " + std::string(verb(kind)) + bytes +
                     ", which " + who +
                     (result.otherIsWrite ? " wrote" : " read") +
                     " without a barrier between",
                 shared.sites[result.other.site]);
  }
}

void Block::accessShared(Thread &thread, const Site &site, const void *address,
                         uint32_t size, AccessKind kind, bool counts) {
  const uint32_t offset = shared.offsetOf(address);
  const SharedMemory::Result result =
      shared.access(cluster->clocks, stamp(thread, site), offset, size, kind);
  if (result.fault != SharedMemory::Fault::None)
    reportFault(thread, site, result, offset, size, kind);
  if (!counts)
    return;
  // Wider than an instruction can: several instructions.
  for (uint32_t done = 0; done < size; done += 16)
    banks.record(thread.warp, thread.lane, site.index,
                 std::min(size - done, 16u), offset + done);
}

//===----------------------------------------------------------------------===//
// What emulated code calls
//===----------------------------------------------------------------------===//

void bertc_gpu_emulator_access_global(Thread *thread, Site *site,
                                      const void *address) {
  Block &block = *thread->block;
  ++block.report->steps;
  block.checkGlobal(*thread, *site, address, site->bytes, site->alignment,
                    AccessKind(site->parameters[0]));
}

void bertc_gpu_emulator_access_shared(Thread *thread, Site *site,
                                      const void *address) {
  Block &block = *thread->block;
  ++block.report->steps;
  block.checkShared(*thread, *site, address, site->bytes, site->alignment);
  const auto kind = AccessKind(site->parameters[0]);
  block.accessShared(*thread, *site, address, site->bytes, kind);
  if (kind != AccessKind::Load)
    block.shared.markGeneric(block.shared.offsetOf(address), site->bytes);
}

void bertc_gpu_emulator_access_generic(Thread *thread, Site *site,
                                       const void *address) {
  if (thread->block->shared.contains(address, 0))
    bertc_gpu_emulator_access_shared(thread, site, address);
  else
    bertc_gpu_emulator_access_global(thread, site, address);
}

void bertc_gpu_emulator_copy_async(Thread *thread, Site *site, void *to,
                                   const void *from, uint32_t bytes) {
  Block &block = *thread->block;
  ++block.report->steps;
  if (bytes > site->bytes)
    block.fatal(*thread, *site, [&] {
      return "bad copy, " + std::to_string(bytes) + " of " +
             std::to_string(site->bytes) + " bytes";
    });
  block.checkShared(*thread, *site, to, site->bytes, site->bytes);
  if (bytes > 0)
    block.checkGlobal(*thread, *site, from, bytes, site->bytes,
                      AccessKind::Load);
  const uint32_t offset = block.shared.offsetOf(to);
  const SharedMemory::Result result = block.shared.begin(
      block.cluster->clocks, block.stamp(*thread, *site), offset, site->bytes);
  if (result.fault != SharedMemory::Fault::None)
    block.reportFault(*thread, *site, result, offset, site->bytes,
                      AccessKind::Store);
  block.banks.record(thread->warp, thread->lane, site->index, site->bytes,
                     offset);
  AsyncCopies::Copy &copy = thread->copies.begin();
  copy.offset = offset;
  copy.bytes = site->bytes;
  memset(copy.data, 0, sizeof(copy.data));
  memcpy(copy.data, from, bytes);
}

void bertc_gpu_emulator_commit_group(Thread *thread, Site *) {
  ++thread->block->report->steps;
  thread->copies.commit();
}

void bertc_gpu_emulator_wait_group(Thread *thread, Site *site,
                                   uint32_t newest) {
  Block &block = *thread->block;
  ++block.report->steps;
  const Stamp now = block.stamp(*thread, *site);
  thread->copies.wait(newest, [&](const AsyncCopies::Copy &copy) {
    block.shared.land(block.cluster->clocks, now, copy.offset, copy.data,
                      copy.bytes);
    block.shared.markGeneric(copy.offset, copy.bytes);
  });
}

//===----------------------------------------------------------------------===//
// Proxies
//===----------------------------------------------------------------------===//

void Block::checkProxy(Thread &thread, const Site &site, uint32_t own,
                       uint32_t offset, uint32_t size, const char *what) {
  using Fault = SharedMemory::ProxyFault;
  const Fault fault =
      shared.checkProxy(cluster->clocks, thread.clock, own, offset, size);
  if (fault == Fault::None)
    return;
  error(thread, site,
        std::string("no ") + what + ", between a write of " +
            bytesAt(size, offset) + " by a thread and this" +
            (fault == Fault::NoFence
                 ? ""
                 : ": there is one, but nothing orders it and this"));
}

void bertc_gpu_emulator_proxy_fence(Thread *thread, Site *site) {
  Block &block = *thread->block;
  ++block.report->steps;
  thread->proxyFence = block.shared.nextFence();
  block.shared.fenceProxy(block.cluster->clocks, block.stamp(*thread, *site),
                          thread->proxyFence, 0, block.shared.size());
}

void bertc_gpu_emulator_mbarrier_fence(Thread *thread, Site *site) {
  Block &block = *thread->block;
  ++block.report->steps;
  const Stamp now = block.stamp(*thread, *site);
  for (const auto &[offset, barrier] : block.mbarriers)
    block.shared.fenceProxy(block.cluster->clocks, now,
                            block.shared.nextFence(), offset, 8);
}

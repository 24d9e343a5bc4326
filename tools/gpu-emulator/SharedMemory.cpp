//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The memory lies below 2 GiB, so that the 32-bit addresses that device code
// keeps become pointers again.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/SharedMemory.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

using namespace bertc::emulator;

/// Matrix descriptors have 18 bits of an address: the others are those of the
/// mapping. Dynamic shared memory begins after what the driver keeps.
static constexpr size_t window = 256 * 1024, reserved = 1024;
static_assert(reserved + SharedMemory::capacity <= window);
/// What unwritten memory holds: NaN as float32, float16 and bfloat16.
static constexpr int poison = 0xff;

SharedMemory::SharedMemory() {
  mapping = mmap(nullptr, 2 * window, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  if (mapping == MAP_FAILED) {
    perror("gpu-emulator: error: no room for shared memory below 2 GiB");
    abort();
  }
  const auto first = reinterpret_cast<uintptr_t>(mapping);
  base = reinterpret_cast<char *>((first + window - 1) / window * window) +
         reserved;
  constexpr uint32_t count = capacity / lineBytes;
  lines = std::make_unique<Line[]>(count);
  cells = std::make_unique<Cell[]>(size_t(count) * lineBytes);
  fences = std::make_unique<Fence[]>(count);
}

SharedMemory::~SharedMemory() { munmap(mapping, 2 * window); }

void SharedMemory::reset(uint32_t newBytes) {
  bytes = newBytes;
  memset(base, poison, bytes);
  std::fill_n(lines.get(), (bytes + lineBytes - 1) / lineBytes, Line());
  std::fill(&fences[firstFenced], &fences[lastFenced], Fence());
  firstFenced = lastFenced = fenceCount = 0;
}

bool SharedMemory::isAtomic(const Stamp &stamp) const {
  return sites[stamp.site]->parameters[0] == uint32_t(AccessKind::Atomic);
}

/// Cells of 1 << shift bytes from now on, each with what the larger one knew.
void SharedMemory::divide(Line &line, Cell *cells, uint32_t shift) {
  const uint32_t ratio = line.shift - shift;
  for (uint32_t i = lineBytes >> shift; i-- > 0;)
    cells[i] = cells[i >> ratio];
  line.shift = static_cast<uint8_t>(shift);
}

/// Forgets what a barrier has ordered since, and divides the line as finely as
/// this access needs.
void SharedMemory::prepare(const Clocks &clocks, uint32_t index, uint32_t first,
                           uint32_t size) {
  Line &line = lines[index];
  Cell *here = &cells[size_t(index) * lineBytes];
  const uint32_t shift = __builtin_ctz(first | size | lineBytes);
  if (line.generation != clocks.generation()) {
    line.generation = clocks.generation();
    line.shift = static_cast<uint8_t>(shift);
    std::fill_n(here, lineBytes >> shift, Cell());
  } else if (line.shift > shift) {
    divide(line, here, shift);
  }
}

SharedMemory::Result SharedMemory::judge(const Clocks &clocks, const Stamp &now,
                                         uint32_t index, uint32_t first,
                                         uint32_t size, AccessKind kind) {
  prepare(clocks, index, first, size);
  const uint32_t shift = lines[index].shift;
  Cell *here = &cells[size_t(index) * lineBytes];
  Result result;
  for (uint32_t i = first >> shift; i <= (first + size - 1) >> shift; ++i) {
    Cell &cell = here[i];
    auto found = [&](const Stamp &other, bool isWrite) {
      if (result.fault != Fault::None ||
          (kind == AccessKind::Atomic && isAtomic(other)))
        return;
      result = {Fault::Race, index * lineBytes + (i << shift), other, isWrite};
    };
    if (!clocks.isBefore(cell.write, now.thread))
      found(cell.write, true);
    if (kind != AccessKind::Load) {
      for (Stamp &read : cell.reads) {
        if (!clocks.isBefore(read, now.thread))
          found(read, false);
        read = Stamp();
      }
      cell.write = now;
      continue;
    }
    // In place of one that this one follows, or the first that is free; else
    // one is forgotten, and those left still belong to several threads.
    Stamp *place = nullptr;
    for (Stamp &read : cell.reads)
      if (clocks.isBefore(read, now.thread)) {
        place = &read;
        break;
      }
    *(place ? place : &cell.reads[now.thread % readers]) = now;
  }
  return result;
}

static uint16_t bitsOf(uint32_t first, uint32_t size) {
  return static_cast<uint16_t>(((1u << size) - 1) << first);
}

SharedMemory::Result SharedMemory::access(const Clocks &clocks,
                                          const Stamp &now, uint32_t offset,
                                          uint32_t size, AccessKind kind) {
  Result result;
  while (size > 0) {
    const uint32_t index = offset / lineBytes, first = offset % lineBytes;
    const uint32_t part = std::min(size, lineBytes - first);
    Line &line = lines[index];
    const uint16_t bits = bitsOf(first, part);
    auto fault = [&](Fault what, uint16_t which) {
      if (result.fault == Fault::None)
        result = {what, index * lineBytes + __builtin_ctz(which), {}, false};
    };
    if (uint16_t flying = line.inFlight & bits)
      fault(Fault::InFlight, flying);
    if (kind != AccessKind::Store)
      if (uint16_t unknown = ~line.initialised & bits)
        fault(Fault::Uninitialised, unknown);
    line.initialised |= bits;
    Result race = judge(clocks, now, index, first, part, kind);
    if (result.fault == Fault::None)
      result = race;
    offset += part;
    size -= part;
  }
  return result;
}

SharedMemory::Result SharedMemory::begin(const Clocks &clocks, const Stamp &now,
                                         uint32_t offset, uint32_t size) {
  Result result = access(clocks, now, offset, size, AccessKind::Store);
  memset(base + offset, poison, size);
  for (uint32_t i = offset; i < offset + size; ++i)
    lines[i / lineBytes].inFlight |= 1u << i % lineBytes;
  return result;
}

void SharedMemory::land(const Clocks &clocks, const Stamp &now, uint32_t offset,
                        const void *from, uint32_t size) {
  memcpy(base + offset, from, size);
  while (size > 0) {
    const uint32_t index = offset / lineBytes, first = offset % lineBytes;
    const uint32_t part = std::min(size, lineBytes - first);
    lines[index].inFlight &= ~bitsOf(first, part);
    prepare(clocks, index, first, part);
    const uint32_t shift = lines[index].shift;
    for (uint32_t i = first >> shift; i <= (first + part - 1) >> shift; ++i)
      cells[size_t(index) * lineBytes + i].write = now;
    offset += part;
    size -= part;
  }
}

//===----------------------------------------------------------------------===//
// The asynchronous proxy
//===----------------------------------------------------------------------===//

void SharedMemory::markGeneric(uint32_t offset, uint32_t size) {
  while (size > 0) {
    const uint32_t first = offset % lineBytes;
    const uint32_t part = std::min(size, lineBytes - first);
    lines[offset / lineBytes].unfenced |= bitsOf(first, part);
    offset += part;
    size -= part;
  }
}

void SharedMemory::fenceProxy(const Clocks &clocks, const Stamp &now,
                              uint32_t number, uint32_t offset, uint32_t size) {
  const uint32_t begin = offset / lineBytes;
  const uint32_t end = (offset + size + lineBytes - 1) / lineBytes;
  for (uint32_t index = begin; index < end; ++index) {
    Line &line = lines[index];
    if (!line.unfenced)
      continue;
    uint16_t seen = line.unfenced;
    // What was written before a barrier of the block was seen by all.
    if (line.generation == clocks.generation()) {
      const uint32_t cell = 1u << line.shift;
      for (uint32_t first = 0; first < lineBytes; first += cell)
        if (!clocks.isBefore(
                cells[size_t(index) * lineBytes + (first >> line.shift)].write,
                now.thread))
          seen &= ~bitsOf(first, cell);
    }
    if (!seen)
      continue;
    line.unfenced &= ~seen;
    if (firstFenced == lastFenced) {
      firstFenced = index;
      lastFenced = index + 1;
    }
    firstFenced = std::min(firstFenced, index);
    lastFenced = std::max(lastFenced, index + 1);
    fences[index] = {now, number};
  }
}

SharedMemory::ProxyFault SharedMemory::checkProxy(const Clocks &clocks,
                                                  uint32_t thread, uint32_t own,
                                                  uint32_t offset,
                                                  uint32_t size) const {
  while (size > 0) {
    const uint32_t index = offset / lineBytes, first = offset % lineBytes;
    const uint32_t part = std::min(size, lineBytes - first);
    if (lines[index].unfenced & bitsOf(first, part))
      return ProxyFault::NoFence;
    const Fence &fence = fences[index];
    if (fence.number > own && !clocks.isBefore(fence.stamp, thread))
      return ProxyFault::FenceNotSeen;
    offset += part;
    size -= part;
  }
  return ProxyFault::None;
}

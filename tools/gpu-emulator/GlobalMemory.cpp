//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks run one after another, so all that another block of the launch did is
// done; whether a GPU would have had it so is what matters.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/GlobalMemory.h"

using namespace bertc::emulator;

void GlobalMemory::beginLaunch() {
  begin = cluster + 1;
  places.clear();
  sites.clear();
}

void GlobalMemory::beginCluster() {
  ++cluster;
  seen.clear();
}

bool GlobalMemory::hasSeen(const Clocks &clocks, const Stamp &now,
                           uint32_t other, const Stamp *stamp) const {
  for (const Seen &one : seen)
    if (one.what->cluster == other && (!stamp || one.what->covers(*stamp)) &&
        clocks.isBefore(one.at, now.thread))
      return true;
  return false;
}

void GlobalMemory::judge(const Clocks &clocks, const Stamp &now,
                         GlobalLine &line, uint16_t bits, AccessKind kind,
                         Result &result) {
  auto found = [&](Result::Fault fault, uint32_t other) {
    if (result.fault == Result::None)
      result = {fault, other - begin, line.write};
  };
  if (line.writer >= begin && (line.written & bits) &&
      !(kind == AccessKind::Atomic && isAtomic(line.write))) {
    const bool isOrdered =
        line.writer == cluster
            ? !(line.last & bits) || clocks.isBefore(line.write, now.thread)
            : hasSeen(clocks, now, line.writer, &line.write);
    if (!isOrdered)
      found(Result::OtherWrote, line.writer);
  }
  if (kind == AccessKind::Load) {
    if (line.reader < begin) {
      line.reader = cluster;
      line.read = line.readByOthers = 0;
    }
    (line.reader == cluster ? line.read : line.readByOthers) |= bits;
    return;
  }
  if (line.reader >= begin) {
    // Of other readers none is known but that they are not the first.
    if (line.reader != cluster && (line.read & bits) &&
        !hasSeen(clocks, now, line.reader, nullptr))
      found(Result::OtherRead, line.reader);
    if (line.reader == cluster && (line.readByOthers & bits) && seen.empty())
      found(Result::OtherRead, line.reader);
  }
  if (line.writer != cluster) {
    line.writer = cluster;
    line.written = line.last = 0;
  }
  const bool isSame = line.write.thread == now.thread;
  line.last = isSame ? line.last | bits : bits;
  line.written |= bits;
  line.write = now;
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

GlobalMemory::Released GlobalMemory::release(Clocks &clocks,
                                             const Stamp &now) const {
  auto made = std::make_shared<Release>();
  made->cluster = cluster;
  made->floor = clocks.generation();
  clocks.release(now.thread, made->row);
  return made;
}

void GlobalMemory::acquire(const Stamp &now,
                           const std::vector<Released> &what) {
  for (const Released &one : what) {
    const bool isKnown =
        std::any_of(seen.begin(), seen.end(), [&](const Seen &other) {
          return other.what == one && other.at.thread == now.thread;
        });
    if (!isKnown && one->cluster != cluster)
      seen.push_back({one, now});
  }
}

void GlobalMemory::atomic(Clocks &clocks, const Stamp &now, uint64_t address,
                          uint32_t order, Fences &fences) {
  std::vector<Released> &place = places[address];
  if (order & uint32_t(MemoryOrder::Acquire))
    acquire(now, place);
  else
    fences.acquired.insert(fences.acquired.end(), place.begin(), place.end());
  Released released = order & uint32_t(MemoryOrder::Release)
                          ? release(clocks, now)
                          : fences.released;
  if (!released)
    return;
  // And what it has seen itself.
  for (const Seen &one : seen)
    if (clocks.isBefore(one.at, now.thread) &&
        std::find(place.begin(), place.end(), one.what) == place.end())
      place.push_back(one.what);
  place.push_back(std::move(released));
}

void GlobalMemory::fence(Clocks &clocks, const Stamp &now, Fences &fences) {
  fences.released = release(clocks, now);
  acquire(now, fences.acquired);
  fences.acquired.clear();
}

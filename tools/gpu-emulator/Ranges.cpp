//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lookups are rare: each site remembers the range it found last.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Ranges.h"

#include <cstdio>
#include <cstdlib>

using namespace bertc::emulator;

void Ranges::Range::Free::operator()(GlobalLine *lines) const { free(lines); }

GlobalLine *Ranges::Range::linesFrom(uint64_t start) const {
  if (!lines) {
    constexpr uint64_t bytes = GlobalLine::bytes;
    const uint64_t count = (end + bytes - 1) / bytes - start / bytes;
    lines.reset(static_cast<GlobalLine *>(calloc(count, sizeof(GlobalLine))));
    if (!lines) {
      perror("gpu-emulator: error: no room for what is known of memory");
      abort();
    }
  }
  return lines.get();
}

bool Ranges::add(uint64_t start, uint64_t bytes, std::string name,
                 bool writable) {
  const uint64_t end = start + bytes;
  if (bytes == 0 || end < start)
    return false;
  auto after = ranges.lower_bound(start);
  if (after != ranges.end() && after->first < end)
    return false;
  if (after != ranges.begin() && std::prev(after)->second.end > start)
    return false;
  ranges.emplace_hint(after, start, Range{end, std::move(name), writable, {}});
  ++changes;
  return true;
}

bool Ranges::remove(uint64_t start) {
  ++changes;
  return ranges.erase(start) > 0;
}

const std::pair<const uint64_t, Ranges::Range> *
Ranges::nearest(uint64_t address) const {
  if (ranges.empty())
    return nullptr;
  auto after = ranges.upper_bound(address);
  return after == ranges.begin() ? &*after : &*std::prev(after);
}

Ranges &bertc::emulator::globalRanges() {
  static Ranges ranges;
  return ranges;
}

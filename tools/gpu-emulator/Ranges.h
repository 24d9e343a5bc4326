//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The registered ranges of global memory.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_RANGES_H
#define BERTC_TOOLS_GPU_EMULATOR_RANGES_H

#include "tools/gpu-emulator/GlobalMemory.h"
#include <cstdint>
#include <map>
#include <string>

namespace bertc::emulator {

class Ranges {
public:
  struct Range {
    uint64_t end = 0;
    std::string name;
    bool writable = true;
    /// Of its memory, from that on which holds the first byte; when first asked
    /// for. Zeros that nobody touched take no room.
    struct Free {
      void operator()(GlobalLine *lines) const;
    };
    mutable std::unique_ptr<GlobalLine, Free> lines;
    GlobalLine *linesFrom(uint64_t start) const;
  };

  bool add(uint64_t start, uint64_t bytes, std::string name, bool writable);
  bool remove(uint64_t start);

  /// The range that holds `address`, or else the nearest one below it or, if
  /// there is none, above it. Null: there are no ranges.
  const std::pair<const uint64_t, Range> *nearest(uint64_t address) const;
  auto begin() const { return ranges.begin(); }
  auto end() const { return ranges.end(); }
  /// Changes with every change of ranges; never 0.
  uint64_t generation() const { return changes; }

private:
  std::map<uint64_t, Range> ranges; ///< By their start.
  uint64_t changes = 1;
};

Ranges &globalRanges();

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_RANGES_H

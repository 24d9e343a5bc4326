//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the products of a warp group (wgmma) read of shared memory and nobody
// has waited for yet.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_GROUPREADS_H
#define BERTC_TOOLS_GPU_EMULATOR_GROUPREADS_H

#include "compiler/Lowering/EmulatedGpu.h"
#include <cstddef>
#include <deque>
#include <vector>

namespace bertc::emulator {

class GroupReads {
public:
  void reset() {
    open.clear();
    groups.clear();
  }
  void add(const Site *site, uint32_t offset) {
    open.push_back({site, offset});
  }
  void commit() {
    groups.push_back(std::move(open));
    open.clear();
  }
  /// Calls `done` for the reads of all groups but the `newest`.
  template <typename Done> void wait(uint32_t newest, Done done) {
    while (groups.size() > newest) {
      for (const Read &read : groups.front())
        done(*read.site, read.offset);
      groups.pop_front();
    }
  }

private:
  struct Read {
    const Site *site;
    uint32_t offset; ///< Of 16 bytes.
  };
  std::vector<Read> open;
  std::deque<std::vector<Read>> groups;
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_GROUPREADS_H

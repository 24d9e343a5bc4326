//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A thread's asynchronous copies to shared memory (cp.async): what was begun
// arrives when the thread waits for its group and not a moment before.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_ASYNCCOPIES_H
#define BERTC_TOOLS_GPU_EMULATOR_ASYNCCOPIES_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bertc::emulator {

class AsyncCopies {
public:
  struct Copy {
    uint32_t offset = 0, bytes = 0; ///< In shared memory.
    char data[16];
  };

  void reset() {
    copies.clear();
    groups.clear();
    landed = 0;
  }
  Copy &begin() { return copies.emplace_back(); }
  void commit() { groups.push_back(copies.size()); }

  /// Calls `land` for the copies of all groups but the `newest`.
  template <typename Land> void wait(uint32_t newest, Land land) {
    if (groups.size() <= newest)
      return;
    const size_t done = groups.size() - newest;
    const size_t end = groups[done - 1];
    for (size_t i = landed; i < end; ++i)
      land(copies[i]);
    landed = end;
    groups.erase(groups.begin(), groups.begin() + done);
    if (landed == copies.size()) {
      for (size_t &group : groups)
        group -= landed;
      copies.clear();
      landed = 0;
    } else if (landed > 256) {
      copies.erase(copies.begin(), copies.begin() + landed);
      for (size_t &group : groups)
        group -= landed;
      landed = 0;
    }
  }

private:
  std::vector<Copy> copies;   ///< Until `landed`: arrived already.
  std::vector<size_t> groups; ///< Where each ends in `copies`.
  size_t landed = 0;
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_ASYNCCOPIES_H

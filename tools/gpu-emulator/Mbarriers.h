//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mbarriers of a block: objects in shared memory that count arrivals and
// bytes of asynchronous copies, phase by phase.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_MBARRIERS_H
#define BERTC_TOOLS_GPU_EMULATOR_MBARRIERS_H

#include "tools/gpu-emulator/Clocks.h"
#include <unordered_map>

namespace bertc::emulator {

/// Bytes on their way to shared memory.
struct BulkCopy {
  uint16_t site = 0; ///< Where it was begun.
  uint32_t offset = 0;
  std::vector<char> data;
};

struct Mbarrier {
  Stamp made;
  uint32_t expected = 0, pending = 0; ///< Arrivals.
  int64_t bytes = 0;                  ///< Still to come in this phase.
  uint32_t phase = 0;                 ///< That is under way.
  Clocks::Row arriving;               ///< Seen by who arrived in this phase.
  Clocks::Row complete;               ///< And in those before.
  std::vector<uint32_t> waiting;      ///< Threads.
  std::vector<BulkCopy> copies;       ///< That belong to this phase,
  std::vector<BulkCopy> arrived;      ///< and to those before: nobody waited.

  bool isComplete() const { return pending == 0 && bytes == 0; }
  /// Whether the phase of this parity has been completed.
  bool hasPassed(uint32_t parity) const { return (phase & 1) != (parity & 1); }
};

using Mbarriers = std::unordered_map<uint32_t, Mbarrier>; ///< By offset.

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_MBARRIERS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Who wrote and read global memory in a launch, in lines of 16 bytes, and what
// blocks have seen of each other: a block sees what another did before an
// atomic access that releases, once one of its own at the same place acquires.
//
// A line knows the last block that wrote it and the first that read it. So
// where many blocks share a line, a race may be missed; none is made up.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_GLOBALMEMORY_H
#define BERTC_TOOLS_GPU_EMULATOR_GLOBALMEMORY_H

#include "compiler/Lowering/EmulatedGpu.h"
#include "tools/gpu-emulator/Clocks.h"
#include <memory>
#include <unordered_map>

namespace bertc::emulator {

/// What is known of 16 bytes. A number of a cluster is one of all that ever
/// ran.
struct GlobalLine {
  static constexpr uint32_t bytes = 16;

  uint32_t writer = 0, reader = 0; ///< Clusters.
  Stamp write;                     ///< The last.
  uint16_t written = 0;            ///< By `writer`, a bit for each byte.
  uint16_t last = 0;               ///< By `write`.
  uint16_t read = 0;               ///< By `reader`,
  uint16_t readByOthers = 0;       ///< and by clusters after it.
};

class GlobalMemory {
public:
  struct Result {
    enum Fault : uint8_t { None, OtherWrote, OtherRead } fault = None;
    uint32_t cluster = 0; ///< Of the other, in the order in which they ran.
    Stamp other;          ///< If it wrote.
  };
  /// What a thread had seen and done when it released it.
  struct Release {
    uint32_t cluster = 0;
    uint32_t floor = 0; ///< All threads had seen what was done until then.
    Clocks::Row row;

    bool covers(const Stamp &stamp) const {
      return stamp.time <= floor || row[stamp.thread] >= stamp.time;
    }
  };
  using Released = std::shared_ptr<const Release>;
  /// Of one thread, for atomic accesses that order nothing by themselves.
  struct Fences {
    Released released;              ///< By the last fence.
    std::vector<Released> acquired; ///< By the next.
    void reset() {
      released.reset();
      acquired.clear();
    }
  };

  void beginLaunch();
  void beginCluster();

  /// Judges an access of bytes from `first` of `line` on, and takes note of it.
  Result access(const Clocks &clocks, const Stamp &now, GlobalLine *line,
                uint32_t first, uint32_t size, AccessKind kind) {
    Result result;
    while (size > 0) {
      const uint32_t part = std::min(size, GlobalLine::bytes - first);
      const auto bits = static_cast<uint16_t>(((1u << part) - 1) << first);
      // Most lines are read only, many times by one block.
      if (kind != AccessKind::Load || line->writer >= begin ||
          line->reader != cluster || (bits & ~line->read))
        judge(clocks, now, *line, bits, kind, result);
      ++line;
      first = 0;
      size -= part;
    }
    return result;
  }

  /// An atomic access at `address` of what MemoryOrder says.
  void atomic(Clocks &clocks, const Stamp &now, uint64_t address,
              uint32_t order, Fences &fences);
  void fence(Clocks &clocks, const Stamp &now, Fences &fences);

  std::vector<const Site *> sites; ///< Of stamps of writes.

private:
  struct Seen {
    Released what;
    Stamp at; ///< The thread that acquired it.
  };

  void judge(const Clocks &clocks, const Stamp &now, GlobalLine &line,
             uint16_t bits, AccessKind kind, Result &result);
  bool isAtomic(const Stamp &stamp) const {
    return sites[stamp.site]->parameters[0] == uint32_t(AccessKind::Atomic);
  }
  bool hasSeen(const Clocks &clocks, const Stamp &now, uint32_t other,
               const Stamp *stamp) const;
  Released release(Clocks &clocks, const Stamp &now) const;
  void acquire(const Stamp &now, const std::vector<Released> &what);

  uint32_t begin = 1, cluster = 0; ///< The first of the launch, and this one.
  std::unordered_map<uint64_t, std::vector<Released>> places;
  std::vector<Seen> seen; ///< By this cluster.
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_GLOBALMEMORY_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts the turns that a warp's accesses of shared memory take: 32 banks of 4
// bytes, each of which serves one word a turn. Lanes run by themselves here, so
// accesses of an op are put together by how often each lane has come by since
// its warp met last.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_BANKS_H
#define BERTC_TOOLS_GPU_EMULATOR_BANKS_H

#include <cstdint>
#include <vector>

namespace bertc::emulator {

class Banks {
public:
  static constexpr uint32_t warpSize = 32;

  /// Forgets the counts.
  void reset() { transactions = conflicts = 0; }
  void resize(uint32_t warps) { logs.resize(warps); }

  /// A lane accesses `bytes` (at most 16) at `address`.
  void record(uint32_t warp, uint32_t lane, uint32_t site, uint32_t bytes,
              uint32_t address) {
    Log &log = logs[warp];
    if (site >= log.sites.size())
      log.sites.resize(site + 1);
    SiteLog &here = log.sites[site];
    if (here.size == 0)
      log.touched.push_back(site);
    const uint32_t n = here.count[lane]++;
    if (n == here.size && ++here.size > here.accesses.size())
      here.accesses.emplace_back();
    Access &access = here.accesses[n];
    access.lanes |= 1u << lane;
    access.bytes = bytes;
    access.addresses[lane] = address;
  }

  /// The warp's lanes have met: everything before is complete.
  void flush(uint32_t warp);
  /// Forgets what is not complete.
  void discard();

  /// One access by lanes at once. Accesses of 8 and 16 bytes are served for
  /// half and quarter warps.
  void count(uint32_t lanes, uint32_t bytes, const uint32_t *addresses);

  uint64_t transactions = 0, conflicts = 0;

private:
  struct Access {
    uint32_t lanes = 0, bytes = 0;
    uint32_t addresses[warpSize];
  };
  struct SiteLog {
    uint32_t size = 0; ///< Of `accesses`, which is only ever enlarged.
    uint32_t count[warpSize] = {};
    std::vector<Access> accesses;
  };
  struct Log {
    std::vector<SiteLog> sites;
    std::vector<uint32_t> touched;
  };
  static void clear(SiteLog &log);

  std::vector<Log> logs;
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_BANKS_H

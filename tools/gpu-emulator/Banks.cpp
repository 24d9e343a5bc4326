//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rules are those of compute capability 7.0 to 9.0.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Banks.h"

#include <algorithm>

using namespace bertc::emulator;

void Banks::count(uint32_t lanes, uint32_t bytes, const uint32_t *addresses) {
  constexpr uint32_t banks = 32;
  const uint32_t group = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
  for (uint32_t begin = 0; begin < warpSize; begin += group) {
    uint32_t words[banks][warpSize], used[banks] = {}, turns = 0;
    for (uint32_t lane = begin; lane < begin + group; ++lane) {
      if (!(lanes >> lane & 1))
        continue;
      const uint32_t last = (addresses[lane] + bytes - 1) / 4;
      for (uint32_t word = addresses[lane] / 4; word <= last; ++word) {
        uint32_t *here = words[word % banks], &size = used[word % banks];
        if (std::find(here, here + size, word) == here + size)
          here[size++] = word;
        turns = std::max(turns, size);
      }
    }
    transactions += turns;
    conflicts += turns > 0 ? turns - 1 : 0;
  }
}

void Banks::clear(SiteLog &log) {
  for (uint32_t i = 0; i < log.size; ++i)
    log.accesses[i].lanes = 0;
  log.size = 0;
  std::fill_n(log.count, warpSize, 0);
}

void Banks::flush(uint32_t warp) {
  Log &log = logs[warp];
  for (uint32_t site : log.touched) {
    SiteLog &here = log.sites[site];
    for (uint32_t i = 0; i < here.size; ++i) {
      const Access &access = here.accesses[i];
      count(access.lanes, access.bytes, access.addresses);
    }
    clear(here);
  }
  log.touched.clear();
}

void Banks::discard() {
  for (Log &log : logs) {
    for (uint32_t site : log.touched)
      clear(log.sites[site]);
    log.touched.clear();
  }
}

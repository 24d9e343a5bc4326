//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random numbers that are a function of their place: Philox 4x32-10 (Salmon et
// al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011).
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_PHILOX_H
#define BERTC_RUNTIME_TRAIN_PHILOX_H

#include <cstdint>

namespace bertc::rt {

struct PhiloxBlock {
  uint32_t words[4];
};

inline PhiloxBlock philox(PhiloxBlock counter, uint64_t key) {
  uint32_t low = static_cast<uint32_t>(key);
  uint32_t high = static_cast<uint32_t>(key >> 32);
  uint32_t *w = counter.words;
  for (int round = 0; round < 10; ++round) {
    uint64_t a = uint64_t(0xD2511F53u) * w[0];
    uint64_t b = uint64_t(0xCD9E8D57u) * w[2];
    counter = {{static_cast<uint32_t>(b >> 32) ^ w[1] ^ low,
                static_cast<uint32_t>(b),
                static_cast<uint32_t>(a >> 32) ^ w[3] ^ high,
                static_cast<uint32_t>(a)}};
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
  return counter;
}

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_PHILOX_H

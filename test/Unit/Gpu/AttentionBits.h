//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A dropout of attention, for tests: which weights it keeps by the runtime's
// Philox.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ATTENTIONBITS_H
#define BERTC_TEST_UNIT_GPU_ATTENTIONBITS_H

#include "runtime/train/Philox.h"
#include "test/Unit/Gpu/Arguments.h"
#include <cmath>
#include <memory>

namespace bertc::test {

struct AttentionBits {
  double rate = 0;
  uint64_t seed = 0xFEDCBA9876543210;
  uint32_t step = 0xFFFFFFF0;
  std::shared_ptr<DeviceArray<uint32_t>> stepMemory =
      std::make_shared<DeviceArray<uint32_t>>(1, step, "step", false);
  uint32_t stream = 3 + 256 * 11; ///< Of head 0.

  uint32_t threshold() const { return uint32_t(std::ceil(rate * 0x1p32)); }
  double scale() const { return 1 / (1 - rate); }
  /// `query` is the number of a token, `key` counts in its sequence.
  bool isKept(int64_t head, int64_t query, int64_t key) const {
    rt::PhiloxBlock draws =
        rt::philox({{uint32_t(key / 4), uint32_t(query),
                     stream + (uint32_t(head) << 20), step}},
                   seed);
    return draws.words[key % 4] >= threshold();
  }
  void add(Arguments &a) const {
    a.add(uint32_t(seed)).add(uint32_t(seed >> 32)).add(*stepMemory);
    a.add(stream);
    a.add(threshold()).add(float(scale()));
  }
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ATTENTIONBITS_H

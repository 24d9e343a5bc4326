//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// bfloat16 arithmetic of x86 in scalar C++: subnormal numbers count as a zero
// of their sign, a product and a sum are rounded once.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_KERNELS_ISAREFERENCE_H
#define BERTC_TEST_UNIT_KERNELS_ISAREFERENCE_H

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace bertc::test {

inline uint32_t bitsOf(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof(bits));
  return bits;
}

inline float floatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

inline float flush(float x) {
  return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x;
}

/// To nearest, ties to even; by arithmetic on the value and not on its bits.
inline uint16_t toBF16(float x) {
  if (std::isnan(x))
    return static_cast<uint16_t>(bitsOf(x) >> 16 | 0x40);
  x = flush(x);
  uint16_t down = bitsOf(x) >> 16;
  double low = floatOf(uint32_t(down) << 16);
  uint16_t up = down + 1;
  double high = (up & 0x7fff) == 0x7f80 ? std::copysign(0x1p128, double(x))
                                        : double(floatOf(uint32_t(up) << 16));
  if (std::isinf(x))
    return down;
  double below = std::fabs(x - low), above = std::fabs(high - x);
  if (below == above)
    return down & 1 ? up : down;
  return below < above ? down : up;
}

inline float fromBF16(uint16_t x) { return flush(floatOf(uint32_t(x) << 16)); }

inline float fmaBF16(uint16_t a, uint16_t b, float sum) {
  return flush(std::fma(fromBF16(a), fromBF16(b), flush(sum)));
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_KERNELS_ISAREFERENCE_H

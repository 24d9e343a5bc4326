//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Narrow floating-point numbers in plain C++.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_NUMBERS_H
#define BERTC_TOOLS_GPU_EMULATOR_NUMBERS_H

#include <cmath>
#include <cstdint>
#include <cstring>

namespace bertc::emulator {

inline float floatOf(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof(x));
  return x;
}

inline float fromBF16(uint16_t x) { return floatOf(uint32_t(x) << 16); }

inline float fromF16(uint16_t x) {
  const uint32_t sign = (x & 0x8000u) << 16;
  const uint32_t exponent = x >> 10 & 31, fraction = x & 0x3ff;
  if (exponent == 31)
    return floatOf(sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) // fraction * 2^-24
    return floatOf(sign) +
           (sign ? -1.0f : 1.0f) * static_cast<float>(fraction) * 0x1p-24f;
  return floatOf(sign | (exponent + 112) << 23 | fraction << 13);
}

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_NUMBERS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// 16-bit numbers of a GPU's planes, for tests: rounded here in plain C++.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_HALFVALUES_H
#define BERTC_TEST_UNIT_GPU_HALFVALUES_H

#include "compiler/Kernels/GPU/GpuBuilder.h"
#include <cstdint>
#include <cstring>
#include <vector>

namespace bertc::test {

inline float floatOf(uint16_t bits, HalfType type) {
  if (type == HalfType::F16) {
    _Float16 half;
    std::memcpy(&half, &bits, sizeof(half));
    return float(half);
  }
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// To nearest, ties to even; `value` is no NaN.
inline uint16_t halfOf(float value, HalfType type) {
  if (type == HalfType::F16) {
    _Float16 half = _Float16(value);
    uint16_t bits;
    std::memcpy(&bits, &half, sizeof(bits));
    return bits;
  }
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/// Planes of `values`, each `stride` elements behind the last.
inline std::vector<uint16_t> planesOf(const std::vector<float> &values,
                                      int64_t planes, size_t stride,
                                      HalfType type) {
  std::vector<uint16_t> result(planes * stride);
  std::vector<float> rest = values;
  for (int64_t p = 0; p < planes; ++p)
    for (size_t i = 0; i < rest.size(); ++i) {
      result[p * stride + i] = halfOf(rest[i], type);
      rest[i] -= floatOf(result[p * stride + i], type);
    }
  return result;
}

/// The sum of planes of element `i`.
template <typename Planes>
double sumOfPlanes(const Planes &planes, int64_t count, size_t stride, size_t i,
                   HalfType type) {
  double sum = 0;
  for (int64_t p = 0; p < count; ++p)
    sum += floatOf(planes[p * stride + i], type);
  return sum;
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_HALFVALUES_H

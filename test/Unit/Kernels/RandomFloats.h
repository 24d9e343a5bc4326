//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operands of kernel tests: uniform in [-1, 1), the same on every machine, or
// integers where buffers are of floats.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_KERNELS_RANDOMFLOATS_H
#define BERTC_TEST_UNIT_KERNELS_RANDOMFLOATS_H

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace bertc::test {

inline std::vector<float> randomFloats(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<float> result(count);
  for (float &value : result)
    value = float(generator()) / 2147483648.0f - 1.0f;
  return result;
}

/// Integers as the floats of their bits.
inline std::vector<float> asFloats(const std::vector<int32_t> &values) {
  std::vector<float> result(values.size());
  std::memcpy(result.data(), values.data(), values.size() * sizeof(int32_t));
  return result;
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_KERNELS_RANDOMFLOATS_H

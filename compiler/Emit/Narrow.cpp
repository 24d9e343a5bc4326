//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding to an integer is an addition that pushes the fraction out of the
// number: unlike rint it is inlined and vectorized on every x86-64.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Narrow.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace bertc;

static constexpr float int8Largest = 127.0f;

static uint32_t bitsOf(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

static float ofBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static uint16_t rounded(float value) {
  uint32_t bits = bitsOf(value);
  constexpr uint32_t quiet = 0x00400000; // a NaN may have its low bits only
  uint32_t result =
      std::isnan(value) ? bits | quiet : bits + 0x7fff + (bits >> 16 & 1);
  return uint16_t(result >> 16);
}

void bertc::toBF16(llvm::ArrayRef<float> values, uint8_t *result) {
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t value = rounded(values[i]);
    std::memcpy(result + i * sizeof(value), &value, sizeof(value));
  }
}

void bertc::restOfBF16(llvm::ArrayRef<float> values, uint8_t *result,
                       int64_t before) {
  for (size_t i = 0; i < values.size(); ++i) {
    float rest = values[i];
    for (int64_t step = 0; step < before; ++step)
      rest -= ofBits(uint32_t(rounded(rest)) << 16);
    uint16_t value = std::isfinite(rest) ? rounded(rest) : 0;
    std::memcpy(result + i * sizeof(value), &value, sizeof(value));
  }
}

static constexpr float infiniteF16 = 65520; // behind 65504, a tie to even

bool bertc::fitsF16(float value) { return std::fabs(value) < infiniteF16; }

/// Normal numbers round in their bits; of smaller ones a float addition rounds
/// to the 2^-24 that a half can have.
static uint16_t roundedToF16(float value) {
  uint32_t bits = bitsOf(value), sign = bits >> 16 & 0x8000;
  bits &= 0x7fffffff;
  constexpr uint32_t infinite = 0x7c00, quiet = 0x0200;
  if (bits > 0x7f800000)
    return uint16_t(sign | infinite | quiet);
  if (!fitsF16(value))
    return uint16_t(sign | infinite);
  if (bits >= 0x38800000) { // 2^-14
    uint32_t rebased = bits - (uint32_t(127 - 15) << 23);
    return uint16_t(sign | (rebased + 0x0fff + (rebased >> 13 & 1)) >> 13);
  }
  constexpr float shift = 0.5f; // whose last bit is 2^-24
  return uint16_t(sign | (bitsOf(ofBits(bits) + shift) - bitsOf(shift)));
}

void bertc::toF16(llvm::ArrayRef<float> values, uint8_t *result) {
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t value = roundedToF16(values[i]);
    std::memcpy(result + i * sizeof(value), &value, sizeof(value));
  }
}

/// The smallest value that is not 0; infinite if there is none.
static float smallest(llvm::ArrayRef<float> values) {
  float result = INFINITY;
  for (float value : values)
    if (value > 0)
      result = std::min(result, value);
  return result;
}

std::vector<float> bertc::smoothing(llvm::ArrayRef<float> inputs,
                                    llvm::ArrayRef<float> weights) {
  std::vector<float> result(inputs.size());
  float leastInput = smallest(inputs), leastWeight = smallest(weights);
  for (size_t k = 0; k < inputs.size(); ++k) {
    float factor = std::sqrt(std::max(inputs[k], leastInput)) /
                   std::sqrt(std::max(weights[k], leastWeight));
    if (!std::isfinite(factor) || factor == 0)
      return std::vector<float>(inputs.size(), 1.0f);
    result[k] = factor;
  }
  return result;
}

void bertc::rotate(llvm::MutableArrayRef<float> values, int64_t size) {
  // Divided first, so that no sum is larger than the largest value.
  for (float &value : values)
    value /= float(size);
  for (int64_t half = 1; half < size; half *= 2)
    for (size_t i = 0; i < values.size(); ++i) {
      if (i & half)
        continue;
      float a = values[i], b = values[i + half];
      values[i] = a + b;
      values[i + half] = a - b;
    }
}

float bertc::int8Scale(llvm::ArrayRef<float> column) {
  // Magnitudes are in the order of their bits, with infinity and NaN last.
  uint32_t largest = 0;
  for (float value : column)
    largest = std::max(largest, bitsOf(value) & 0x7fffffff);
  return ofBits(largest) / int8Largest;
}

int32_t bertc::toInt8(llvm::ArrayRef<float> column, float scale,
                      int8_t *result) {
  if (scale == 0) {
    std::fill_n(result, column.size(), int8_t(0));
    return 0;
  }
  constexpr float shift = 12582912.0f; // 1.5 * 2^23
  int32_t sum = 0;
  for (size_t i = 0; i < column.size(); ++i) {
    // A subnormal scale is too coarse for the quotient to stay within 127.
    float quotient =
        std::min(std::max(column[i] / scale, -int8Largest), int8Largest);
    auto value = int32_t((quotient + shift) - shift);
    result[i] = int8_t(value);
    sum += value;
  }
  return sum;
}

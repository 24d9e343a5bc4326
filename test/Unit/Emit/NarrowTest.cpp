//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rounding at its edges: ties, the largest values, subnormals, infinity, NaN.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Narrow.h"
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <limits>

using namespace bertc;
using ::testing::ElementsAre;

static float ofBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

template <typename Convert>
static uint16_t convert(Convert function, float value) {
  uint8_t bytes[2];
  function(value, bytes);
  uint16_t result;
  std::memcpy(&result, bytes, sizeof(result));
  return result;
}

TEST(Narrow, BF16RoundsToNearestEven) {
  for (auto [bits, expected] :
       std::vector<std::pair<uint32_t, uint16_t>>{{0x00000000, 0x0000},
                                                  {0x80000000, 0x8000},
                                                  {0x3f800000, 0x3f80},
                                                  {0x3f807fff, 0x3f80},
                                                  {0x3f808000, 0x3f80},
                                                  {0x3f808001, 0x3f81},
                                                  {0x3f818000, 0x3f82},
                                                  {0xbf818000, 0xbf82},
                                                  {0x3fffffff, 0x4000},
                                                  {0x00008000, 0x0000},
                                                  {0x00018000, 0x0002},
                                                  {0x00008001, 0x0001},
                                                  {0x7f7f7fff, 0x7f7f},
                                                  {0x7f7f8000, 0x7f80},
                                                  {0xff7fffff, 0xff80},
                                                  {0x7f800000, 0x7f80},
                                                  {0xff800000, 0xff80}})
    EXPECT_EQ(convert(toBF16, ofBits(bits)), expected) << std::hex << bits;
}

TEST(Narrow, BF16KeepsNaN) {
  for (uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xff800001u, 0x7fffffffu}) {
    uint16_t result = convert(toBF16, ofBits(bits));
    EXPECT_TRUE(std::isnan(ofBits(uint32_t(result) << 16))) << std::hex << bits;
    EXPECT_EQ(result >> 15, bits >> 31);
  }
}

// Against the compiler's own conversion: all halves, what lies half way between
// two, and its neighbours.
TEST(Narrow, F16RoundsToNearestEven) {
  auto expected = [](float value) {
    auto half = _Float16(value);
    uint16_t bits;
    std::memcpy(&bits, &half, sizeof(bits));
    return bits;
  };
  for (uint32_t half = 0; half < 0x7c00; ++half) {
    auto bits = uint16_t(half);
    _Float16 value;
    std::memcpy(&value, &bits, sizeof(value));
    float low = float(value);
    _Float16 next;
    bits = uint16_t(half + 1);
    std::memcpy(&next, &bits, sizeof(next));
    float high = half == 0x7bff ? 65536 : float(next);
    float middle = (low + high) / 2;
    for (float each : {low, middle, std::nextafter(middle, 0.0f),
                       std::nextafter(middle, INFINITY)})
      for (float sign : {1.0f, -1.0f})
        ASSERT_EQ(convert(toF16, sign * each), expected(sign * each)) << each;
  }
  for (float value : {0.0f, -0.0f, INFINITY, -INFINITY, 1e30f, -65520.0f,
                      65519.0f, 1e-30f, 2.9e-8f, -6e-8f})
    EXPECT_EQ(convert(toF16, value), expected(value)) << value;
}

TEST(Narrow, F16KeepsNaN) {
  for (uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xff800001u}) {
    uint16_t result = convert(toF16, ofBits(bits));
    EXPECT_EQ(result & 0x7c00, 0x7c00) << std::hex << bits;
    EXPECT_NE(result & 0x03ff, 0);
    EXPECT_EQ(result >> 15, bits >> 31);
  }
}

TEST(Narrow, WhatFitsF16) {
  for (float value : {0.0f, 65504.0f, -65519.0f, 1e-30f})
    EXPECT_TRUE(fitsF16(value)) << value;
  for (float value : {65520.0f, -1e6f, INFINITY, -INFINITY, std::nanf("")})
    EXPECT_FALSE(fitsF16(value)) << value;
}

static void restOf(llvm::ArrayRef<float> values, uint8_t *result) {
  restOfBF16(values, result);
}

// Three parts hold all 24 bits of the significand.
TEST(Narrow, PlanesOfBF16) {
  for (float value : {0.1f, -3.14159f, 1.00390625f, 12345.678f, 1e-20f}) {
    float sum = ofBits(uint32_t(convert(toBF16, value)) << 16);
    for (int64_t before : {1, 2})
      sum += ofBits(uint32_t(convert(
                        [&](llvm::ArrayRef<float> values, uint8_t *result) {
                          restOfBF16(values, result, before);
                        },
                        value))
                    << 16);
    EXPECT_EQ(sum, value);
  }
}

// The two parts hold 16 bits of the significand.
TEST(Narrow, RestOfBF16) {
  for (float value : {0.1f, -3.14159f, 1.00390625f, 12345.678f}) {
    float high = ofBits(uint32_t(convert(toBF16, value)) << 16);
    float rest = ofBits(uint32_t(convert(restOf, value)) << 16);
    EXPECT_LE(std::fabs(high + rest - value), std::fabs(value) / 131072);
  }
  EXPECT_EQ(convert(restOf, 1.5f), 0);
  EXPECT_EQ(convert(restOf, INFINITY), 0);
  EXPECT_EQ(convert(restOf, std::nanf("")), 0);
  EXPECT_EQ(convert(restOf, std::numeric_limits<float>::max()), 0);
}

TEST(Narrow, Int8RoundsToNearestEven) {
  std::vector<float> column = {127, -127, 0.5f, 1.5f, -2.5f, -0.49f, 63.51f};
  float scale = int8Scale(column);
  EXPECT_EQ(scale, 1.0f);
  std::vector<int8_t> result(column.size());
  EXPECT_EQ(toInt8(column, scale, result.data()), 0 + 2 - 2 + 64);
  EXPECT_THAT(result, ElementsAre(127, -127, 0, 2, -2, 0, 64));
}

TEST(Narrow, SmoothingOfExtremes) {
  EXPECT_THAT(smoothing({4.0f, 9.0f}, {1.0f, 4.0f}), ElementsAre(2.0f, 1.5f));
  // 0 counts as the smallest other range.
  EXPECT_THAT(smoothing({0.0f, 9.0f}, {4.0f, 0.0f}), ElementsAre(1.5f, 1.5f));
  for (float bad : {0.0f, float(INFINITY), std::nanf("")})
    EXPECT_THAT(smoothing({bad, bad}, {1.0f, 1.0f}), ElementsAre(1.0f, 1.0f));
  EXPECT_THAT(smoothing({1.0f, 1.0f}, {0.0f, 0.0f}), ElementsAre(1.0f, 1.0f));
}

TEST(Narrow, Int8ScaleOfExtremes) {
  EXPECT_EQ(int8Scale({0.0f, -0.0f}), 0.0f);
  EXPECT_EQ(int8Scale({}), 0.0f);
  EXPECT_FALSE(std::isfinite(int8Scale({1.0f, -INFINITY})));
  EXPECT_FALSE(std::isfinite(int8Scale({std::nanf(""), 1.0f})));
  // 190 * 2^-149 / 127 rounds to 2^-149, and the quotient would be 190.
  float tiny = std::ldexp(190.0f, -149);
  float scale = int8Scale(tiny);
  EXPECT_EQ(scale, std::ldexp(1.0f, -149));
  int8_t result[2];
  EXPECT_EQ(toInt8({tiny, -tiny}, scale, result), 0);
  EXPECT_EQ(result[0], 127);
  EXPECT_EQ(result[1], -127);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Special instructions on vectors: each function of Isa.h is one instruction on
// the processor it is for, and its emulation gives the results that Intel's
// manual states, here written down a second time in scalar C++.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Isa.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"

#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

namespace {

/// How often `word` stands in `text` as a word of its own.
int count(const std::string &text, const std::string &word) {
  int result = 0;
  for (size_t at = text.find(word); at != std::string::npos;
       at = text.find(word, at + 1)) {
    auto isWord = [&](size_t i) { return i < text.size() && isalnum(text[i]); };
    result += !isWord(at - 1) && !isWord(at + word.size());
  }
  return result;
}

Value loadAs(KernelBuilder &k, Value buffer, Type element,
             int64_t floats = lanes) {
  return emitBitcast(k, k.load({buffer, k.index(0)}, floats), element);
}

void storeTo(KernelBuilder &k, Value vector, Value buffer) {
  k.store(emitBitcast(k, vector, k.b.getF32Type()), {buffer, k.index(0)});
}

void dotBF16(KernelBuilder &k, ValueRange buffers) {
  Type bf16 = k.b.getBF16Type();
  Value acc = k.load({buffers[2], k.index(0)});
  storeTo(k,
          emitDotBF16(k, acc, loadAs(k, buffers[0], bf16),
                      loadAs(k, buffers[1], bf16)),
          buffers[2]);
}

template <int64_t width> void dotInt8(KernelBuilder &k, ValueRange buffers) {
  Type i8 = k.b.getI8Type();
  Value acc = loadAs(k, buffers[2], k.b.getI32Type(), width);
  storeTo(k,
          emitDotInt8(k, acc, loadAs(k, buffers[0], i8, width),
                      loadAs(k, buffers[1], i8, width)),
          buffers[2]);
}

template <int64_t width> void maddInt16(KernelBuilder &k, ValueRange buffers) {
  Type i16 = k.b.getI16Type();
  storeTo(k,
          emitMaddInt16(k, loadAs(k, buffers[0], i16, width),
                        loadAs(k, buffers[1], i16, width)),
          buffers[2]);
}

template <BF16Rounding rounding>
void roundBody(KernelBuilder &k, ValueRange buffers) {
  storeTo(k,
          emitToBF16(k, k.load({buffers[0], k.index(0)}),
                     k.load({buffers[1], k.index(0)}), rounding),
          buffers[2]);
}

/// Two sums of 16 in one buffer of 32.
void widenBody(KernelBuilder &k, ValueRange buffers) {
  auto [even, odd] =
      emitFromBF16Pairs(k, loadAs(k, buffers[0], k.b.getBF16Type()));
  k.store(even, {buffers[2], k.index(0)});
  k.store(odd, {buffers[2], k.index(lanes)});
}

/// Numbers of all kinds: ordinary, tiny, huge, and the edges between them.
std::vector<uint16_t> manyBF16(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  const uint16_t edges[] = {0,      0x8000, 1,      0x8001, 0x007f, 0x807f,
                            0x0080, 0x8080, 0x3f80, 0xbf80, 0x7f7f, 0xff7f,
                            0x7f80, 0x0100, 0x1fff, 0x2000};
  std::vector<uint16_t> result(count);
  for (uint16_t &x : result)
    x = random() % 4
            ? toBF16(std::uniform_real_distribution<float>(-2, 2)(random))
            : edges[random() % std::size(edges)];
  return result;
}

/// A processor may keep more bits between the two products than the manual
/// says; a NaN has no bits to compare.
bool agree(float got, float expected, Way way) {
  if (way == Way::Native && std::isfinite(expected))
    return std::fabs(got - expected) <= std::fabs(expected) * 0x1p-20f + 1e-6f;
  return bitsOf(got) == bitsOf(expected) ||
         (std::isnan(got) && !std::isfinite(expected));
}

class Isa : public testing::TestWithParam<Way> {
  void SetUp() override {
    if (!llvm::is_contained(waysToRun("x86-64-v4-bf16"), GetParam()))
      GTEST_SKIP() << "this processor cannot";
  }
};

} // namespace

INSTANTIATE_TEST_SUITE_P(, Isa, testing::Values(Way::Emulated, Way::Native),
                         wayName);

TEST(IsaAssembly, OneInstructionEach) {
  std::string text = assembly(dotBF16, "x86-64-v4-bf16");
  EXPECT_EQ(count(text, "vdpbf16ps"), 1) << text;
  text = assembly(dotInt8<16>, "x86-64-v4-bf16");
  EXPECT_EQ(count(text, "vpdpbusd"), 1) << text;
  EXPECT_NE(text.find("%zmm"), std::string::npos);
  text = assembly(dotInt8<8>, "x86-64-v4-bf16");
  EXPECT_EQ(count(text, "vpdpbusd"), 1) << text;
  EXPECT_EQ(text.find("%zmm"), std::string::npos);
  text = assembly(maddInt16<8>, "x86-64-v3");
  EXPECT_EQ(count(text, "vpmaddwd"), 1) << text;
  text = assembly(maddInt16<16>, "x86-64-v4");
  EXPECT_EQ(count(text, "vpmaddwd"), 1) << text;
  EXPECT_NE(text.find("%zmm"), std::string::npos);
  text = assembly(roundBody<BF16Rounding::Native>, "x86-64-v4-bf16");
  EXPECT_EQ(count(text, "vcvtne2ps2bf16"), 1) << text;
  text = assembly(roundBody<BF16Rounding::Integer>, "x86-64-v4");
  EXPECT_EQ(count(text, "vcvtne2ps2bf16"), 0) << text;
}

TEST_P(Isa, DotBF16) {
  IsaProgram program(dotBF16, "x86-64-v4-bf16", GetParam());
  for (uint32_t seed = 0; seed < 400; ++seed) {
    std::vector<uint16_t> a = manyBF16(32, seed), b = manyBF16(32, seed + 1000),
                          c = manyBF16(32, seed + 2000);
    std::vector<float> sums(16), expected(16);
    for (int i = 0; i < 16; ++i) {
      sums[i] = floatOf(uint32_t(c[i]) << 16 | (c[i + 16] & 0x7fff));
      expected[i] = fmaBF16(a[2 * i], b[2 * i],
                            fmaBF16(a[2 * i + 1], b[2 * i + 1], sums[i]));
    }
    program.run(a.data(), b.data(), sums.data());
    for (int i = 0; i < 16; ++i)
      ASSERT_TRUE(agree(sums[i], expected[i], GetParam()))
          << seed << ": " << sums[i] << ", expected " << expected[i];
  }
}

// The odd products come first, and neither product is rounded alone.
TEST_P(Isa, DotBF16Order) {
  IsaProgram program(dotBF16, "x86-64-v4-bf16", GetParam());
  std::vector<uint16_t> a(32), b(32);
  std::vector<float> sums(16);
  a[0] = b[0] = toBF16(1); // even: 1
  a[1] = toBF16(-0x1p24f); // odd: -2^24
  b[1] = toBF16(1);
  sums[0] = 0x1p24f;
  sums[1] = 0x1p-127f; // subnormal: counts as zero
  program.run(a.data(), b.data(), sums.data());
  EXPECT_EQ(sums[0], 1); // even first would give 0: 2^24 + 1 is not a float
  EXPECT_EQ(sums[1], 0);
}

TEST_P(Isa, DotInt8) {
  IsaProgram wide(dotInt8<16>, "x86-64-v4-bf16", GetParam());
  IsaProgram narrow(dotInt8<8>, "x86-64-v4-bf16", GetParam());
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint8_t> a(64);
    std::vector<int8_t> b(64);
    std::vector<int32_t> sums(16);
    for (int i = 0; i < 64; ++i) {
      a[i] = round ? random() : 255;
      b[i] = round ? random() : -128;
    }
    for (int32_t &sum : sums)
      sum = round ? random() : INT32_MIN; // wraps in the first round
    std::vector<int32_t> expected = sums, half = sums;
    for (int i = 0; i < 64; ++i)
      expected[i / 4] =
          int32_t(uint32_t(expected[i / 4]) + uint32_t(int(a[i]) * int(b[i])));
    narrow.run(a.data(), b.data(), half.data());
    wide.run(a.data(), b.data(), sums.data());
    EXPECT_EQ(sums, expected);
    EXPECT_TRUE(std::equal(half.begin(), half.begin() + 8, expected.begin()));
  }
}

TEST_P(Isa, MaddInt16) {
  IsaProgram wide(maddInt16<16>, "x86-64-v4", GetParam());
  IsaProgram narrow(maddInt16<8>, "x86-64-v3");
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    std::vector<int16_t> a(32), b(32);
    for (int i = 0; i < 32; ++i) {
      a[i] = round ? random() : -32768;
      b[i] = round ? random() : 32767;
    }
    std::vector<int32_t> sums(16), half(16), expected(16);
    for (int i = 0; i < 32; ++i)
      expected[i / 2] =
          int32_t(uint32_t(expected[i / 2]) + uint32_t(int(a[i]) * int(b[i])));
    wide.run(a.data(), b.data(), sums.data());
    narrow.run(a.data(), b.data(), half.data());
    EXPECT_EQ(sums, expected);
    EXPECT_TRUE(std::equal(half.begin(), half.begin() + 8, expected.begin()));
  }
}

// Both ways to round give the bits of the scalar reference, also for the
// numbers around each tie and for those that are none.
TEST_P(Isa, RoundToBF16) {
  IsaProgram integer(roundBody<BF16Rounding::Integer>, "x86-64-v3");
  IsaProgram native(roundBody<BF16Rounding::Native>, "x86-64-v4-bf16",
                    GetParam());
  std::vector<uint32_t> inputs;
  for (uint32_t high = 0; high < 0x10000; high += 37)
    for (uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      inputs.push_back(high << 16 | low);
  for (uint32_t edge : {0x7f800000u, 0xff800000u, 0x7f800001u, 0xffffffffu,
                        0x7f7fffffu, 0x007fffffu, 0x00800000u, 0x807fffffu})
    inputs.push_back(edge);
  inputs.resize((inputs.size() + 31) / 32 * 32);
  for (size_t i = 0; i < inputs.size(); i += 32) {
    std::vector<uint16_t> x(32), y(32), expected(32);
    for (int j = 0; j < 32; ++j)
      expected[j] = toBF16(floatOf(inputs[i + j]));
    integer.run(&inputs[i], &inputs[i + 16], x.data());
    native.run(&inputs[i], &inputs[i + 16], y.data());
    ASSERT_EQ(x, expected) << i;
    ASSERT_EQ(y, expected) << i;
  }
}

TEST_P(Isa, FromBF16Pairs) {
  IsaProgram program(widenBody, "x86-64-v3");
  std::vector<uint16_t> pairs = manyBF16(32, 5);
  std::vector<float> out(32);
  program.run(pairs.data(), nullptr, out.data());
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(bitsOf(out[i % 2 * 16 + i / 2]), uint32_t(pairs[i]) << 16);
}

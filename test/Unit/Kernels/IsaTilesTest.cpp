//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// AMX: the assembly of a product, and its emulation against scalar C++ for full
// tiles and tails. Configuration and product are in different functions, as in
// a model.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Isa.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"

#include <gtest/gtest.h>
#include <random>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

namespace {

constexpr int64_t stride = 80; // bytes of a row in memory, beyond the tile's

/// sum[rows][columns] += a[rows][depth] * b[depth][columns], where a row of `b`
/// holds `depth` words as one word of `a` does.
struct Shape {
  int64_t rows, columns, depth; // columns of 4 bytes, depth in words
};

TileConfig configFor(Shape s) {
  TileConfig config;
  config[0] = {s.rows, 4 * s.columns};
  config[3] = {s.rows, 4 * s.depth};
  config[7] = {s.depth, 4 * s.columns};
  return config;
}

/// The product in a function of its own.
IsaBody product(Shape shape, bool isFloat, bool configured = true) {
  return [=](KernelBuilder &k, ValueRange buffers) {
    auto body = [&](ValueRange buffers) {
      auto address = [&](int i) {
        return emitAddress(k, {buffers[i], k.index(0)});
      };
      Value bytes = k.index(stride);
      emitTileLoad(k, 0, address(2), bytes);
      emitTileLoad(k, 3, address(0), bytes);
      emitTileLoad(k, 7, address(1), bytes);
      if (isFloat)
        emitTileDotBF16(k, 0, 3, 7);
      else
        emitTileDotInt8(k, 0, 3, 7);
      emitTileStore(k, 0, address(2), bytes);
    };
    func::FuncOp kernel = k.kernel("product", buffers.getTypes(), body);
    if (configured)
      emitTileConfigure(k, configFor(shape));
    k.call(kernel, buffers);
    emitTileRelease(k);
  };
}

int count(const std::string &text, const std::string &word) {
  int result = 0;
  for (size_t at = text.find(word); at != std::string::npos;
       at = text.find(word, at + 1))
    ++result;
  return result;
}

/// 16 rows and one byte column more than any shape touches.
using Memory = std::vector<uint8_t>;
Memory memory() { return Memory(tileRows * stride, 0xab); }

template <typename T> T &at(Memory &m, int64_t row, int64_t column) {
  return reinterpret_cast<T *>(m.data() + row * stride)[column];
}

const Shape shapes[] = {{16, 16, 16}, {1, 16, 16}, {7, 16, 16}, {16, 5, 16},
                        {16, 16, 3},  {3, 2, 1},   {1, 1, 1}};

class IsaTiles : public testing::TestWithParam<Way> {
  void SetUp() override {
    if (!llvm::is_contained(waysToRun("x86-64-v4-amx"), GetParam()))
      GTEST_SKIP() << "this processor cannot";
  }
};

} // namespace

INSTANTIATE_TEST_SUITE_P(, IsaTiles,
                         testing::Values(Way::Emulated, Way::Native), wayName);

TEST(IsaAssembly, Tiles) {
  std::string text = assembly(product({16, 16, 16}, true), "x86-64-v4-amx");
  EXPECT_EQ(count(text, "\tldtilecfg\t"), 1) << text;
  EXPECT_EQ(count(text, "\ttileloadd\t"), 3) << text;
  EXPECT_EQ(count(text, "\ttdpbf16ps\t%tmm7, %tmm3, %tmm0"), 1) << text;
  EXPECT_EQ(count(text, "\ttilestored\t%tmm0"), 1) << text;
  EXPECT_EQ(count(text, "\ttilerelease"), 1) << text;
  EXPECT_EQ(count(text, "sttilecfg"), 0) << text;
  text = assembly(product({16, 16, 16}, false), "x86-64-v4-amx");
  EXPECT_EQ(count(text, "\ttdpbssd\t%tmm7, %tmm3, %tmm0"), 1) << text;
}

TEST_P(IsaTiles, DotBF16) {
  std::mt19937 random(3);
  auto number = [&] {
    return random() % 16
               ? toBF16(std::uniform_real_distribution<float>(-2, 2)(random))
               : uint16_t(random() & 0x80ff); // tiny
  };
  for (Shape s : shapes) {
    SCOPED_TRACE(testing::Message()
                 << s.rows << "x" << s.columns << "x" << s.depth);
    IsaProgram program(product(s, true), "x86-64-v4-amx", GetParam());
    Memory a = memory(), b = memory(), c = memory();
    for (int64_t i = 0; i < s.rows; ++i)
      for (int64_t j = 0; j < 2 * s.depth; ++j)
        at<uint16_t>(a, i, j) = number();
    for (int64_t i = 0; i < s.depth; ++i)
      for (int64_t j = 0; j < 2 * s.columns; ++j)
        at<uint16_t>(b, i, j) = number();
    for (int64_t i = 0; i < s.rows; ++i)
      for (int64_t j = 0; j < s.columns; ++j)
        at<float>(c, i, j) = floatOf(uint32_t(number()) << 16);
    Memory expected = c;
    for (int64_t i = 0; i < s.rows; ++i)
      for (int64_t j = 0; j < s.columns; ++j) {
        float even = 0, odd = 0;
        for (int64_t d = 0; d < s.depth; ++d) {
          even = fmaBF16(at<uint16_t>(a, i, 2 * d), at<uint16_t>(b, d, 2 * j),
                         even);
          odd = fmaBF16(at<uint16_t>(a, i, 2 * d + 1),
                        at<uint16_t>(b, d, 2 * j + 1), odd);
        }
        float &sum = at<float>(expected, i, j);
        sum = flush(flush(sum) + flush(even + odd));
      }
    program.run(a.data(), b.data(), c.data());
    // A processor may keep more bits than the manual says.
    if (GetParam() == Way::Native)
      for (int64_t i = 0; i < s.rows; ++i)
        for (int64_t j = 0; j < s.columns; ++j) {
          EXPECT_NEAR(at<float>(c, i, j), at<float>(expected, i, j), 1e-5);
          at<float>(c, i, j) = at<float>(expected, i, j);
        }
    EXPECT_EQ(c, expected);
  }
}

TEST_P(IsaTiles, DotInt8) {
  std::mt19937 random(4);
  for (Shape s : shapes) {
    SCOPED_TRACE(testing::Message()
                 << s.rows << "x" << s.columns << "x" << s.depth);
    IsaProgram program(product(s, false), "x86-64-v4-amx", GetParam());
    Memory a = memory(), b = memory(), c = memory();
    for (Memory *m : {&a, &b, &c})
      for (uint8_t &byte : *m)
        byte = random();
    Memory expected = c;
    for (int64_t i = 0; i < s.rows; ++i)
      for (int64_t j = 0; j < s.columns; ++j)
        for (int64_t d = 0; d < 4 * s.depth; ++d)
          at<uint32_t>(expected, i, j) +=
              uint32_t(int(at<int8_t>(a, i, d)) *
                       int(at<int8_t>(b, d / 4, 4 * j + d % 4)));
    program.run(a.data(), b.data(), c.data());
    EXPECT_EQ(c, expected);
  }
}

// A tile is zero after configuration and after tilezero; what lies outside its
// shape is never written.
TEST_P(IsaTiles, Zero) {
  auto body = [](KernelBuilder &k, ValueRange buffers) {
    TileConfig config;
    config[1] = {2, 8};
    config[2] = {16, 64};
    emitTileConfigure(k, config);
    auto store = [&](int tile, int buffer) {
      emitTileStore(k, tile, emitAddress(k, {buffers[buffer], k.index(0)}),
                    k.index(stride));
    };
    store(1, 0);
    emitTileLoad(k, 2, emitAddress(k, {buffers[1], k.index(0)}),
                 k.index(stride));
    store(2, 2);
    emitTileZero(k, 2);
    store(2, 1);
    emitTileRelease(k);
  };
  IsaProgram program(body, "x86-64-v4-amx", GetParam());
  Memory a = memory(), b = memory(), c(memory().size());
  program.run(a.data(), b.data(), c.data());
  for (int64_t i = 0; i < tileRows; ++i)
    for (int64_t j = 0; j < stride; ++j) {
      EXPECT_EQ(at<uint8_t>(a, i, j), i < 2 && j < 8 ? 0 : 0xab);
      EXPECT_EQ(at<uint8_t>(b, i, j), j < 64 ? 0 : 0xab);
      EXPECT_EQ(at<uint8_t>(c, i, j), j < 64 ? 0xab : 0);
    }
}

// What raises an exception on the processor ends the program here too.
TEST(IsaTilesDeathTest, ShapesThatDoNotMatch) {
  if (waysToRun("x86-64-v3").empty())
    GTEST_SKIP() << "this processor cannot";
  Memory a = memory(), b = memory(), c = memory();
  IsaProgram unconfigured(product({16, 16, 16}, true, false), "x86-64-v4-amx");
  EXPECT_EXIT(unconfigured.run(a.data(), b.data(), c.data()),
              testing::KilledBySignal(SIGILL), "");
  IsaProgram empty(product({0, 0, 0}, true), "x86-64-v4-amx");
  EXPECT_EXIT(empty.run(a.data(), b.data(), c.data()),
              testing::KilledBySignal(SIGILL), "");
  auto mismatch = [](KernelBuilder &k, ValueRange) {
    TileConfig config;
    config[0] = config[1] = {16, 64};
    config[2] = {15, 64};
    emitTileConfigure(k, config);
    emitTileDotInt8(k, 0, 1, 2);
  };
  IsaProgram program(mismatch, "x86-64-v4-amx");
  EXPECT_EXIT(program.run(a.data(), b.data(), c.data()),
              testing::KilledBySignal(SIGILL), "");
}

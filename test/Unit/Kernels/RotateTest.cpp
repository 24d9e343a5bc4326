//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows are turned by the matrix that the comment of emitRotate defines, block
// by block; twice is the row times the size of a block.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Rotate.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "llvm/ADT/bit.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

namespace {

/// A row of small integers, whose sums are exact.
std::vector<float> integers(int64_t depth, int64_t step) {
  std::vector<float> result(depth);
  for (int64_t i = 0; i < depth; ++i)
    result[i] = float(i * step % 201 - 100);
  return result;
}

std::vector<float> rotate(int64_t depth, std::vector<float> x,
                          std::vector<float> factors) {
  IsaProgram program(
      [&](KernelBuilder &k, ValueRange buffers) {
        auto place = [&](int i) { return Place{buffers[i], k.index(0)}; };
        emitRotate(k, depth, place(0), factors.empty() ? Place() : place(1),
                   place(2));
      },
      "x86-64-v3");
  std::vector<float> to(depth);
  program.run(x.data(), factors.data(), to.data());
  return to;
}

/// By the definition of the matrix.
std::vector<float> expected(const std::vector<float> &x, int64_t size) {
  std::vector<float> result(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    size_t first = i / size * size;
    for (size_t j = 0; j < size_t(size); ++j)
      result[i] +=
          llvm::popcount((i - first) & j) % 2 ? -x[first + j] : x[first + j];
  }
  return result;
}

} // namespace

TEST(Rotate, BlockIsThePowerOfTwoInTheDepth) {
  EXPECT_EQ(rotationBlock(48), 16);
  EXPECT_EQ(rotationBlock(96), 32);
  EXPECT_EQ(rotationBlock(384), 128);
  EXPECT_EQ(rotationBlock(1024), 128);
}

TEST(Rotate, IsItsMatrix) {
  for (int64_t depth : {16, 48, 96, 192, 384})
    EXPECT_EQ(rotate(depth, integers(depth, 37), {}),
              expected(integers(depth, 37), rotationBlock(depth)))
        << depth;
}

TEST(Rotate, FactorsComeFirst) {
  std::vector<float> x = integers(96, 37), factors = integers(96, 11);
  std::vector<float> product(96);
  for (int i = 0; i < 96; ++i)
    product[i] = x[i] * factors[i];
  EXPECT_EQ(rotate(96, x, factors), expected(product, 32));
}

TEST(Rotate, TwiceIsTheRow) {
  std::vector<float> x = integers(256, 37), scaled = x;
  for (float &value : scaled)
    value *= 128;
  EXPECT_EQ(rotate(256, rotate(256, x, {}), {}), scaled);
}

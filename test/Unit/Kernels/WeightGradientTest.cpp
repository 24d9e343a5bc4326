//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of weights against plain loops in double precision, in several
// splits of the work among threads.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/WeightGradient.h"
#include "compiler/Kernels/CPU/NarrowWeights.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Target/Target.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
struct WeightGradientCase {
  int64_t rows, depth, columns;
  std::vector<int64_t> splits; // first panel of each call, and the end
  bool bias = true;
};

class WeightGradient
    : public testing::TestWithParam<std::tuple<const char *, int>> {};
} // namespace

static const WeightGradientCase weightGradientCases[] = {
    {1, 16, 16, {0, 1}},
    {5, 48, 32, {0, 2}, false},
    {256, 48, 80, {0, 5}},
    {257, 64, 48, {0, 1, 3}},
    {700, 32, 272, {0, 3, 3, 17}}};

/// A call for each split of the panels: x and dy in the first buffer, weight
/// and bias in the third.
static void callSplits(KernelBuilder &k, mlir::ValueRange buffers,
                       const WeightGradientCase &c,
                       const WeightGradientShape &shape,
                       const WeightGradientPlan &plan) {
  WeightGradientOperands o;
  o.x = {buffers[0], k.index(0)};
  o.dy = {buffers[0], k.index(c.rows * shape.inputStride)};
  o.scratch = {buffers[1], k.index(0)};
  o.weight = {buffers[2], k.index(0)};
  o.bias = {buffers[2], k.index(c.depth * c.columns)};
  o.rows = k.index(c.rows);
  for (size_t i = 0; i + 1 < c.splits.size(); ++i) {
    o.panelBegin = k.index(c.splits[i]);
    o.panelEnd = k.index(c.splits[i + 1]);
    callWeightGradient(k, shape, plan, o);
  }
}

TEST_P(WeightGradient, SumsOverRows) {
  const char *target = std::get<0>(GetParam());
  const WeightGradientCase &c = weightGradientCases[std::get<1>(GetParam())];
  WeightGradientPlan plan = planWeightGradient(*findTarget(target), c.columns);
  WeightGradientShape shape{c.depth, c.columns, c.depth + 16, c.columns + 32,
                            c.bias};
  IsaProgram program(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        callSplits(k, buffers, c, shape, plan);
      },
      target);
  std::vector<float> inputs =
      randomFloats(c.rows * (shape.inputStride + shape.outputStride), 1);
  std::vector<float> scratch(weightGradientScratch(plan), NAN);
  std::vector<float> before = randomFloats((c.depth + 1) * c.columns, 2);
  std::vector<float> result = before;
  program.run(inputs.data(), scratch.data(), result.data());
  const float *x = inputs.data(), *dy = x + c.rows * shape.inputStride;
  for (int64_t n = 0; n < c.columns; ++n)
    for (int64_t k = 0; k <= c.depth; ++k) {
      bool bias = k == c.depth;
      size_t at = bias ? c.depth * c.columns + n
                       : n / 16 * c.depth * 16 + k * 16 + n % 16;
      double sum = before[at];
      for (int64_t t = 0; t < c.rows && (c.bias || !bias); ++t)
        sum += double(dy[t * shape.outputStride + n]) *
               (bias ? 1.0 : x[t * shape.inputStride + k]);
      // 700 roundings of partial sums up to 25: sqrt(700) * 25 * 2^-24.
      ASSERT_NEAR(result[at], sum, 5e-5) << "n " << n << ", k " << k;
    }
}

INSTANTIATE_TEST_SUITE_P(
    , WeightGradient,
    testing::Combine(testing::Values("x86-64-v3", "x86-64-v4"),
                     testing::Range(0, int(std::size(weightGradientCases)))),
    [](const auto &info) {
      return std::string(std::get<0>(info.param) + 7) + "_" +
             std::to_string(std::get<1>(info.param));
    });

//===----------------------------------------------------------------------===//
// With tiles of bfloat16
//===----------------------------------------------------------------------===//

static constexpr char tiles[] = "x86-64-v4-amx";

namespace {
class WeightGradientTiles
    : public testing::TestWithParam<std::tuple<Way, int>> {
protected:
  void SetUp() override {
    if (!llvm::is_contained(waysToRun(tiles), std::get<0>(GetParam())))
      GTEST_SKIP() << "no AMX here";
  }
};
} // namespace

TEST_P(WeightGradientTiles, SumsOverPairsOfRows) {
  const WeightGradientCase &c = weightGradientCases[std::get<1>(GetParam())];
  WeightGradientPlan plan =
      planWeightGradient(*findTarget(tiles), c.columns, Precision::BF16);
  // Several blocks in both directions.
  plan.depthBlock = 32;
  plan.rowBlock = 256;
  WeightGradientShape shape{c.depth, c.columns, c.depth + 16, c.columns + 32,
                            c.bias};
  IsaProgram program(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        emitTilesBegin(k);
        callSplits(k, buffers, c, shape, plan);
        emitTilesEnd(k);
      },
      tiles, std::get<0>(GetParam()));
  std::vector<float> inputs =
      randomFloats(c.rows * (shape.inputStride + shape.outputStride), 1);
  std::vector<float> scratch(weightGradientScratch(plan), NAN);
  std::vector<float> before = randomFloats((c.depth + 1) * c.columns, 2);
  std::vector<float> result = before;
  program.run(inputs.data(), scratch.data(), result.data());
  auto rounded = [](float x) { return double(fromBF16(toBF16(x))); };
  const float *x = inputs.data(), *dy = x + c.rows * shape.inputStride;
  for (int64_t n = 0; n < c.columns; ++n)
    for (int64_t k = 0; k <= c.depth; ++k) {
      bool bias = k == c.depth;
      size_t at = bias ? c.depth * c.columns + n
                       : n / 16 * c.depth * 16 + k * 16 + n % 16;
      double sum = before[at];
      for (int64_t t = 0; t < c.rows && (c.bias || !bias); ++t) {
        float own = dy[t * shape.outputStride + n];
        sum += bias ? double(own)
                    : rounded(own) * rounded(x[t * shape.inputStride + k]);
      }
      // As above; products are exact.
      ASSERT_NEAR(result[at], sum, 5e-5) << "n " << n << ", k " << k;
    }
}

/// x in bfloat16 has the bits of x that is rounded as it is read.
TEST_P(WeightGradientTiles, ReadsBFloat16) {
  const WeightGradientCase &c = weightGradientCases[std::get<1>(GetParam())];
  WeightGradientPlan plan =
      planWeightGradient(*findTarget(tiles), c.columns, Precision::BF16);
  plan.depthBlock = 32;
  plan.rowBlock = 256;
  WeightGradientShape shape{c.depth, c.columns, c.depth + 16, c.columns + 32,
                            c.bias};
  std::vector<float> inputs =
      randomFloats(c.rows * (shape.inputStride + shape.outputStride), 1);
  std::vector<float> narrow = inputs;
  auto *halves = reinterpret_cast<uint16_t *>(narrow.data());
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t k = 0; k < c.depth; ++k)
      halves[2 * r * shape.inputStride + k] =
          toBF16(inputs[r * shape.inputStride + k]);
  auto run = [&](bool bf16, std::vector<float> &from) {
    shape.bf16 = bf16;
    IsaProgram program(
        [&](KernelBuilder &k, mlir::ValueRange buffers) {
          emitTilesBegin(k);
          callSplits(k, buffers, c, shape, plan);
          emitTilesEnd(k);
        },
        tiles, std::get<0>(GetParam()));
    std::vector<float> scratch(weightGradientScratch(plan), NAN);
    std::vector<float> result((c.depth + 1) * c.columns);
    program.run(from.data(), scratch.data(), result.data());
    return result;
  };
  EXPECT_EQ(run(true, narrow), run(false, inputs));
}

INSTANTIATE_TEST_SUITE_P(
    , WeightGradientTiles,
    testing::Combine(testing::Values(Way::Emulated, Way::Native),
                     testing::Range(0, int(std::size(weightGradientCases)))),
    [](const auto &info) {
      return std::string(std::get<0>(info.param) == Way::Native ? "Native"
                                                                : "Emulated") +
             std::to_string(std::get<1>(info.param));
    });

/// Both ways to narrow a weight, element by element.
TEST(NarrowWeights, RoundsAndTransposes) {
  constexpr int64_t depth = 48, columns = 80; // 3 and 5 squares of 16
  int64_t panel = narrowPanelWords(depth), other = narrowPanelWords(columns);
  int64_t words = columns / 16 * panel;
  std::vector<float> weight = randomFloats(depth * columns, 6);
  std::vector<float> unused(1), result(words + depth / 16 * other, NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        Place from{buffers[0], k.index(0)}, to{buffers[2], k.index(0)};
        callNarrowPanels(k, depth, from, to, k.index(0), k.index(2));
        callNarrowPanels(k, depth, from, to, k.index(2), k.index(columns / 16));
        callNarrowTransposed(k, depth, columns, from, k.at(to, words),
                             k.index(0), k.index(depth / 16));
      },
      tiles)
      .run(weight.data(), unused.data(), result.data());
  const auto *halves = reinterpret_cast<const uint16_t *>(result.data());
  auto at = [&](int64_t n, int64_t k) -> uint16_t {
    return n < columns && k < depth
               ? toBF16(weight[n / 16 * depth * 16 + k * 16 + n % 16])
               : 0;
  };
  for (int64_t n = 0; n < columns; ++n)
    for (int64_t k = 0; k < panel / 8; ++k)
      ASSERT_EQ(halves[2 * (n / 16 * panel + k / 2 * 16 + n % 16) + k % 2],
                at(n, k))
          << "n " << n << ", k " << k;
  for (int64_t k = 0; k < depth; ++k)
    for (int64_t n = 0; n < other / 8; ++n)
      ASSERT_EQ(
          halves[2 * (words + k / 16 * other + n / 2 * 16 + k % 16) + n % 2],
          at(n, k))
          << "n " << n << ", k " << k;
}

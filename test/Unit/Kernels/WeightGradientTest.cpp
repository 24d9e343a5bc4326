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
#include "compiler/Target/Target.h"
#include "test/Unit/Kernels/IsaJit.h"
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

TEST_P(WeightGradient, SumsOverRows) {
  const char *target = std::get<0>(GetParam());
  const WeightGradientCase &c = weightGradientCases[std::get<1>(GetParam())];
  WeightGradientPlan plan = planWeightGradient(*findTarget(target), c.columns);
  WeightGradientShape shape{c.depth, c.columns, c.depth + 16, c.columns + 32,
                            c.bias};
  IsaProgram program(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
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

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of inputs against plain loops in double precision.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/InputGradient.h"
#include "compiler/Target/Target.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
struct InputGradientCase {
  int64_t rows, depth, columns;
  std::vector<int64_t> splits; // first panel of each call, and the end
  bool tanh = false, plus = false;
};

class InputGradient
    : public testing::TestWithParam<std::tuple<const char *, int>> {};
} // namespace

static const InputGradientCase cases[] = {
    {1, 16, 16, {0, 1}},
    {7, 48, 32, {0, 3}, true},
    {13, 80, 528, {0, 2, 5}, false, true}, // two blocks of columns
    {200, 272, 48, {0, 3, 3, 17}, true, true}};

TEST_P(InputGradient, SumsOverColumns) {
  const char *target = std::get<0>(GetParam());
  const InputGradientCase &c = cases[std::get<1>(GetParam())];
  LinearPlan plan =
      planLinear(*findTarget(target), Precision::F32, c.columns, c.depth);
  InputGradientShape shape;
  shape.depth = c.depth;
  shape.columns = c.columns;
  shape.inputStride = c.depth + 16;
  shape.outputStride = c.columns + 32;
  shape.beforeStride = c.depth;
  shape.plusStride = c.depth + 48;
  shape.plus = c.plus;
  if (c.tanh)
    shape.activation = ActivationFunction::Tanh;
  std::vector<float> dy = randomFloats(c.rows * shape.outputStride, 1);
  std::vector<float> weight = randomFloats(c.columns * c.depth, 2);
  std::vector<float> before = randomFloats(c.rows * shape.beforeStride, 3);
  std::vector<float> plus = randomFloats(c.rows * shape.plusStride, 4);
  std::vector<float> inputs = dy;
  for (const std::vector<float> *part : {&weight, &before, &plus})
    inputs.insert(inputs.end(), part->begin(), part->end());
  std::vector<float> scratch(inputGradientScratch(plan), NAN);
  std::vector<float> dx(c.rows * shape.inputStride, NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        InputGradientOperands o;
        o.dy = {buffers[0], k.index(0)};
        o.weight = k.at(o.dy, dy.size());
        o.before = k.at(o.weight, weight.size());
        o.plus = k.at(o.before, before.size());
        o.scratch = {buffers[1], k.index(0)};
        o.dx = {buffers[2], k.index(0)};
        o.rows = k.index(c.rows);
        for (size_t i = 0; i + 1 < c.splits.size(); ++i) {
          o.panelBegin = k.index(c.splits[i]);
          o.panelEnd = k.index(c.splits[i + 1]);
          callInputGradient(k, shape, plan, o);
        }
      },
      target)
      .run(inputs.data(), scratch.data(), dx.data());
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t k = 0; k < c.depth; ++k) {
      double sum = 0;
      for (int64_t n = 0; n < c.columns; ++n)
        sum += double(dy[r * shape.outputStride + n]) *
               weight[n / 16 * c.depth * 16 + k * 16 + n % 16];
      if (c.tanh) {
        double y = std::tanh(double(before[r * shape.beforeStride + k]));
        sum *= 1 - y * y;
      }
      if (c.plus)
        sum += plus[r * shape.plusStride + k];
      // 528 roundings of partial sums up to 20: sqrt(528) * 20 * 2^-24.
      ASSERT_NEAR(dx[r * shape.inputStride + k], sum, 3e-5)
          << "row " << r << ", column " << k;
    }
}

INSTANTIATE_TEST_SUITE_P(
    , InputGradient,
    testing::Combine(testing::Values("x86-64-v3", "x86-64-v4"),
                     testing::Range(0, int(std::size(cases)))),
    [](const auto &info) {
      return std::string(std::get<0>(info.param) + 7) + "_" +
             std::to_string(std::get<1>(info.param));
    });

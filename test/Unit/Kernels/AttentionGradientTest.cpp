//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of attention against plain loops in double precision.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/AttentionGradient.h"
#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Target/Target.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
class AttentionGradient : public testing::TestWithParam<
                              std::tuple<const char *, int64_t, int64_t>> {};

using Matrix = std::vector<std::vector<double>>;
} // namespace

static Matrix matrix(int64_t rows, int64_t columns) {
  return Matrix(rows, std::vector<double>(columns));
}

TEST_P(AttentionGradient, OfOneHead) {
  const char *target = std::get<0>(GetParam());
  int64_t headSize = std::get<1>(GetParam()), length = std::get<2>(GetParam());
  AttentionShape shape;
  shape.headSize = headSize;
  shape.headStride = roundUp(headSize, lanes);
  shape.rowStride = 3 * shape.headStride + 16;
  shape.outputStride = shape.headStride + 16;
  shape.scale = 1.5 / std::sqrt(double(headSize));
  AttentionGradientPlan plan =
      planAttentionGradient(*findTarget(target), shape.headStride);

  // The forward pass, which also gives output and log-sum-exp their values.
  std::vector<float> qkv = randomFloats(length * shape.rowStride, 1);
  std::vector<float> gradient = randomFloats(length * shape.outputStride, 2);
  auto zeroPadding = [&](std::vector<float> &rows, int64_t stride) {
    for (size_t i = 0; i < rows.size(); ++i)
      if (int64_t(i) % stride % shape.headStride >= headSize)
        rows[i] = 0;
  };
  zeroPadding(qkv, shape.rowStride);
  zeroPadding(gradient, shape.outputStride);
  auto at = [&](int64_t row, int64_t part, int64_t column) {
    return double(
        qkv[row * shape.rowStride + part * shape.headStride + column]);
  };
  Matrix p = matrix(length, length);
  std::vector<float> output(length * shape.outputStride), logSumExp(length);
  for (int64_t i = 0; i < length; ++i) {
    double sum = 0;
    for (int64_t j = 0; j < length; ++j) {
      for (int64_t c = 0; c < headSize; ++c)
        p[i][j] += shape.scale * at(i, 0, c) * at(j, 1, c);
      sum += std::exp(p[i][j]);
    }
    logSumExp[i] = float(std::log(sum));
    for (int64_t j = 0; j < length; ++j)
      p[i][j] = std::exp(p[i][j]) / sum;
    for (int64_t c = 0; c < headSize; ++c) {
      double y = 0;
      for (int64_t j = 0; j < length; ++j)
        y += p[i][j] * at(j, 2, c);
      output[i * shape.outputStride + c] = float(y);
    }
  }

  std::vector<float> inputs = qkv;
  for (const std::vector<float> *part : {&output, &gradient, &logSumExp})
    inputs.insert(inputs.end(), part->begin(), part->end());
  std::vector<float> scratch(gradientScratchFixed(shape, plan) +
                                 roundUp(length, lanes) *
                                     gradientScratchPerKey(shape, plan),
                             NAN);
  std::vector<float> result(length * shape.rowStride, NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        AttentionGradientOperands o;
        o.query = {buffers[0], k.index(0)};
        o.key = k.at(o.query, shape.headStride);
        o.value = k.at(o.key, shape.headStride);
        o.output = k.at(o.query, qkv.size());
        o.gradient = k.at(o.output, output.size());
        o.logSumExp = k.at(o.gradient, gradient.size());
        o.logSumExpStride = k.index(1);
        o.queryGradient = {buffers[2], k.index(0)};
        o.keyGradient = k.at(o.queryGradient, shape.headStride);
        o.valueGradient = k.at(o.keyGradient, shape.headStride);
        o.scratch = {buffers[1], k.index(0)};
        o.length = k.index(length);
        callAttentionGradient(k, shape, plan, o);
      },
      target)
      .run(inputs.data(), scratch.data(), result.data());

  Matrix expected = matrix(length, 3 * shape.headStride);
  for (int64_t i = 0; i < length; ++i) {
    const float *dy = &gradient[i * shape.outputStride];
    std::vector<double> dp(length);
    double d = 0;
    for (int64_t j = 0; j < length; ++j) {
      for (int64_t c = 0; c < headSize; ++c)
        dp[j] += dy[c] * at(j, 2, c);
      d += p[i][j] * dp[j];
    }
    for (int64_t j = 0; j < length; ++j) {
      double ds = shape.scale * p[i][j] * (dp[j] - d);
      for (int64_t c = 0; c < headSize; ++c) {
        expected[i][c] += ds * at(j, 1, c);
        expected[j][shape.headStride + c] += ds * at(i, 0, c);
        expected[j][2 * shape.headStride + c] += p[i][j] * dy[c];
      }
    }
  }
  for (int64_t i = 0; i < length; ++i)
    for (int64_t c = 0; c < 3 * shape.headStride; ++c)
      ASSERT_NEAR(result[i * shape.rowStride + c], expected[i][c], 5e-6)
          << "row " << i << ", column " << c;
}

static std::string
nameOf(const testing::TestParamInfo<AttentionGradient::ParamType> &info) {
  return "head" + std::to_string(std::get<1>(info.param)) + "_length" +
         std::to_string(std::get<2>(info.param));
}

INSTANTIATE_TEST_SUITE_P(v3, AttentionGradient,
                         testing::Combine(testing::Values("x86-64-v3"),
                                          testing::Values(16, 17, 64, 128),
                                          testing::Values(1, 17, 130)),
                         nameOf);
// More panels in a register tile.
INSTANTIATE_TEST_SUITE_P(v4, AttentionGradient,
                         testing::Combine(testing::Values("x86-64-v4"),
                                          testing::Values(17, 64),
                                          testing::Values(66)),
                         nameOf);

/// Attention with its gradient: output, log-sum-exp, and gradients of queries,
/// keys and values, one after another.
static std::vector<float> bothPasses(AttentionShape shape, int64_t length,
                                     std::vector<float> inputs) {
  const TargetInfo &target = *findTarget("x86-64-v3");
  AttentionPlan plan = planAttention(target, Precision::F32, shape.headStride);
  AttentionGradientPlan gradient =
      planAttentionGradient(target, shape.headStride);
  int64_t keys = roundUp(length, lanes);
  int64_t words =
      std::max(scratchFixed(shape, plan) + keys * scratchPerKey(shape, plan),
               gradientScratchFixed(shape, gradient) +
                   keys * gradientScratchPerKey(shape, gradient));
  std::vector<float> scratch(words + 64, NAN);
  std::vector<float> result(
      length * (shape.outputStride + 1) + length * shape.gradientStride, NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        int64_t headWords = shape.headStride / (shape.bf16 ? 2 : 1);
        AttentionGradientOperands o;
        o.query = {buffers[0], k.index(0)};
        o.key = k.at(o.query, headWords);
        o.value = k.at(o.key, headWords);
        o.gradient = k.at(o.query, length * shape.rowStride);
        o.output = {buffers[2], k.index(0)};
        o.logSumExp = k.at(o.output, length * shape.outputStride);
        o.logSumExpStride = k.index(1);
        o.queryGradient = k.at(o.logSumExp, length);
        o.keyGradient = k.at(o.queryGradient, shape.headStride);
        o.valueGradient = k.at(o.keyGradient, shape.headStride);
        o.scratch = {buffers[1], k.index(0)};
        o.length = k.index(length);
        AttentionShape forward = shape;
        forward.logSumExp = true;
        forward.logSumExpStride = 1;
        AttentionOperands f;
        f.query = o.query;
        f.key = o.key;
        f.value = o.value;
        f.output = o.output;
        f.logSumExp = o.logSumExp;
        f.scratch = o.scratch;
        f.length = f.end = o.length;
        f.begin = k.index(0);
        callAttention(k, forward, plan, f);
        callAttentionGradient(k, shape, gradient, o);
      },
      "x86-64-v3")
      .run(inputs.data(), scratch.data(), result.data());
  return result;
}

class AttentionFromBF16 : public testing::TestWithParam<int64_t> {};

/// Rows of bfloat16 have the bits of the same numbers in float32.
TEST_P(AttentionFromBF16, HasTheBitsOfFloat32) {
  constexpr int64_t size = 32;
  int64_t length = GetParam();
  AttentionShape shape;
  shape.headSize = shape.headStride = size;
  shape.rowStride = shape.gradientStride = 3 * size + 16;
  shape.outputStride = size + 16;
  shape.scale = 1 / std::sqrt(double(size));
  std::vector<float> wide = randomFloats(length * shape.rowStride, 3);
  std::vector<float> dy = randomFloats(length * shape.outputStride, 4);
  AttentionShape half = shape;
  half.bf16 = true;
  half.rowStride = 3 * size / 2 + 16;
  std::vector<float> narrow(length * half.rowStride);
  auto *halves = reinterpret_cast<uint16_t *>(narrow.data());
  for (int64_t r = 0; r < length; ++r)
    for (int64_t c = 0; c < 3 * size; ++c) {
      uint16_t &to = halves[2 * r * half.rowStride + c];
      to = toBF16(wide[r * shape.rowStride + c]);
      wide[r * shape.rowStride + c] = fromBF16(to);
    }
  wide.insert(wide.end(), dy.begin(), dy.end());
  narrow.insert(narrow.end(), dy.begin(), dy.end());
  std::vector<float> want = bothPasses(shape, length, wide);
  std::vector<float> got = bothPasses(half, length, narrow);
  for (size_t i = 0; i < want.size(); ++i)
    if (!std::isnan(want[i])) // between the rows
      ASSERT_EQ(got[i], want[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(, AttentionFromBF16, testing::Values(1, 17, 100));

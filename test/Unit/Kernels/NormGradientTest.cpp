//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of norms against plain loops in double precision.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/NormGradient.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

static constexpr double epsilon = 1e-5;

/// Columns from `width` to `stride` of each row zero.
static void clearPadding(std::vector<float> &rows, RowShape shape) {
  for (size_t i = 0; i < rows.size(); ++i)
    if (int64_t(i) % shape.stride >= shape.width)
      rows[i] = 0;
}

static double dot(const float *a, const float *b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += double(a[i]) * b[i];
  return sum;
}

namespace {
class NormGradient : public testing::TestWithParam<int64_t> {
protected:
  static constexpr int64_t rows = 19;
  const int64_t width = GetParam();
  const RowShape shape{width, roundUp(width, 16) + 16};
  const int64_t size = rows * shape.stride;

  /// Rows of x, then of dy.
  std::vector<float> operands() {
    std::vector<float> result = randomFloats(2 * size, 3);
    for (int64_t i = 0; i < size; ++i)
      result[i] = 3 * result[i] + 0.5f;
    clearPadding(result, shape);
    return result;
  }
};
} // namespace

TEST_P(NormGradient, LayerNorm) {
  std::vector<float> inputs = operands();
  std::vector<float> gain = randomFloats(shape.stride, 4);
  inputs.insert(inputs.end(), gain.begin(), gain.end());
  std::vector<float> moments(rows * momentWords);
  std::vector<float> before = randomFloats(size + 2 * shape.stride, 5);
  std::vector<float> result = before;
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        auto in = [&](int64_t at) { return Place{buffers[0], k.index(at)}; };
        auto out = [&](int64_t at) { return Place{buffers[2], k.index(at)}; };
        NormGradientOperands o;
        o.x = in(0);
        o.dy = in(size);
        o.gain = in(2 * size);
        o.dx = out(0);
        o.moments = {buffers[1], k.index(0)};
        o.rows = k.index(rows);
        callLayerNormGradient(k, shape, epsilon, o);
        NormWeightGradientOperands w;
        w.x = o.x;
        w.dy = o.dy;
        w.moments = o.moments;
        w.rows = o.rows;
        w.gain = out(size);
        w.bias = out(size + shape.stride);
        // One vector of the columns alone, with the bias after the gain.
        w.begin = k.index(0);
        w.end = k.index(1);
        callNormWeightGradient(k, shape, w);
        w.begin = w.end;
        w.end = k.index(shape.vectors());
        NormWeightGradientOperands gainOnly = w, biasOnly = w;
        gainOnly.bias = {};
        biasOnly.gain = {};
        callNormWeightGradient(k, shape, gainOnly);
        callNormWeightGradient(k, shape, biasOnly);
      },
      "x86-64-v3")
      .run(inputs.data(), moments.data(), result.data());

  std::vector<double> gainSum(width), biasSum(width);
  for (int64_t r = 0; r < rows; ++r) {
    const float *x = &inputs[r * shape.stride], *dy = x + size;
    double mean = 0, variance = 0, mean1 = 0, mean2 = 0;
    for (int64_t c = 0; c < width; ++c)
      mean += x[c] / double(width);
    for (int64_t c = 0; c < width; ++c)
      variance += (x[c] - mean) * (x[c] - mean) / width;
    double inverse = 1 / std::sqrt(variance + epsilon);
    for (int64_t c = 0; c < width; ++c) {
      double g = double(gain[c]) * dy[c], n = (x[c] - mean) * inverse;
      mean1 += g / width;
      mean2 += g * n / width;
      gainSum[c] += dy[c] * n;
      biasSum[c] += dy[c];
    }
    for (int64_t c = 0; c < shape.stride; ++c) {
      double n = (x[c] - mean) * inverse;
      double g = double(gain[c]) * dy[c];
      float got = result[r * shape.stride + c];
      if (c < width)
        ASSERT_NEAR(got, (g - mean1 - n * mean2) * inverse, 1e-6)
            << "row " << r << ", column " << c;
      else if (c < shape.vectors() * lanes)
        ASSERT_EQ(got, 0.0f) << "column " << c;
    }
  }
  for (int64_t c = 0; c < width; ++c) {
    size_t at = size + c;
    ASSERT_NEAR(result[at], before[at] + gainSum[c], 2e-6) << c;
    at += shape.stride;
    ASSERT_NEAR(result[at], before[at] + biasSum[c], 2e-6) << c;
  }
}

TEST_P(NormGradient, Normalize) {
  std::vector<float> inputs = operands();
  // A row as short as nothing, and one below the bound.
  for (int64_t c = 0; c < width; ++c) {
    inputs[c] = 0;
    inputs[shape.stride + c] *= 1e-16f;
  }
  std::vector<float> unused(1), result(size);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        Place x{buffers[0], k.index(0)}, dx{buffers[2], k.index(0)};
        callNormalizeGradient(k, shape, x, k.at(x, size), dx, k.index(rows));
      },
      "x86-64-v3")
      .run(inputs.data(), unused.data(), result.data());
  for (int64_t r = 0; r < rows; ++r) {
    const float *x = &inputs[r * shape.stride], *dy = x + size;
    double length = std::sqrt(dot(x, x, width));
    double divisor = std::max(length, 1e-12);
    double along = r < 2 ? 0 : dot(x, dy, width) / (divisor * divisor);
    for (int64_t c = 0; c < width; ++c) {
      double want = (dy[c] - x[c] * along) / divisor;
      ASSERT_NEAR(result[r * shape.stride + c], want,
                  1e-6 * (1 + std::abs(want)))
          << "row " << r << ", column " << c;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, NormGradient, testing::Values(16, 33, 80, 100, 384));

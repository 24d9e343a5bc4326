//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of norms against their formulas in double.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/NormGradient.h"
#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
constexpr double epsilon = 1e-5;

RowsSize sizeOf(int64_t rows, int64_t width) {
  return {rows, width, (width + 15) / 16 * 16 + 16};
}
Grid gridOf(int64_t rows) {
  return {uint32_t((rows + rowsOfBlock - 1) / rowsOfBlock)};
}

struct Moments {
  Moments(const float *x, int64_t width) {
    double variance = 0;
    for (int64_t c = 0; c < width; ++c)
      mean += x[c] / double(width);
    for (int64_t c = 0; c < width; ++c)
      variance += (x[c] - mean) * (x[c] - mean) / double(width);
    inverse = 1 / std::sqrt(variance + epsilon);
  }
  double mean = 0, inverse = 0;
};

class GpuNormGradient : public testing::TestWithParam<int64_t> {};
} // namespace

TEST_P(GpuNormGradient, LayerNorm) {
  const int64_t width = GetParam();
  for (int64_t rows : {1, 19}) {
    RowsSize size = sizeOf(rows, width);
    DeviceArray<float> x(paddedRows(size, 1, 3)), dy(paddedRows(size, 2)),
        gain(paddedRows({1, width, size.stride}, 3)),
        moments(rows * momentWords, NAN);
    for (float &value : x) // padding: zero stays zero
      value += value ? 0.5f : 0.0f;
    std::vector<float> dx = runInAllForms(
        size, gridOf(rows),
        [&](GpuBuilder &k, DeviceForms forms) {
          return layerNormGradientKernel(k, {width, size.stride}, forms);
        },
        [&](Arguments &a) {
          a.add(x).add(dy).add(gain).outputs().add(moments);
          a.add(float(epsilon)).add(int32_t(rows));
        });
    for (int64_t r = 0; r < rows; ++r) {
      const float *own = x.data() + r * size.stride;
      const float *gradient = dy.data() + r * size.stride;
      const Moments m(own, width);
      ASSERT_NEAR(moments[2 * r], m.mean, 1e-6);
      ASSERT_NEAR(moments[2 * r + 1], m.inverse, 1e-6 * m.inverse);
      double mean1 = 0, mean2 = 0;
      auto normal = [&](int64_t c) { return (own[c] - m.mean) * m.inverse; };
      auto scaled = [&](int64_t c) { return double(gain[c]) * gradient[c]; };
      for (int64_t c = 0; c < width; ++c) {
        mean1 += scaled(c) / double(width);
        mean2 += scaled(c) * normal(c) / double(width);
      }
      for (int64_t c = 0; c < size.written(); ++c) {
        const double want = (scaled(c) - mean1 - normal(c) * mean2) * m.inverse;
        // One column: its variance is 0, so inverse is 1 / sqrt(epsilon).
        ASSERT_NEAR(dx[r * size.stride + c], c < width ? want : 0,
                    width == 1 ? 1e-4 : 2e-6)
            << "row " << r << ", column " << c;
      }
    }
  }
}

TEST_P(GpuNormGradient, Normalize) {
  const int64_t width = GetParam(), rows = 19;
  RowsSize size = sizeOf(rows, width);
  DeviceArray<float> x(paddedRows(size, 1)), dy(paddedRows(size, 2));
  // A row of nothing, and one below the bound.
  for (int64_t c = 0; c < width; ++c) {
    x[c] = 0;
    x[size.stride + c] *= 5e-13f / std::sqrt(float(width));
  }
  std::vector<float> dx = runInAllForms(
      size, gridOf(rows),
      [&](GpuBuilder &k, DeviceForms forms) {
        return normalizeGradientKernel(k, {width, size.stride}, forms);
      },
      [&](Arguments &a) { a.add(x).add(dy).outputs().add(int32_t(rows)); });
  for (int64_t r = 0; r < rows; ++r) {
    const float *own = x.data() + r * size.stride;
    const float *gradient = dy.data() + r * size.stride;
    double square = 0, product = 0;
    for (int64_t c = 0; c < width; ++c) {
      square += double(own[c]) * own[c];
      product += double(own[c]) * gradient[c];
    }
    const double divisor = std::max(std::sqrt(square), 1e-12);
    const double along = r < 2 ? 0 : product / square;
    for (int64_t c = 0; c < size.written(); ++c) {
      const double want = (gradient[c] - own[c] * along) / divisor;
      ASSERT_NEAR(dx[r * size.stride + c], want,
                  1e-6 * (1 + std::abs(gradient[c]) / divisor))
          << "row " << r << ", column " << c;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, GpuNormGradient,
                         testing::Values(1, 20, 100, 384, 768, 1000, 1024));

namespace {
struct SumsCase {
  int64_t rows, columns, first, stride;
  bool gain, bias;
  bool plane = false; // dy is a plane of bfloat16
  int64_t parts = 1;
};
class GpuColumnSums : public testing::TestWithParam<SumsCase> {};
} // namespace

TEST_P(GpuColumnSums, AreAdded) {
  const SumsCase c = GetParam();
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = columnSumsKernel(k, {c.columns, c.first, c.stride, c.gain, c.bias,
                                  c.plane, HalfType::BF16, c.parts});
  });
  RowsSize size = {c.rows, c.stride, c.stride};
  DeviceArray<float> x(paddedRows(size, 1)), dy(paddedRows(size, 2)),
      moments(paddedRows({c.rows, 2, 2}, 3)), gain(randomFloats(c.columns, 4)),
      bias(randomFloats(c.columns, 5));
  DeviceArray<uint16_t> plane(
      planesOf(dy.values(), 1, int64_t(dy.size()), HalfType::BF16));
  if (c.plane)
    for (size_t i = 0; i < dy.size(); ++i)
      dy[i] = floatOf(plane[i], HalfType::BF16);
  const std::vector<float> before[] = {gain.values(), bias.values()};
  Arguments arguments;
  if (c.gain)
    arguments.add(x).add(moments);
  if (c.plane)
    arguments.add(plane);
  else
    arguments.add(dy);
  if (c.gain)
    arguments.add(gain);
  if (c.bias) // the last one first, in memory
    for (int64_t part = 0; part < c.parts; ++part)
      arguments.add(bias.data() + (c.parts - 1 - part) * c.columns / c.parts);
  arguments.add(int32_t(c.rows));
  ASSERT_TRUE(isClean(arguments.launch(program, kernel,
                                       {uint32_t(c.columns / columnsOfSums)})));
  for (int64_t column = 0; column < c.columns; ++column) {
    const int64_t each = c.columns / c.parts;
    const int64_t place = (c.parts - 1 - column / each) * each + column % each;
    double sums[] = {before[0][column], before[1][place]};
    for (int64_t r = 0; r < c.rows; ++r) {
      const int64_t i = r * c.stride + c.first + column;
      sums[0] += c.gain * double(dy[i]) * (double(x[i]) - moments[2 * r]) *
                 moments[2 * r + 1];
      sums[1] += c.bias * double(dy[i]);
    }
    ASSERT_NEAR(gain[column], sums[0], 1e-6 * std::sqrt(c.rows)) << column;
    ASSERT_NEAR(bias[place], sums[1], 1e-6 * std::sqrt(c.rows)) << column;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , GpuColumnSums,
    testing::Values(SumsCase{1, 16, 0, 16, true, true},
                    SumsCase{3, 32, 0, 48, false, true},
                    SumsCase{128, 48, 96, 144, false, true},
                    SumsCase{128, 48, 96, 144, false, true, true},
                    SumsCase{128, 96, 16, 144, false, true, false, 3},
                    SumsCase{700, 384, 0, 384, true, true, true},
                    SumsCase{700, 384, 0, 384, true, true},
                    SumsCase{1500, 16, 16, 48, true, false},
                    SumsCase{5, 1024, 0, 1040, true, true}));

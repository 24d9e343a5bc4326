//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that work on rows, against the same in double.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/Rows.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>
#include <cstring>

using namespace bertc;
using namespace bertc::test;

namespace {

constexpr double epsilon = 1e-12;

int64_t strideOf(int64_t width) { return (width + 15) / 16 * 16; }
int64_t blocksOf(int64_t rows) {
  return (rows + rowsOfBlock - 1) / rowsOfBlock;
}

/// Rows with zeros behind their width.
std::vector<float> paddedRows(int64_t rows, int64_t width, uint32_t seed) {
  int64_t stride = strideOf(width);
  std::vector<float> values = randomFloats(rows * stride, seed);
  for (int64_t r = 0; r < rows; ++r)
    std::fill_n(values.begin() + r * stride + width, stride - width, 0.0f);
  return values;
}

float ofHalf(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

/// The sum of the planes of element `i`.
double sumOfPlanes(const DeviceArray<uint16_t> &planes, int64_t count,
                   int64_t planeStride, int64_t i) {
  double sum = 0;
  for (int64_t p = 0; p < count; ++p)
    sum += ofHalf(planes[p * planeStride + i]);
  return sum;
}

DeviceForms forms(bool f32, int64_t planes) {
  DeviceForms result;
  result.f32 = f32;
  result.planes = planes;
  return result;
}

/// Row r of x, normalised in double.
std::vector<double> normalized(const double *x, int64_t width,
                               const float *gain, const float *bias) {
  double mean = 0, variance = 0;
  for (int64_t c = 0; c < width; ++c)
    mean += x[c] / double(width);
  for (int64_t c = 0; c < width; ++c)
    variance += (x[c] - mean) * (x[c] - mean) / double(width);
  std::vector<double> y(width);
  for (int64_t c = 0; c < width; ++c)
    y[c] = (x[c] - mean) / std::sqrt(variance + epsilon) * gain[c] + bias[c];
  return y;
}

} // namespace

class GpuNorm : public testing::TestWithParam<int64_t> {};

TEST_P(GpuNorm, WritesFloatsAndPlanes) {
  int64_t width = GetParam(), stride = strideOf(width), rows = 19;
  for (int64_t planes : {1, 3}) {
    DeviceKernel kernel;
    GpuProgram program([&](mlir::ModuleOp module) {
      GpuBuilder k(module);
      kernel = layerNormKernel(k, {width, stride}, forms(true, planes));
    });
    DeviceArray<float> x(paddedRows(rows, width, 1)),
        gain(paddedRows(1, width, 2)), bias(paddedRows(1, width, 3)),
        y(rows * stride, NAN);
    DeviceArray<uint16_t> halves(planes * rows * stride, 0xffff);
    ASSERT_TRUE(isClean(program.launch(
        kernel.name, {uint32_t(blocksOf(rows))}, 0, x, gain, bias, y, halves,
        rows * stride, float(epsilon), int32_t(rows))));
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<double> row(x.begin() + r * stride,
                              x.begin() + r * stride + width);
      std::vector<double> expected =
          normalized(row.data(), width, gain.data(), bias.data());
      for (int64_t c = 0; c < stride; ++c) {
        int64_t i = r * stride + c;
        ASSERT_NEAR(y[i], c < width ? expected[c] : 0, 2e-6);
        // One plane has 8 bits of the significand, three all 24.
        ASSERT_NEAR(sumOfPlanes(halves, planes, rows * stride, i), y[i],
                    std::fabs(y[i]) * (planes == 1 ? 0x1p-8 : 0));
      }
    }
  }
}

TEST_P(GpuNorm, EmbeddingsAreAddedBefore) {
  int64_t width = GetParam(), stride = strideOf(width), rows = 9, words = 31;
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = embedNormKernel(k, {width, stride}, forms(true, 0));
  });
  std::vector<int32_t> picked[3];
  for (int32_t t = 0; t < rows; ++t) {
    picked[0].push_back((t * 7) % int32_t(words));
    picked[1].push_back(t % 2);
    picked[2].push_back(t);
  }
  DeviceArray<int32_t> ids(picked[0]), types(picked[1]), positions(picked[2]);
  DeviceArray<float> word(paddedRows(words, width, 1)),
      type(paddedRows(2, width, 2)), position(paddedRows(rows, width, 3)),
      gain(paddedRows(1, width, 4)), bias(paddedRows(1, width, 5)),
      y(rows * stride, NAN);
  ASSERT_TRUE(isClean(program.launch(
      kernel.name, {uint32_t(blocksOf(rows))}, 0, ids, types, positions, word,
      type, position, gain, bias, y, float(epsilon), int32_t(rows))));
  for (int64_t t = 0; t < rows; ++t) {
    std::vector<double> sum(width);
    for (int64_t c = 0; c < width; ++c)
      sum[c] = double(word[picked[0][t] * stride + c]) +
               type[picked[1][t] * stride + c] + position[t * stride + c];
    std::vector<double> expected =
        normalized(sum.data(), width, gain.data(), bias.data());
    for (int64_t c = 0; c < stride; ++c)
      ASSERT_NEAR(y[t * stride + c], c < width ? expected[c] : 0, 2e-6);
  }
}

TEST_P(GpuNorm, UnitLength) {
  int64_t width = GetParam(), stride = strideOf(width), rows = 8;
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = normalizeKernel(k, {width, stride}, forms(true, 0));
  });
  DeviceArray<float> x(paddedRows(rows, width, 1)), y(rows * stride, NAN);
  std::fill_n(x.begin(), stride, 0.0f); // stays zero
  ASSERT_TRUE(isClean(program.launch(kernel.name, {uint32_t(blocksOf(rows))}, 0,
                                     x, y, int32_t(rows))));
  for (int64_t r = 0; r < rows; ++r) {
    double square = 0;
    for (int64_t c = 0; c < width; ++c)
      square += double(x[r * stride + c]) * x[r * stride + c];
    for (int64_t c = 0; c < stride; ++c)
      ASSERT_NEAR(y[r * stride + c],
                  x[r * stride + c] / std::max(std::sqrt(square), 1e-12), 2e-7);
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, GpuNorm,
                         testing::Values(7, 20, 128, 384, 768, 1000, 1024));

TEST(GpuRows, EmbeddingIsARowOfTheTable) {
  int64_t width = 20, stride = 32, rows = 5;
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = embedKernel(k, {width, stride}, forms(true, 0));
  });
  DeviceArray<int32_t> ids(std::vector<int32_t>{3, 0, 3, 2, 1});
  DeviceArray<float> table(paddedRows(4, width, 1)), y(rows * stride, NAN);
  ASSERT_TRUE(
      isClean(program.launch(kernel.name, {1}, 0, ids, table, y, int32_t(5))));
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t c = 0; c < stride; ++c)
      ASSERT_EQ(y[t * stride + c], table[ids[t] * stride + c]);
}

TEST(GpuRows, SumAndActivation) {
  int64_t width = 600, stride = 608, rows = 3;
  DeviceKernel add, gelu, copy;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    add = addKernel(k, {width, stride}, forms(true, 0));
    gelu = activationKernel(k, ActivationFunction::Gelu, {width, stride},
                            forms(true, 0), stride);
    copy = activationKernel(k, ActivationFunction::None, {width, stride},
                            forms(false, 2), 640);
  });
  Grid grid = {uint32_t(rows), uint32_t(blocksOfColumns(stride))};
  DeviceArray<float> x(paddedRows(rows, width, 1)),
      z(paddedRows(rows, width, 2)), y(rows * stride, NAN);
  ASSERT_TRUE(isClean(program.launch(add.name, grid, 0, x, z, y)));
  for (int64_t i = 0; i < rows * stride; ++i)
    ASSERT_EQ(y[i], x[i] + z[i]);
  ASSERT_TRUE(isClean(program.launch(gelu.name, grid, 0, x, y)));
  for (int64_t i = 0; i < rows * stride; ++i)
    ASSERT_NEAR(y[i], x[i] * (1 + std::erf(x[i] / std::sqrt(2.0))) / 2, 1e-6);
  DeviceArray<uint16_t> halves(2 * rows * 640, 0);
  ASSERT_TRUE(
      isClean(program.launch(copy.name, grid, 0, x, halves, rows * 640)));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < stride; ++c)
      ASSERT_NEAR(sumOfPlanes(halves, 2, rows * 640, r * 640 + c),
                  x[r * stride + c], std::fabs(x[r * stride + c]) * 0x1p-17);
}

// Where a bfloat16 is all that is kept they have a form of their own.
TEST(GpuRows, ActivationsOfBfloat16) {
  const std::pair<ActivationFunction, double (*)(double)> functions[] = {
      {ActivationFunction::Gelu,
       [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }},
      {ActivationFunction::GeluTanh,
       [](double x) {
         double p = std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
         return x / (1 + std::exp(-2 * p));
       }},
      {ActivationFunction::Silu,
       [](double x) { return x / (1 + std::exp(-x)); }}};
  const int64_t width = 4096;
  DeviceArray<float> x(width);
  for (int64_t i = 0; i < width; ++i)
    x[i] = float(i - width / 2) / 150; // to 13.6, where all are 0 or x
  x[0] = -1e30f;
  x[1] = 1e30f;
  x[2] = NAN;
  // Of the rounding; of the fit; a GPU's tanh, which x / 2 multiplies.
  const double ofTanh = TestDevice::fromEnvironment() ? 0x1p-12 : 0;
  for (auto [activation, exact] : functions) {
    SCOPED_TRACE(activationFunctionName(activation).str());
    DeviceKernel kernel;
    GpuProgram program([&, activation = activation](mlir::ModuleOp module) {
      GpuBuilder k(module);
      kernel = activationKernel(k, activation, {width, width}, forms(false, 1),
                                width);
    });
    DeviceArray<uint16_t> y(width, 0);
    Grid grid = {1, uint32_t(blocksOfColumns(width))};
    ASSERT_TRUE(isClean(program.launch(kernel.name, grid, 0, x, y, width)));
    for (int64_t i = 0; i < width; ++i) {
      double got = sumOfPlanes(y, 1, width, i), want = exact(x[i]);
      if (std::isnan(x[i]))
        EXPECT_TRUE(std::isnan(got));
      else
        EXPECT_NEAR(got, want,
                    std::fabs(want) * 0x1.01p-8 + 2.6e-5 +
                        (std::fabs(x[i]) < 1e3 ? ofTanh * std::fabs(x[i]) : 0))
            << x[i];
    }
  }
}

class GpuPool : public testing::TestWithParam<Pooling> {};

TEST_P(GpuPool, OverTheTokensOfASequence) {
  int64_t width = 520, stride = 528;
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = poolKernel(k, GetParam(), {width, stride}, forms(true, 1), stride);
  });
  std::vector<int32_t> starts = {0, 1, 8, 25};
  DeviceArray<int32_t> offsets(starts);
  DeviceArray<float> x(paddedRows(25, width, 1)), y(3 * stride, NAN);
  DeviceArray<uint16_t> halves(3 * stride, 0xffff);
  ASSERT_TRUE(isClean(program.launch(kernel.name,
                                     {3, uint32_t(blocksOfColumns(stride))}, 0,
                                     offsets, x, y, halves, 3 * stride)));
  for (int64_t s = 0; s < 3; ++s)
    for (int64_t c = 0; c < stride; ++c) {
      double first = x[starts[s] * stride + c], sum = 0, most = first;
      int64_t count = starts[s + 1] - starts[s];
      for (int64_t t = starts[s]; t < starts[s + 1]; ++t) {
        sum += x[t * stride + c];
        most = std::max<double>(most, x[t * stride + c]);
      }
      double expected = GetParam() == Pooling::Cls    ? first
                        : GetParam() == Pooling::Max  ? most
                        : GetParam() == Pooling::Mean ? sum / double(count)
                                                      : sum / std::sqrt(count);
      ASSERT_NEAR(y[s * stride + c], expected, 1e-6);
      ASSERT_NEAR(ofHalf(halves[s * stride + c]), expected,
                  std::fabs(expected) * 0x1p-8 + 1e-6);
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, GpuPool,
                         testing::Values(Pooling::Cls, Pooling::Mean,
                                         Pooling::Max, Pooling::MeanSqrtLen));

TEST(GpuRows, OutputsAreDenseAndScattered) {
  int64_t width = 20, stride = 32, rows = 4;
  DeviceKernel plain, mapped;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    plain = outputKernel(k, {width, stride}, false);
    mapped = outputKernel(k, {width, stride}, true);
  });
  DeviceArray<float> x(paddedRows(rows, width, 1)), y(rows * width, NAN),
      scattered(6 * width, 7);
  ASSERT_TRUE(isClean(program.launch(plain.name, {uint32_t(rows)}, 0, x, y)));
  DeviceArray<int32_t> map(std::vector<int32_t>{5, 0, 3, 1});
  ASSERT_TRUE(isClean(
      program.launch(mapped.name, {uint32_t(rows)}, 0, x, map, scattered)));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) {
      ASSERT_EQ(y[r * width + c], x[r * stride + c]);
      ASSERT_EQ(scattered[map[r] * width + c], x[r * stride + c]);
    }
  for (int64_t r : {2, 4}) // rows of padding
    for (int64_t c = 0; c < width; ++c)
      ASSERT_EQ(scattered[r * width + c], 7);
}

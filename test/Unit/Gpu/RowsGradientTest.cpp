//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of activations, pooling and embeddings against plain loops, those
// of activations against differences of the functions in double.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/RowsGradient.h"
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "test/Unit/Gpu/RowsRun.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

static double activate(ActivationFunction activation, double x) {
  switch (activation) {
  case ActivationFunction::None:
    return x;
  case ActivationFunction::Gelu:
    return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
  case ActivationFunction::GeluTanh:
    return x / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  case ActivationFunction::Relu:
    return std::max(x, 0.0);
  case ActivationFunction::Silu:
    return x / (1 + std::exp(-x));
  case ActivationFunction::Tanh:
    return std::tanh(x);
  }
  return NAN;
}

namespace {
struct ActivationCase {
  ActivationFunction activation;
  int64_t rows, width;
};
class GpuActivationGradient : public testing::TestWithParam<ActivationCase> {};
} // namespace

TEST_P(GpuActivationGradient, IsTheSlope) {
  const auto [activation, rows, width] = GetParam();
  // Rows of the gradient are farther from each other than those it is made of.
  const int64_t stride = (width + 15) / 16 * 16;
  RowsSize from = {rows, width, stride}, to = {rows, width, stride + 16};
  DeviceArray<float> dy(paddedRows(from, 1)), x(paddedRows(from, 2, 4));
  const ActivationFunction function = activation;
  std::vector<float> dx = runInAllForms(
      to, {uint32_t(rows), uint32_t(blocksOfColumns(stride))},
      [&](GpuBuilder &k, DeviceForms forms) {
        return activationGradientKernel(k, function, {from.width, stride},
                                        forms, to.stride);
      },
      [&](Arguments &a) { a.add(dy).add(x).outputs(); });
  constexpr double step = 1e-5;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < stride; ++c) {
      const double at = x[r * stride + c];
      const double slope =
          (activate(activation, at + step) - activate(activation, at - step)) /
          (2 * step);
      ASSERT_NEAR(dx[r * to.stride + c],
                  c < width ? slope * dy[r * stride + c] : 0, 1e-6)
          << "at " << at;
    }
}

INSTANTIATE_TEST_SUITE_P(
    , GpuActivationGradient,
    testing::Values(ActivationCase{ActivationFunction::None, 2, 20},
                    ActivationCase{ActivationFunction::Gelu, 1, 1},
                    ActivationCase{ActivationFunction::Gelu, 3, 1024},
                    ActivationCase{ActivationFunction::GeluTanh, 3, 768},
                    ActivationCase{ActivationFunction::Relu, 2, 384},
                    ActivationCase{ActivationFunction::Silu, 5, 100},
                    ActivationCase{ActivationFunction::Tanh, 19, 20}));

namespace {
struct PoolCase {
  Pooling mode;
  int64_t width;
};
class GpuPoolGradient : public testing::TestWithParam<PoolCase> {};
} // namespace

TEST_P(GpuPoolGradient, GoesToTheRowsOfASequence) {
  const auto [mode, width] = GetParam();
  const std::vector<int32_t> starts = {0, 1, 8, 8 + rowsOfPoolGradient,
                                       8 + 2 * rowsOfPoolGradient + 37};
  const int64_t sequences = starts.size() - 1, rows = starts.back();
  RowsSize size = {rows, width, (width + 15) / 16 * 16};
  RowsSize pooled = {sequences, width, size.stride + 16};
  DeviceArray<int32_t> offsets(starts);
  DeviceArray<float> x(paddedRows(size, 1)), dy(paddedRows(pooled, 2));
  for (float &value : x) // so that there are equals
    value = std::round(value * 16);
  const Pooling pooling = mode;
  std::vector<float> dx = runInAllForms(
      size, {uint32_t(sequences), uint32_t(blocksOfColumns(size.stride)), 4},
      [&](GpuBuilder &k, DeviceForms forms) {
        return poolGradientKernel(k, pooling, {size.width, size.stride}, forms,
                                  pooled.stride);
      },
      [&](Arguments &a) {
        a.add(offsets);
        if (pooling == Pooling::Max)
          a.add(x);
        a.add(dy).outputs();
      });
  for (int64_t s = 0; s < sequences; ++s)
    for (int64_t c = 0; c < size.stride; ++c) {
      const double count = starts[s + 1] - starts[s];
      int64_t largest = starts[s];
      for (int64_t t = starts[s]; t < starts[s + 1]; ++t)
        if (x[t * size.stride + c] > x[largest * size.stride + c])
          largest = t;
      for (int64_t t = starts[s]; t < starts[s + 1]; ++t) {
        const double share = mode == Pooling::Cls    ? t == starts[s]
                             : mode == Pooling::Max  ? t == largest
                             : mode == Pooling::Mean ? 1 / count
                                                     : 1 / std::sqrt(count);
        ASSERT_NEAR(dx[t * size.stride + c], share * dy[s * pooled.stride + c],
                    1e-7)
            << "row " << t << ", column " << c;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, GpuPoolGradient,
                         testing::Values(PoolCase{Pooling::Cls, 20},
                                         PoolCase{Pooling::Mean, 520},
                                         PoolCase{Pooling::Max, 384},
                                         PoolCase{Pooling::Max, 1},
                                         PoolCase{Pooling::MeanSqrtLen, 768}));

namespace {
struct TableCase {
  int64_t tokens, tableRows, width;
};
class GpuEmbedGradient : public testing::TestWithParam<TableCase> {};
} // namespace

TEST_P(GpuEmbedGradient, IsAddedToTheTable) {
  const TableCase c = GetParam();
  RowsSize size = {c.tokens, c.width, (c.width + 15) / 16 * 16 + 16};
  const int64_t tableStride = size.written();
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = embedGradientKernel(k, {c.width, size.stride}, c.tableRows);
  });
  // Some ids are frequent, some the same as their neighbours'.
  std::vector<int32_t> picked(c.tokens);
  for (int64_t t = 0; t < c.tokens; ++t)
    picked[t] = int32_t((t / 3 % 5 == 0 ? 0 : t * 7919 / 2) % c.tableRows);
  picked.back() = int32_t(c.tableRows - 1);
  DeviceArray<int32_t> ids(picked);
  DeviceArray<float> dy(paddedRows(size, 1)),
      table(paddedRows({c.tableRows, c.width, tableStride}, 2));
  const bool few = c.tableRows <= fewTableRows;
  std::vector<double> exact(table.begin(), table.end());
  std::vector<float> inOrder = table.values();
  for (int64_t t = 0; t < c.tokens; ++t)
    for (int64_t j = 0; j < tableStride; ++j) {
      const int64_t at = picked[t] * tableStride + j;
      exact[at] += dy[t * size.stride + j];
      inOrder[at] += dy[t * size.stride + j];
    }
  Grid grid = few ? Grid(tableStride / columnsOfSums, c.tableRows)
                  : Grid((c.tokens + rowsOfBlock - 1) / rowsOfBlock);
  Arguments arguments;
  arguments.add(ids).add(dy).add(table).add(int32_t(c.tokens));
  ASSERT_TRUE(isClean(arguments.launch(program, kernel, grid)));
  for (size_t i = 0; i < table.size(); ++i) {
    ASSERT_NEAR(table[i], exact[i], 1e-6 * std::sqrt(c.tokens)) << i;
    if (!few)
      ASSERT_EQ(table[i], inOrder[i]) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    , GpuEmbedGradient,
    testing::Values(TableCase{1, 30522, 20}, TableCase{1, 1, 20},
                    TableCase{700, 2, 384}, TableCase{130, 8, 20},
                    TableCase{130, 9, 1}, TableCase{400, 512, 768},
                    TableCase{300, 3000, 1024}));

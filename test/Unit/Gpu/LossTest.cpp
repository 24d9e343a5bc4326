//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses of a GPU against their formulas in double, and their gradients against
// finite differences of those.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/Loss.h"
#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
using Make = DeviceKernel (*)(GpuBuilder &, DeviceRows, DeviceForms);
using Fill = std::function<void(Arguments &)>;
/// A loss of dense logits.
using Formula = std::function<double(const std::vector<double> &x)>;

/// A loss kernel with arguments `before` between x and the loss; its last one
/// is `count`.
void expectLoss(Make make, RowsSize size, std::vector<float> logits,
                const Fill &before, int64_t count, const Formula &formula) {
  DeviceArray<float> x(size.rows * size.stride), loss(1, NAN);
  for (size_t i = 0; i < logits.size(); ++i)
    x[i / size.width * size.stride + i % size.width] = logits[i];
  std::vector<float> losses;
  // All columns are written: a loss is the first of a backward pass.
  RowsSize whole = {size.rows, size.stride, size.stride};
  std::vector<float> gradient = runInAllForms(
      whole, {1},
      [&](GpuBuilder &k, DeviceForms forms) {
        return make(k, {size.width, size.stride}, forms);
      },
      [&](Arguments &a) {
        losses.push_back(loss[0]);
        a.add(x);
        before(a);
        a.add(loss).outputs().add(int32_t(count));
      });
  for (size_t i = 1; i < losses.size(); ++i)
    ASSERT_EQ(losses[i], loss[0]);
  std::vector<double> dense(logits.begin(), logits.end());
  const double want = formula(dense);
  EXPECT_NEAR(loss[0], want, 1e-6 * (1 + want));
  constexpr double step = 1e-5;
  for (int64_t i = 0; i < size.rows * size.stride; ++i) {
    const int64_t r = i / size.stride, c = i % size.stride;
    double slope = 0;
    if (c < size.width) {
      std::vector<double> moved = dense;
      double &at = moved[r * size.width + c];
      at += step;
      slope = formula(moved);
      at -= 2 * step;
      slope = (slope - formula(moved)) / (2 * step);
    }
    ASSERT_NEAR(gradient[i], slope, 2e-7 * (1 + std::abs(slope)))
        << "row " << r << ", column " << c;
  }
}

double logSumExp(const double *x, int64_t count, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(x[i * stride]);
  return std::log(sum);
}

std::vector<float> logitsOf(int64_t count) {
  std::vector<float> result = randomFloats(count, 7);
  for (float &x : result)
    x *= 6;
  return result;
}

void expectCrossEntropy(int64_t width, const std::vector<int32_t> &labels) {
  const int64_t rows = labels.size();
  RowsSize size = {rows, width, (width + 15) / 16 * 16 + 16};
  DeviceArray<int32_t> given(labels);
  expectLoss(
      crossEntropyKernel, size, logitsOf(rows * width),
      [&](Arguments &a) { a.add(given); }, rows,
      [&](const std::vector<double> &x) {
        double sum = 0, count = 0;
        for (int64_t r = 0; r < rows; ++r)
          if (labels[r] != -100) {
            const double *row = &x[r * width];
            sum += logSumExp(row, width, 1) - row[labels[r]];
            ++count;
          }
        return count ? sum / count : 0;
      });
}

/// Labels of many rows, some of them to be ignored.
std::vector<int32_t> labelsOf(int64_t rows, int64_t width) {
  std::vector<int32_t> labels(rows);
  for (int64_t r = 0; r < rows; ++r)
    labels[r] = r % 7 == 3 ? -100 : int32_t(r * 31 % width);
  return labels;
}
} // namespace

TEST(GpuLoss, CrossEntropy) {
  expectCrossEntropy(2, {1});
  expectCrossEntropy(2, {0, 1, 1, 0, 1, 1, 0, 0, 1});
  expectCrossEntropy(16, labelsOf(5, 16));
  expectCrossEntropy(19, {18, 0, 3, -100, 17, -100, 5, 6, 18});
  expectCrossEntropy(150, labelsOf(11, 150));
}

TEST(GpuLoss, CrossEntropyOfMoreRowsThanThreads) {
  expectCrossEntropy(3, labelsOf(300, 3));
}

TEST(GpuLoss, CrossEntropyOfNothing) {
  expectCrossEntropy(3, std::vector<int32_t>(9, -100));
  expectCrossEntropy(20, std::vector<int32_t>(9, -100));
}

// Logits that are no numbers matter in rows that count, and nowhere else.
TEST(GpuLoss, IgnoredRowsAreNotLookedAt) {
  for (int64_t width : {3, 20}) {
    DeviceKernel kernel;
    GpuProgram program([&](mlir::ModuleOp module) {
      GpuBuilder k(module);
      kernel = crossEntropyKernel(k, {width, 32}, {true, 0, HalfType::BF16});
    });
    DeviceArray<float> x(2 * 32, 0), loss(1, NAN), gradient(2 * 32, NAN);
    std::fill_n(x.begin(), width, NAN);
    DeviceArray<int32_t> labels(std::vector<int32_t>{-100, 1});
    ASSERT_TRUE(isClean(program.launch(kernel.name, {1}, kernel.sharedBytes, x,
                                       labels, loss, gradient, int32_t(2))));
    EXPECT_NEAR(loss[0], std::log(double(width)), 1e-6);
    for (int64_t c = 0; c < 32; ++c)
      EXPECT_EQ(gradient[c], 0);
  }
}

namespace {
void expectPointwise(Make make, int64_t rows, int64_t width,
                     std::vector<float> logits,
                     const std::vector<float> &targets,
                     double (*value)(double x, double target)) {
  RowsSize size = {rows, width, (width + 15) / 16 * 16};
  DeviceArray<float> given(targets);
  expectLoss(
      make, size, std::move(logits), [&](Arguments &a) { a.add(given); }, rows,
      [&](const std::vector<double> &x) {
        double sum = 0;
        for (size_t i = 0; i < x.size(); ++i)
          sum += value(x[i], targets[i]);
        return sum / double(x.size());
      });
}
} // namespace

TEST(GpuLoss, MeanSquaredError) {
  for (auto [rows, width] : {std::pair{1, 1}, {9, 3}, {300, 1}})
    expectPointwise(meanSquaredErrorKernel, rows, width, logitsOf(rows * width),
                    randomFloats(rows * width, 8),
                    [](double x, double t) { return (x - t) * (x - t); });
}

TEST(GpuLoss, BinaryCrossEntropy) {
  for (auto [rows, width] : {std::pair{1, 2}, {9, 17}}) {
    std::vector<float> targets = randomFloats(rows * width, 9);
    for (float &target : targets)
      target = target > 0;
    std::vector<float> logits = logitsOf(rows * width);
    logits[0] = 90; // e^90 is no float
    logits[1] = -90;
    expectPointwise(
        binaryCrossEntropyKernel, rows, width, logits, targets,
        [](double x, double t) { return std::log(1 + std::exp(x)) - t * x; });
  }
}

namespace {
/// `labels` are pairs; -100 lies in no sequence.
void expectSpan(const std::vector<int32_t> &offsets,
                const std::vector<int32_t> &labels) {
  const int64_t sequences = offsets.size() - 1, rows = offsets.back();
  RowsSize size = {rows, 2, 16};
  DeviceArray<int32_t> starts(offsets), given(labels);
  expectLoss(
      spanLossKernel, size, logitsOf(rows * 2),
      [&](Arguments &a) { a.add(given).add(starts); }, sequences,
      [&](const std::vector<double> &x) {
        double loss = 0;
        for (int64_t side = 0; side < 2; ++side) {
          double sum = 0, count = 0;
          for (int64_t s = 0; s < sequences; ++s) {
            const int64_t length = offsets[s + 1] - offsets[s];
            const int64_t label = labels[2 * s + side];
            if (label < 0 || label >= length)
              continue;
            const double *first = &x[offsets[s] * 2 + side];
            sum += logSumExp(first, length, 2) - first[label * 2];
            ++count;
          }
          loss += count ? sum / count / 2 : 0;
        }
        return loss;
      });
}
} // namespace

TEST(GpuLoss, Span) {
  expectSpan({0, 1}, {0, 0});
  // Of the begins one lies outside of its sequence, of the ends two do.
  expectSpan({0, 2, 5, 9}, {1, 1, -100, 2, 3, 4});
  // More sequences than warps, longer than a warp.
  std::vector<int32_t> offsets = {0}, labels;
  for (int32_t s = 0; s < 11; ++s) {
    offsets.push_back(offsets.back() + 1 + s * 5);
    labels.insert(labels.end(), {s * 2, s * 5});
  }
  expectSpan(offsets, labels);
}

TEST(GpuLoss, SpanOfNothing) { expectSpan({0, 2, 5}, {-100, -100, 7, -100}); }

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses against their formulas in double precision, and their gradients
// against finite differences of those.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Loss.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
constexpr int64_t rows = 9;

/// A loss of logits x: [rows][width], as a formula.
using Formula = std::function<double(const std::vector<double> &x)>;
using Call = std::function<void(KernelBuilder &, LossOperands, Place labels)>;

/// Runs the kernel on `logits` (dense) with labels as 32-bit words behind
/// them, and compares loss and gradient.
void expectLoss(const std::vector<float> &logits, RowShape shape,
                const std::vector<float> &labels, const Call &call,
                const Formula &formula) {
  std::vector<float> x(rows * shape.stride);
  std::vector<double> dense(logits.begin(), logits.end());
  for (int64_t i = 0; i < rows * shape.width; ++i)
    x[i / shape.width * shape.stride + i % shape.width] = logits[i];
  std::vector<float> words = labels;
  std::vector<float> result(1 + x.size(), NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        LossOperands o;
        o.x = {buffers[0], k.index(0)};
        o.loss = {buffers[2], k.index(0)};
        o.gradient = k.at(o.loss, 1);
        o.rows = k.index(rows);
        call(k, o, {buffers[1], k.index(0)});
      },
      "x86-64-v3")
      .run(x.data(), words.data(), result.data());
  EXPECT_NEAR(result[0], formula(dense), 1e-6 * (1 + formula(dense)));
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < shape.stride; ++c) {
      double want = 0;
      if (c < shape.width) {
        constexpr double step = 1e-5;
        std::vector<double> moved = dense;
        double &at = moved[r * shape.width + c];
        at += step;
        want = formula(moved);
        at -= 2 * step;
        want = (want - formula(moved)) / (2 * step);
      }
      ASSERT_NEAR(result[1 + r * shape.stride + c], want, 2e-7)
          << "row " << r << ", column " << c;
    }
}

double logSumExp(const double *x, int64_t count, int64_t stride) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += std::exp(x[i * stride]);
  return std::log(sum);
}

std::vector<float> logitsOf(int64_t width) {
  std::vector<float> result = randomFloats(rows * width, 7);
  for (float &x : result)
    x *= 6;
  return result;
}
} // namespace

static void expectCrossEntropy(int64_t width, std::vector<int32_t> labels) {
  RowShape shape{width, roundUp(width, 16) + 16};
  expectLoss(
      logitsOf(width), shape, asFloats(labels),
      [&](KernelBuilder &k, LossOperands o, Place at) {
        o.labels = asIntegers(k, at.buffer);
        callCrossEntropy(k, shape, o);
      },
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

TEST(Loss, CrossEntropy) {
  expectCrossEntropy(2, {0, 1, 1, 0, 1, 1, 0, 0, 1});
  expectCrossEntropy(19, {18, 0, 3, -100, 17, -100, 5, 6, 18});
}

TEST(Loss, CrossEntropyOfNothing) {
  expectCrossEntropy(3, std::vector<int32_t>(rows, -100));
}

TEST(Loss, MeanSquaredError) {
  RowShape shape{3, 32};
  std::vector<float> targets = randomFloats(rows * 3, 8);
  expectLoss(
      logitsOf(3), shape, targets,
      [&](KernelBuilder &k, LossOperands o, Place at) {
        o.targets = at;
        callMeanSquaredError(k, shape, o);
      },
      [&](const std::vector<double> &x) {
        double sum = 0;
        for (size_t i = 0; i < x.size(); ++i)
          sum += (x[i] - targets[i]) * (x[i] - targets[i]);
        return sum / double(x.size());
      });
}

TEST(Loss, BinaryCrossEntropy) {
  RowShape shape{17, 32};
  std::vector<float> targets = randomFloats(rows * 17, 9);
  for (float &target : targets)
    target = target > 0;
  std::vector<float> logits = logitsOf(17);
  logits[0] = 90; // e^90 is no float
  logits[1] = -90;
  expectLoss(
      logits, shape, targets,
      [&](KernelBuilder &k, LossOperands o, Place at) {
        o.targets = at;
        callBinaryCrossEntropy(k, shape, o);
      },
      [&](const std::vector<double> &x) {
        double sum = 0;
        for (size_t i = 0; i < x.size(); ++i)
          sum += std::log(1 + std::exp(x[i])) - targets[i] * x[i];
        return sum / double(x.size());
      });
}

TEST(Loss, Span) {
  RowShape shape{2, 16};
  const std::vector<int32_t> offsets = {0, 2, 5, 9};
  // Of the begins one lies outside of its sequence, of the ends two do.
  const std::vector<int32_t> labels = {1, 1, -100, 2, 3, 4};
  const std::vector<int32_t> sides[2] = {{1, -100, 3}, {1, 2, 4}};
  std::vector<int32_t> words = labels;
  words.insert(words.end(), offsets.begin(), offsets.end());
  expectLoss(
      logitsOf(2), shape, asFloats(words),
      [&](KernelBuilder &k, LossOperands o, Place at) {
        o.labels = asIntegers(k, at.buffer);
        o.offsets = asIntegers(k, at.buffer, labels.size());
        o.sequences = k.index(3);
        callSpanLoss(k, shape, o);
      },
      [&](const std::vector<double> &x) {
        double loss = 0;
        for (int64_t side = 0; side < 2; ++side) {
          double sum = 0, count = 0;
          for (int64_t s = 0; s < 3; ++s) {
            int64_t length = offsets[s + 1] - offsets[s];
            int64_t label = sides[side][s];
            if (label < 0 || label >= length)
              continue;
            const double *first = &x[offsets[s] * 2 + side];
            sum += logSumExp(first, length, 2) - first[label * 2];
            ++count;
          }
          loss += sum / count / 2;
        }
        return loss;
      });
}

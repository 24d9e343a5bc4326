//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of pooling, activations and embeddings against plain loops.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/RowsGradient.h"
#include "test/Unit/Kernels/IsaJit.h"
#include "test/Unit/Kernels/IsaReference.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

static constexpr RowShape shape{20, 48}, pooled{20, 32};
static const std::vector<int32_t> offsets = {0, 1, 4, 9};
static constexpr int64_t rows = 9, sequences = 3;

class PoolGradient : public testing::TestWithParam<Pooling> {};

TEST_P(PoolGradient, GoesBackToTheRows) {
  Pooling mode = GetParam();
  std::vector<float> inputs = randomFloats(rows * shape.stride, 1);
  // The largest value twice: the first row has it.
  inputs[5 * shape.stride + 2] = inputs[7 * shape.stride + 2] = 2;
  std::vector<float> dy = randomFloats(sequences * pooled.stride, 2);
  inputs.insert(inputs.end(), dy.begin(), dy.end());
  std::vector<float> ends = asFloats(offsets);
  std::vector<float> dx(rows * shape.stride, NAN);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        Place x{buffers[0], k.index(0)}, out{buffers[2], k.index(0)};
        // Sequence by sequence, as threads may share them.
        for (int64_t s = 0; s < sequences; ++s)
          callPoolGradient(k, shape, pooled, mode, asIntegers(k, buffers[1]), x,
                           k.at(x, rows * shape.stride), out, k.index(s),
                           k.index(s + 1));
      },
      "x86-64-v3")
      .run(inputs.data(), ends.data(), dx.data());
  for (int64_t s = 0; s < sequences; ++s)
    for (int64_t c = 0; c < shape.width; ++c) {
      auto x = [&](int64_t r) { return inputs[r * shape.stride + c]; };
      int64_t largest = offsets[s];
      for (int64_t r = offsets[s]; r < offsets[s + 1]; ++r)
        largest = x(r) > x(largest) ? r : largest;
      for (int64_t r = offsets[s]; r < offsets[s + 1]; ++r) {
        float own = dy[s * pooled.stride + c];
        float count = float(offsets[s + 1] - offsets[s]);
        float want = mode == Pooling::Cls    ? (r == offsets[s] ? own : 0)
                     : mode == Pooling::Max  ? (r == largest ? own : 0)
                     : mode == Pooling::Mean ? own / count
                                             : own / std::sqrt(count);
        ASSERT_EQ(dx[r * shape.stride + c], want)
            << "row " << r << ", column " << c;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(, PoolGradient,
                         testing::Values(Pooling::Cls, Pooling::Mean,
                                         Pooling::Max, Pooling::MeanSqrtLen),
                         [](const auto &info) {
                           return poolingName(info.param).str();
                         });

TEST(EmbedGradient, AddsRowsOfEachId) {
  const std::vector<int32_t> ids = {3, 0, 3, 2, 3, 0, 1, 1, 3};
  constexpr int64_t tableStride = 32, tableRows = 5;
  std::vector<float> dy = randomFloats(rows * shape.stride, 3);
  std::vector<float> picked = asFloats(ids);
  std::vector<float> table = randomFloats(tableRows * tableStride, 4);
  std::vector<float> want = table;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < tableStride; ++c)
      want[ids[r] * tableStride + c] += dy[r * shape.stride + c];
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange buffers) {
        for (int64_t vector = 0; vector < 2; ++vector)
          callEmbedGradient(k, shape, asIntegers(k, buffers[1]),
                            {buffers[0], k.index(0)}, {buffers[2], k.index(0)},
                            k.index(rows), k.index(vector),
                            k.index(vector + 1));
      },
      "x86-64-v3")
      .run(dy.data(), picked.data(), table.data());
  EXPECT_EQ(table, want);
}

TEST(ActivationGradient, IsTheDerivativeTimesTheGradient) {
  std::vector<float> x = randomFloats(rows * shape.stride, 5);
  std::vector<float> dy = randomFloats(rows * shape.stride, 6);
  std::vector<float> dx(rows * shape.stride);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange b) {
        callActivationGradient(k, shape, ActivationFunction::Tanh,
                               {{b[0], k.index(0)}, shape}, {b[1], k.index(0)},
                               {b[2], k.index(0)}, k.index(rows));
      },
      "x86-64-v3")
      .run(x.data(), dy.data(), dx.data());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < shape.width; ++c) {
      int64_t at = r * shape.stride + c;
      double y = std::tanh(double(x[at]));
      ASSERT_NEAR(dx[at], dy[at] * (1 - y * y), 3e-7);
    }
}

/// Rows of bfloat16 before and behind an activation, and before its derivative,
/// which goes to float32.
TEST(Activation, ReadsAndWritesBFloat16) {
  constexpr int64_t width = 64;
  constexpr RowShape half{width, 48, /*bf16=*/true}, single{width, 80};
  std::vector<float> exact = randomFloats(rows * width, 7);
  std::vector<float> dy = randomFloats(rows * single.stride, 8);
  std::vector<float> words(rows * half.stride);
  std::vector<float> result(rows * (half.stride + single.stride), NAN);
  auto *x = reinterpret_cast<uint16_t *>(words.data());
  auto at = [](int64_t r, int64_t c) { return r * 2 * half.stride + c; };
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c)
      x[at(r, c)] = toBF16(exact[r * width + c]);
  IsaProgram(
      [&](KernelBuilder &k, mlir::ValueRange b) {
        MapRows from{{b[0], k.index(0)}, half}, to{{b[2], k.index(0)}, half};
        callActivation(k, ActivationFunction::Tanh, from, to, k.index(rows));
        callActivationGradient(
            k, single, ActivationFunction::Tanh, from, {b[1], k.index(0)},
            {b[2], k.index(rows * half.stride)}, k.index(rows));
      },
      "x86-64-v4-amx")
      .run(words.data(), dy.data(), result.data());
  const auto *y = reinterpret_cast<const uint16_t *>(result.data());
  const float *dx = result.data() + rows * half.stride;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < width; ++c) {
      double t = std::tanh(double(fromBF16(x[at(r, c)])));
      // Half a unit of 8 bits.
      ASSERT_NEAR(fromBF16(y[at(r, c)]), t, std::abs(t) / 250) << r << " " << c;
      ASSERT_NEAR(dx[r * single.stride + c],
                  dy[r * single.stride + c] * (1 - t * t), 1e-6)
          << "row " << r << ", column " << c;
    }
}

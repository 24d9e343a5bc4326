//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dropout against Philox as it is written in the paper: the same bits.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/Dropout.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "runtime/train/Philox.h"
#include "test/Unit/Gpu/RowsRun.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
struct Case {
  int64_t rows, width;
  double rate;
  bool adds;
};
class GpuDropout : public testing::TestWithParam<Case> {};
constexpr uint64_t seed = 0xFEDCBA9876543210;
constexpr uint32_t step = 0xFFFFFFF0;
constexpr uint32_t stream = 3 + 256 * 11 + (4095u << 20);

uint32_t threshold(double rate) { return uint32_t(std::ceil(rate * 0x1p32)); }

bool isKept(int64_t row, int64_t column, double rate) {
  rt::PhiloxBlock draws =
      rt::philox({{uint32_t(column / 4), uint32_t(row), stream, step}}, seed);
  return draws.words[column % 4] >= threshold(rate);
}
} // namespace

// The numbers that Random123's authors give for the counter and key of pi.
TEST(GpuDropout, PhiloxOfTheTestIsPhilox) {
  rt::PhiloxBlock draws = rt::philox(
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822);
  const uint32_t expected[] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(draws.words[i], expected[i]);
}

TEST_P(GpuDropout, DropsByPhilox) {
  Case c = GetParam();
  RowsSize size{c.rows, c.width, (c.width + 15) / 16 * 16 + 16};
  DeviceArray<float> x(paddedRows(size, 1)), plus(paddedRows(size, 2));
  DeviceArray<uint32_t> steps(1, step, "step", false);
  const float scale = float(1 / (1 - c.rate));
  std::vector<float> y = runInAllForms(
      size, {uint32_t(c.rows), uint32_t(blocksOfColumns(size.written()))},
      [&](GpuBuilder &k, DeviceForms forms) {
        return dropoutKernel(k, {c.width, size.stride}, forms, c.adds);
      },
      [&](Arguments &a) {
        a.add(x);
        if (c.adds)
          a.add(plus);
        a.outputs().add(uint32_t(seed)).add(uint32_t(seed >> 32)).add(steps);
        a.add(stream).add(threshold(c.rate)).add(scale);
      });
  int64_t dropped = 0;
  for (int64_t r = 0; r < c.rows; ++r)
    for (int64_t j = 0; j < size.written(); ++j) {
      const int64_t i = r * size.stride + j;
      const bool kept = isKept(r, j, c.rate);
      dropped += j < c.width && !kept;
      const float want = kept ? x[i] * scale : 0.0f;
      ASSERT_EQ(y[i], c.adds ? want + plus[i] : want)
          << "row " << r << ", column " << j;
    }
  // Within five standard deviations.
  const double count = double(c.rows * c.width);
  EXPECT_NEAR(dropped, count * c.rate,
              5 * std::sqrt(count * c.rate * (1 - c.rate)));
}

INSTANTIATE_TEST_SUITE_P(
    Widths, GpuDropout,
    testing::Values(Case{1, 1, 0.5, false}, Case{19, 20, 0.1, true},
                    Case{7, 384, 0.3, true}, Case{3, 768, 0.1, false},
                    Case{5, 1024, 0.9, false}, Case{4, 1001, 0.0, true}));

// The least draw that is kept is the threshold itself.
TEST(GpuDropout, KeepsTheThreshold) {
  const uint32_t draw = rt::philox({{0, 0, stream, step}}, seed).words[2];
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = dropoutKernel(k, {4, 16}, {true, 0, HalfType::BF16}, false);
  });
  DeviceArray<float> x(16, 1), y(16, NAN);
  DeviceArray<uint32_t> steps(1, step, "step", false);
  for (uint32_t above : {0, 1}) {
    ASSERT_TRUE(isClean(program.launch(kernel.name, {1}, 0, x, y,
                                       uint32_t(seed), uint32_t(seed >> 32),
                                       steps, stream, draw + above, 1.0f)));
    EXPECT_EQ(y[2], above ? 0.0f : 1.0f);
  }
}

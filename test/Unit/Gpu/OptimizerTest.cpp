//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Updates on a device give the bits of those on the CPU; planes are what each
// number of a panel is split into.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/GPU/Optimizer.h"
#include "runtime/abi/abi.h"
#include "runtime/core/FloatMode.h"
#include "runtime/train/AdamW.h"
#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Gpu/RowsRun.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include <cmath>

using namespace bertc;
using namespace bertc::test;

namespace {
/// Pieces of all sizes, with gaps between them, of which gradients lie
/// elsewhere than weights.
const std::vector<bertc_parameter_chunk> chunks = {
    {16, 0, 1, 1},       {48, 16, 15, 0},      {80, 48, 16, 1},
    {128, 80, 33, 0},    {176, 128, 256, 1},   {448, 400, 1000, 1},
    {1456, 1408, 48, 0}, {1504, 1456, 300, 1},
};
constexpr size_t memorySize = 1808;

/// Of many sizes, the smallest below those of normal numbers.
std::vector<float> numbers(uint32_t seed) {
  std::vector<float> values = randomFloats(memorySize, seed);
  std::vector<float> sizes = randomFloats(memorySize, seed + 100);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] =
        i % 3 ? values[i] : std::ldexp(values[i], int(sizes[i] * 100) - 50);
  return values;
}

void expectBits(const DeviceArray<float> &got, const std::vector<float> &want,
                const std::string &what) {
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(std::memcmp(&got[i], &want[i], sizeof(float)), 0)
        << what << " " << i << ": " << got[i] << ", expected " << want[i];
}

struct Memory {
  std::vector<float> weights = numbers(1), gradients = numbers(2),
                     first = numbers(3), second = numbers(4);
  Memory() {
    for (float &value : second)
      value = std::abs(value);
  }
};
} // namespace

TEST(GpuOptimizer, SumsOfSquaresAreThoseOfTheCpu) {
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = sumOfSquaresKernel(k);
  });
  DeviceArray<bertc_parameter_chunk> pieces(chunks);
  DeviceArray<double> sums(chunks.size(), NAN);
  // One chain of additions whose order shows: 2.25, then a half of its last
  // bit, which is lost, and a bit more than that, which is not.
  std::vector<float> ordered(memorySize);
  ordered[400] = 1.5f;
  ordered[432] = 0x1p-26f;
  ordered[448] = 1.5f * 0x1p-26f;
  for (const std::vector<float> &values : {numbers(2), ordered}) {
    DeviceArray<float> gradients(values);
    ASSERT_TRUE(isClean(program.launch(kernel.name, {uint32_t(chunks.size())},
                                       0, gradients, pieces, sums)));
    for (size_t i = 0; i < chunks.size(); ++i) {
      const bertc_parameter_chunk &c = chunks[i];
      double exact = 0;
      for (uint32_t j = 0; j < c.count; ++j)
        exact += double(values[c.gradient + j]) * values[c.gradient + j];
      EXPECT_NEAR(sums[i], exact, 1e-14 * exact) << i;
      rt::FloatMode mode;
      EXPECT_EQ(sums[i], rt::optimizerCode(0).sumOfSquares(
                             values.data() + c.gradient, c.count))
          << i;
    }
  }
}

TEST(GpuOptimizer, WeightsAreThoseOfTheCpu) {
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = adamWKernel(k);
  });
  DeviceArray<bertc_parameter_chunk> pieces(chunks);
  Memory m;
  DeviceArray<float> weights(m.weights), gradients(m.gradients), first(m.first),
      second(m.second);
  for (uint64_t t : {1, 2, 100}) {
    const rt::AdamWStep s = rt::makeAdamWStep(
        3e-3, 0.9, 0.999, t == 2 ? 1e-20 : 1e-8, 0.01, t, 3, 0.7);
    ASSERT_TRUE(isClean(program.launch(
        kernel.name, {uint32_t(chunks.size())}, 0, weights, gradients, first,
        second, pieces, s.gradientScale, s.clip, s.decay, s.beta1Rest, s.beta2,
        s.beta2Rest, s.correction2, s.epsilon, s.stepSize)));
    {
      rt::FloatMode mode;
      for (const bertc_parameter_chunk &c : chunks)
        rt::optimizerCode(0).adamW(
            s, c.decays, &m.weights[c.weight], &m.gradients[c.gradient],
            &m.first[c.gradient], &m.second[c.gradient], c.count);
    }
    expectBits(weights, m.weights, "weight");
    expectBits(gradients, m.gradients, "gradient");
    expectBits(first, m.first, "first moment");
    expectBits(second, m.second, "second moment");
    m.gradients = numbers(10 + t);
    std::copy(m.gradients.begin(), m.gradients.end(), gradients.begin());
  }
}

namespace {
struct PlanesCase {
  int64_t columns, depth, planes;
  HalfType type;
};
class GpuWeightPlanes : public testing::TestWithParam<PlanesCase> {};
} // namespace

TEST_P(GpuWeightPlanes, AreThePartsOfPanels) {
  const PlanesCase c = GetParam();
  DeviceKernel kernel;
  GpuProgram program([&](mlir::ModuleOp module) {
    GpuBuilder k(module);
    kernel = planesKernel(k, c.columns, c.depth, c.planes, c.type);
  });
  const int64_t size = c.columns * c.depth, planeStride = size + 16;
  DeviceArray<float> panels(randomFloats(size, 1));
  DeviceArray<uint16_t> planes(c.planes * planeStride, 0x7fc1);
  auto [x, y] = planesGrid(c.columns, c.depth);
  emulator::Report report =
      program.launch(kernel.name, {uint32_t(x), uint32_t(y)},
                     kernel.sharedBytes, panels, planes, planeStride);
  ASSERT_TRUE(isClean(report));
  EXPECT_EQ(report.bankConflicts, 0u);
  std::vector<float> rows(size);
  for (int64_t column = 0; column < c.columns; ++column)
    for (int64_t d = 0; d < c.depth; ++d)
      rows[column * c.depth + d] =
          panels[(column / 16 * c.depth + d) * 16 + column % 16];
  std::vector<uint16_t> want = planesOf(rows, c.planes, planeStride, c.type);
  for (int64_t p = 0; p < c.planes; ++p)
    for (int64_t i = 0; i < planeStride; ++i)
      ASSERT_EQ(planes[p * planeStride + i],
                i < size ? want[p * planeStride + i] : 0x7fc1)
          << "plane " << p << ", element " << i;
}

INSTANTIATE_TEST_SUITE_P(, GpuWeightPlanes,
                         testing::Values(PlanesCase{16, 16, 1, HalfType::BF16},
                                         PlanesCase{32, 80, 3, HalfType::BF16},
                                         PlanesCase{48, 384, 2, HalfType::BF16},
                                         PlanesCase{16, 1024, 1,
                                                    HalfType::F16}));

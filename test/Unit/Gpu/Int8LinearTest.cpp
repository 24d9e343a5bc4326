//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linear kernels of int8 on a GPU against loops over integers: their sums are
// exact, and so is every bit of y without an activation.
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/LinearRun.h"

using namespace bertc;
using namespace bertc::test;

namespace {

constexpr double activationTolerance = 2e-6; // relative to sums of magnitudes
constexpr double halfTolerance = 4e-3; // of one bfloat16, half an ulp is 2^-9

DeviceLinearShape makeInt8(int64_t depth, int64_t columns) {
  DeviceLinearShape shape = makeShape(depth, columns);
  shape.int8 = true;
  return shape;
}

DeviceLinearPlan makeInt8Plan(int64_t rows, int64_t columns, int64_t depth,
                              int64_t warpRows, int64_t warpColumns,
                              int64_t stages, int64_t splits = 1) {
  DeviceLinearPlan plan =
      makePlan(rows, columns, depth, warpRows, warpColumns, stages, splits);
  plan.elementBytes = 1;
  return plan;
}

/// Small tiles, so that a few rows make several blocks.
const DeviceLinearPlan smallPlan = makeInt8Plan(64, 64, 128, 2, 2, 3);

void expectBits(const DeviceLinearShape &shape, const DeviceLinearPlan &plan,
                int64_t rows) {
  SCOPED_TRACE(plan.name() + ", depth " + std::to_string(shape.depth) +
               ", columns " + std::to_string(shape.columns) + ", rows " +
               std::to_string(rows));
  LinearData data(shape, rows);
  LinearResult result = LinearProgram(shape, plan).run(data);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  EXPECT_EQ(result.f32, data.bits);
  for (int32_t ticket : result.tickets)
    EXPECT_EQ(ticket, 0);
}

TEST(DeviceInt8Linear, PlannedForHiddenSizes) {
  for (const char *target : {"cuda:sm_80", "cuda:sm_90a"})
    for (int64_t hidden : {128, 384, 768, 1024}) {
      DeviceLinearShape shape = makeInt8(hidden, hidden);
      for (int64_t rows : {1, 130})
        expectBits(
            shape,
            planDeviceLinear(*findDeviceTarget(target), shape.facts(), rows),
            rows);
    }
}

TEST(DeviceInt8Linear, LargeTiles) {
  DeviceLinearShape shape = makeInt8(384, 272);
  expectBits(shape, makeInt8Plan(128, 128, 128, 2, 2, 3), 130);
  expectBits(shape, makeInt8Plan(128, 256, 64, 2, 4, 4), 129);
  expectBits(shape, makeInt8Plan(256, 128, 128, 4, 2, 3), 130);
}

TEST(DeviceInt8Linear, Tails) {
  for (int64_t rows : {1, 17, 127, 130})
    expectBits(makeInt8(144, 80), smallPlan, rows);
  expectBits(makeInt8(16, 16), makeInt8Plan(64, 64, 32, 2, 2, 4), 17);
  expectBits(makeInt8(48, 80), makeInt8Plan(64, 64, 32, 2, 2, 4), 17);
  expectBits(makeInt8(112, 16), makeInt8Plan(64, 128, 64, 2, 2, 5), 65);
  expectBits(makeInt8(16, 144), makeInt8Plan(16, 64, 128, 1, 4, 2), 17);
  expectBits(makeInt8(80, 176), makeInt8Plan(32, 128, 32, 1, 4, 3), 33);
}

TEST(DeviceInt8Linear, Epilogues) {
  for (bool bias : {false, true})
    for (bool residual : {false, true}) {
      DeviceLinearShape shape = makeInt8(128, 80);
      shape.bias = bias;
      shape.residual = residual;
      expectBits(shape, smallPlan, 33);
    }
  DeviceLinearShape shape = makeInt8(128, 80);
  shape.activation = ActivationFunction::Gelu;
  shape.outputs.planes = 1;
  LinearData data(shape, 33);
  LinearResult result = LinearProgram(shape, smallPlan).run(data);
  EXPECT_CLEAN(result.report);
  EXPECT_LE(worstError(result.f32, data.expected, data.scale),
            activationTolerance);
  EXPECT_LE(worstError(result.planes, data.expected, data.scale),
            halfTolerance);
}

// Whatever the blocks and the splits are, and in whatever order they come.
TEST(DeviceInt8Linear, Splits) {
  DeviceLinearShape shape = makeInt8(624, 80);
  shape.residual = true;
  for (int64_t splits : {2, 3, 5}) {
    DeviceLinearPlan plan = makeInt8Plan(16, 64, 128, 1, 4, 3, splits);
    expectBits(shape, plan, 33);
    LinearData data(shape, 33);
    LinearProgram program(shape, plan);
    program.reversed = true;
    LinearResult reversed = program.run(data);
    EXPECT_CLEAN(reversed.report);
    EXPECT_EQ(reversed.f32, data.bits);
  }
}

} // namespace

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Linear kernels of a GPU against plain double loops over the same planes.
// Sums of depth k of float32 in any order are within k 2^-24 of the sum of
// magnitudes; the tensor core of the emulator is closer.
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/LinearRun.h"

using namespace bertc;
using namespace bertc::test;

namespace {

constexpr double sumTolerance = 2e-6;  // relative to the sum of magnitudes
constexpr double halfTolerance = 4e-3; // of one bfloat16, half an ulp is 2^-9

const DeviceTarget &ampere() { return *findDeviceTarget("cuda:sm_80"); }

/// Small tiles, so that a few rows make several blocks.
const DeviceLinearPlan smallPlan = makePlan(64, 64, 64, 2, 2, 3);

void expectRight(const DeviceLinearShape &shape, const DeviceLinearPlan &plan,
                 int64_t rows, double tolerance = sumTolerance) {
  SCOPED_TRACE(plan.name());
  SCOPED_TRACE("depth " + std::to_string(shape.depth) + ", columns " +
               std::to_string(shape.columns) + ", rows " +
               std::to_string(rows) + ", planes " +
               std::to_string(shape.planes));
  LinearData data(shape, rows);
  LinearProgram program(shape, plan);
  LinearResult result = program.run(data);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  if (shape.outputs.f32)
    EXPECT_LE(worstError(result.f32, data.expected, data.scale), tolerance);
  for (int32_t ticket : result.tickets)
    EXPECT_EQ(ticket, 0);
}

TEST(DeviceLinear, PlannedForHiddenSizes) {
  for (int64_t hidden : {128, 384, 768, 1024}) {
    DeviceLinearShape shape = makeShape(hidden, hidden);
    for (int64_t rows : {1, 130})
      expectRight(shape, planDeviceLinear(ampere(), shape.facts(), rows), rows);
  }
}

TEST(DeviceLinear, LargeTiles) {
  DeviceLinearShape shape = makeShape(192, 272);
  expectRight(shape, makePlan(128, 128, 64, 2, 2, 3), 130);
  expectRight(shape, makePlan(128, 128, 64, 2, 4, 4), 127);
  expectRight(shape, makePlan(128, 256, 32, 2, 4, 4), 129);
  expectRight(shape, makePlan(256, 128, 64, 4, 2, 3), 130);
}

TEST(DeviceLinear, Tails) {
  for (int64_t rows : {1, 17, 127, 130})
    expectRight(makeShape(48, 80), smallPlan, rows);
  expectRight(makeShape(48, 80), makePlan(64, 64, 16, 2, 2, 4), 17);
  expectRight(makeShape(112, 16), makePlan(64, 128, 32, 2, 2, 5), 65);
  expectRight(makeShape(16, 144), makePlan(16, 64, 64, 1, 4, 2), 17);
  expectRight(makeShape(80, 176), makePlan(32, 128, 32, 1, 4, 3), 33);
}

TEST(DeviceLinear, StagesBeyondTheDepth) {
  for (int64_t stages : {2, 3, 5})
    expectRight(makeShape(128, 64), makePlan(64, 64, 64, 2, 2, stages), 64);
}

TEST(DeviceLinear, Float16) {
  expectRight(makeShape(128, 80, 1, HalfType::F16), smallPlan, 70);
}

// Two planes keep 16 bits of each operand, three all 24.
TEST(DeviceLinear, Planes) {
  const double tolerances[] = {0, 8e-3, 3e-5, 1e-6};
  for (int64_t planes : {1, 2, 3}) {
    DeviceLinearShape shape = makeShape(208, 80, planes);
    shape.outputs.planes = planes;
    LinearData data(shape, 70);
    LinearResult result = LinearProgram(shape, smallPlan).run(data);
    EXPECT_CLEAN(result.report);
    EXPECT_EQ(result.report.bankConflicts, 0u);
    EXPECT_LE(worstError(result.f32, data.expected, data.scale), sumTolerance);
    const double worst = worstError(result.f32, data.exact, data.scale);
    RecordProperty("worst_" + std::to_string(planes), std::to_string(worst));
    EXPECT_LE(worst, tolerances[planes]);
    EXPECT_LE(worstError(result.planes, data.exact, data.scale),
              tolerances[planes] + (planes == 1 ? halfTolerance : 0));
  }
}

TEST(DeviceLinear, Epilogues) {
  for (ActivationFunction activation :
       {ActivationFunction::Gelu, ActivationFunction::GeluTanh,
        ActivationFunction::Relu, ActivationFunction::Silu,
        ActivationFunction::Tanh}) {
    DeviceLinearShape shape = makeShape(64, 80);
    shape.activation = activation;
    expectRight(shape, smallPlan, 33);
  }
  for (bool bias : {false, true})
    for (bool residual : {false, true}) {
      DeviceLinearShape shape = makeShape(64, 80);
      shape.bias = bias;
      shape.residual = residual;
      shape.activation = ActivationFunction::Gelu;
      expectRight(shape, smallPlan, 33);
    }
}

TEST(DeviceLinear, PlanesOnly) {
  DeviceLinearShape shape = makeShape(64, 80);
  shape.outputs.f32 = false;
  shape.outputs.planes = 1;
  LinearData data(shape, 33);
  LinearResult result = LinearProgram(shape, smallPlan).run(data);
  EXPECT_CLEAN(result.report);
  EXPECT_LE(worstError(result.planes, data.expected, data.scale),
            halfTolerance);
}

// What a backward pass wants, beside a result that is for products only.
void expectBefore(const DeviceLinearShape &shape, const DeviceLinearPlan &plan,
                  double tolerance) {
  SCOPED_TRACE(plan.name());
  LinearData data(shape, 70);
  LinearResult result = LinearProgram(shape, plan).run(data);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  EXPECT_LE(worstError(result.before, data.before, data.scale), tolerance);
  EXPECT_LE(worstError(result.planes, data.expected, data.scale),
            shape.outputs.planes == 1 ? halfTolerance : 2e-5);
}

TEST(DeviceLinear, BeforeTheActivation) {
  for (bool bias : {false, true})
    for (bool plane : {false, true}) {
      DeviceLinearShape shape = makeShape(176, 80, plane ? 1 : 2);
      shape.bias = bias;
      shape.activation = ActivationFunction::Gelu;
      shape.outputs.f32 = false;
      shape.outputs.planes = shape.planes;
      shape.before.f32 = !plane;
      shape.before.planes = plane ? 1 : 0;
      shape.beforeStride = 112;
      DeviceLinearPlan split = smallPlan,
                       groups = makePlan(64, 64, 64, 1, 1, 2);
      split.splits = 2;
      groups.wgmma = true;
      for (const DeviceLinearPlan &plan : {smallPlan, split, groups})
        expectBefore(shape, plan, plane ? halfTolerance : sumTolerance);
    }
}

// The last block of a tile to arrive adds; the order of blocks is not seen.
TEST(DeviceLinear, Splits) {
  for (int64_t planes : {1, 2})
    for (int64_t splits : {2, 3, 4}) {
      DeviceLinearShape shape = makeShape(304, 80, planes);
      shape.residual = true;
      DeviceLinearPlan plan = makePlan(16, 64, 64, 1, 4, 3, splits);
      expectRight(shape, plan, 33);
      LinearData data(shape, 33);
      LinearProgram program(shape, plan);
      LinearResult first = program.run(data);
      program.reversed = true;
      LinearResult second = program.run(data);
      EXPECT_CLEAN(second.report);
      EXPECT_EQ(first.f32, second.f32);
    }
}

// A row's bits depend on neither the tile nor its place in the batch.
TEST(DeviceLinear, SameBits) {
  DeviceLinearShape shape = makeShape(176, 144);
  shape.activation = ActivationFunction::Gelu;
  LinearData data(shape, 100);
  LinearResult reference = LinearProgram(shape, smallPlan).run(data);
  for (const DeviceLinearPlan &plan :
       {makePlan(128, 128, 64, 2, 2, 3), makePlan(16, 64, 16, 1, 4, 4),
        makePlan(32, 128, 32, 1, 4, 2)}) {
    LinearResult result = LinearProgram(shape, plan).run(data);
    EXPECT_EQ(result.f32, reference.f32) << plan.name();
  }
}

DeviceLinearPlan makeWgmmaPlan(int64_t columns, int64_t groups, int64_t stages,
                               int64_t cluster = 1) {
  DeviceLinearPlan plan = makePlan(64 * groups, columns, 64, groups, 1, stages);
  plan.wgmma = true;
  plan.cluster = cluster;
  return plan;
}

TEST(DeviceLinear, WarpGroups) {
  for (int64_t rows : {1, 130})
    expectRight(makeShape(304, 80), makeWgmmaPlan(64, 2, 3), rows);
  expectRight(makeShape(48, 80), makeWgmmaPlan(96, 2, 2), 127);
  expectRight(makeShape(192, 272), makeWgmmaPlan(256, 2, 3), 129);
  expectRight(makeShape(128, 192), makeWgmmaPlan(192, 3, 4), 200);
  expectRight(makeShape(128, 80, 1, HalfType::F16), makeWgmmaPlan(64, 1, 2),
              70);
  for (int64_t planes : {2, 3}) {
    DeviceLinearShape shape = makeShape(208, 80, planes);
    shape.residual = true;
    shape.activation = ActivationFunction::Gelu;
    expectRight(shape, makeWgmmaPlan(64, 2, 3), 70);
  }
}

// Blocks copy parts of the weights for each other; some have no row.
TEST(DeviceLinear, Clusters) {
  for (int64_t rows : {1, 65, 128, 200, 257})
    expectRight(makeShape(304, 80), makeWgmmaPlan(64, 1, 3, 2), rows);
  for (int64_t rows : {70, 256, 300})
    expectRight(makeShape(208, 112), makeWgmmaPlan(96, 1, 2, 4), rows);
  expectRight(makeShape(192, 272), makeWgmmaPlan(256, 2, 4, 4), 129);
  expectRight(makeShape(128, 192), makeWgmmaPlan(192, 3, 4, 2), 200);
  DeviceLinearShape shape = makeShape(208, 80, 3);
  shape.residual = true;
  shape.activation = ActivationFunction::Gelu;
  expectRight(shape, makeWgmmaPlan(64, 1, 3, 2), 70);
}

DeviceLinearPlan makePingPongPlan(int64_t rows, int64_t columns, int64_t stages,
                                  int64_t cluster = 1) {
  DeviceLinearPlan plan = makePlan(rows, columns, 64, 2, 1, stages);
  plan.wgmma = plan.pingPong = true;
  plan.cluster = cluster;
  return plan;
}

// One block has all tiles: none for the second group, as many as for the first,
// one less; fewer and more steps than stages.
TEST(DeviceLinear, PingPong) {
  for (int64_t depth : {48, 176, 304})
    for (int64_t rows : {1, 100, 130, 300}) {
      DeviceLinearShape shape = makeShape(depth, 80);
      LinearData data(shape, rows);
      for (int64_t stages : {2, 3, 4}) {
        LinearProgram program(shape, makePingPongPlan(64, 96, stages));
        program.rowBlocks = 1;
        LinearResult result = program.run(data);
        EXPECT_CLEAN(result.report);
        EXPECT_LE(worstError(result.f32, data.expected, data.scale),
                  sumTolerance);
      }
    }
  for (int64_t cluster : {1, 2}) {
    expectRight(makeShape(192, 144), makePingPongPlan(128, 64, 3, cluster),
                520);
    DeviceLinearShape shape = makeShape(208, 80, 3);
    shape.residual = true;
    shape.activation = ActivationFunction::Gelu;
    expectRight(shape, makePingPongPlan(128, 64, 3, cluster), 300);
  }
}

// The first blocks along the rows compute all of them.
TEST(DeviceLinear, BlocksThatStay) {
  DeviceLinearShape shape = makeShape(176, 144);
  LinearData data(shape, 300);
  std::vector<float> first;
  for (DeviceLinearPlan plan :
       {makeWgmmaPlan(64, 1, 3), makeWgmmaPlan(64, 1, 3, 2),
        makeWgmmaPlan(64, 1, 3, 4), makePingPongPlan(64, 64, 3),
        makePingPongPlan(128, 64, 3, 2)}) {
    LinearProgram program(shape, plan);
    program.rowBlocks = plan.cluster;
    LinearResult result = program.run(data);
    EXPECT_CLEAN(result.report);
    EXPECT_LE(worstError(result.f32, data.expected, data.scale), sumTolerance);
    // And with other tiles, backwards, it has the same bits.
    program.rowBlocks = 0;
    program.reversed = true;
    LinearResult backwards = program.run(data);
    EXPECT_CLEAN(backwards.report);
    EXPECT_EQ(result.f32, backwards.f32);
    if (first.empty())
      first = result.f32;
    EXPECT_EQ(result.f32, first);
  }
}

} // namespace

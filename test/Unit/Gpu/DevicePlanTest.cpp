//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the model of GPUs promises: every plan can be launched, and large layers
// come near the roofline.
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DeviceReport.h"
#include <gtest/gtest.h>
#include <tuple>

using namespace bertc;

namespace {

DeviceLinearFacts makeFacts(int64_t depth, int64_t columns,
                            int64_t planes = 1) {
  DeviceLinearFacts facts;
  facts.depth = depth;
  facts.columns = columns;
  facts.planes = planes;
  facts.outputBytes = 2 * planes;
  return facts;
}

const int64_t sizes[][2] = {{16, 16},    {48, 80},     {128, 128},
                            {384, 1536}, {768, 768},   {768, 2304},
                            {768, 3072}, {1024, 4096}, {3072, 768}};

TEST(DevicePlan, CanBeLaunched) {
  for (const DeviceTarget &target : deviceTargets())
    for (auto [depth, columns] : sizes)
      for (int64_t planes : {0, 1, 2, 3}) { // 0: int8
        DeviceLinearFacts facts =
            makeFacts(depth, columns, std::max<int64_t>(planes, 1));
        facts.int8 = planes == 0;
        DeviceLinearPlans plans = planDeviceLinear(target, facts);
        ASSERT_FALSE(plans.empty());
        EXPECT_EQ(plans.front().first, 1);
        EXPECT_EQ(plans.back().second.splits, 1);
        int64_t before = 0;
        for (const auto &[from, plan] : plans) {
          SCOPED_TRACE(plan.name());
          EXPECT_GT(from, before);
          before = from;
          EXPECT_GE(deviceLinearOccupancy(*target.planned, plan), 1);
          EXPECT_LE(plan.sharedBytes(), target.planned->sharedBytes - 1024);
          EXPECT_LE(plan.registers() * plan.threads(),
                    target.planned->registers);
          EXPECT_LE(plan.registers(), 255);
          // What the templates ask for.
          EXPECT_GE(plan.stages, 2);
          EXPECT_TRUE(target.wgmma || !plan.wgmma);
          EXPECT_EQ(plan.blockColumns % (16 * plan.warpColumns), 0);
          EXPECT_EQ(plan.blockRows % (16 * plan.warpRows), 0);
          EXPECT_GE(plan.threads(), plan.rowBytes());
          EXPECT_EQ(plan.elementBytes, facts.int8 ? 1 : 2);
          EXPECT_EQ(plan.rowBytes() % 32, 0);
        }
      }
}

// The layers of BERT-base and BERT-large as they are compiled: queries, keys
// and values and the intermediate are written as bfloat16, the others are added
// to the hidden state in float32.
TEST(DevicePlan, NearTheRoofline) {
  const DeviceTarget &hopper = *findDeviceTarget("cuda:sm_90a");
  const GpuModel &h100 = *findGpuModel("H100");
  for (int64_t hidden : {768, 1024})
    for (auto [depth, columns, residual] :
         {std::make_tuple(hidden, 3 * hidden, false),
          std::make_tuple(hidden, hidden, true),
          std::make_tuple(hidden, 4 * hidden, false),
          std::make_tuple(4 * hidden, hidden, true)}) {
      SCOPED_TRACE(std::to_string(depth) + " x " + std::to_string(columns));
      DeviceLinearFacts facts = makeFacts(depth, columns);
      facts.residual = residual;
      facts.outputBytes = residual ? 4 : 2;
      DeviceLinearReport many = reportDeviceLinear(
          h100, facts, planDeviceLinear(hopper, facts, 4096), 4096);
      EXPECT_GE(many.fraction(), 0.75) << many.seconds;
      DeviceLinearReport few = reportDeviceLinear(
          h100, facts, planDeviceLinear(hopper, facts, 128), 128);
      EXPECT_GE(few.waves, 1);
    }
}

// By hand: 2 * 768 * 3072 * 4096 FLOP; operands and a result of two bytes.
TEST(DevicePlan, ReportCounts) {
  const GpuModel &a100 = *findGpuModel("A100");
  DeviceLinearPlan plan;
  plan.blockRows = plan.blockColumns = 128;
  plan.blockDepth = 64;
  plan.warpRows = plan.warpColumns = 2;
  plan.stages = 3;
  DeviceLinearReport report =
      reportDeviceLinear(a100, makeFacts(768, 3072), plan, 4096);
  EXPECT_EQ(report.flops, 19327352832.0);
  EXPECT_EQ(report.bytes, 2.0 * (768 * 3072 + 768 * 4096 + 3072 * 4096));
  EXPECT_EQ(report.instructions, 8 * 16 * 4);
  EXPECT_EQ(report.threads, 128);
  EXPECT_EQ(report.sharedBytes, 3 * 256 * 128);
  EXPECT_EQ(report.occupancy, 1); // 2 * 97 KiB are more than 164
  EXPECT_EQ(report.blocks, 24 * 32);
  EXPECT_NEAR(report.tensorSeconds, 19327352832.0 / 312e12, 1e-6);
  EXPECT_GT(report.seconds, report.rooflineSeconds());
}

// Bytes have half the traffic and twice the rate: the model sees both.
TEST(DevicePlan, Int8) {
  const DeviceTarget &ampere = *findDeviceTarget("cuda:sm_80");
  const GpuModel &a100 = *findGpuModel("A100");
  DeviceLinearFacts facts = makeFacts(768, 3072), bytes = facts;
  bytes.int8 = true;
  DeviceLinearReport report = reportDeviceLinear(
      a100, bytes, planDeviceLinear(ampere, bytes, 4096), 4096);
  EXPECT_EQ(report.bytes, 1.0 * (768 * 3072 + 768 * 4096) + 2.0 * 3072 * 4096);
  EXPECT_NEAR(report.tensorSeconds, 19327352832.0 / 624e12, 1e-6);
  DeviceLinearReport halves = reportDeviceLinear(
      a100, facts, planDeviceLinear(ampere, facts, 4096), 4096);
  EXPECT_LT(report.seconds, 0.75 * halves.seconds);
}

TEST(DevicePlan, NamesOfTargets) {
  EXPECT_NE(findDeviceTarget("cuda:sm_80"), nullptr);
  EXPECT_EQ(findDeviceTarget("cuda:sm_75"), nullptr);
  EXPECT_EQ(findGpuModel("B200"), nullptr);
}

} // namespace

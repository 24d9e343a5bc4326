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
DeviceLinearFacts makeLayer(int64_t depth, int64_t columns) {
  DeviceLinearFacts facts = makeFacts(depth, columns);
  facts.residual = columns <= depth;
  facts.outputBytes = facts.residual ? 4 : 2;
  return facts;
}

/// Microseconds of a launch on an H200, of tiles in the order of `measured`; 0
/// where nobody measured.
struct Measured {
  int64_t depth, columns, tokens;
  double us[6];
};
const char *const measured[] = {"64x64x64_1x1",   "128x64x64_2x1",
                                "128x96x64_2x1",  "128x128x64_2x1",
                                "128x192x64_2x1", "128x256x64_2x1"};
// The tile of 128 x 128 is that with ping-pong.
const Measured measurements[] = {
    {768, 768, 512, {4.6, 5.8, 6.6, 8.0, 11.0, 13.7}},
    {768, 768, 1024, {7.6, 5.9, 6.6, 8.1, 11.0, 13.7}},
    {768, 768, 4096, {22.1, 14.9, 12.3, 13.4, 12.7, 14.4}},
    {768, 768, 12288, {0, 0, 0, 36.3, 40.4, 47.6}},
    {768, 2304, 512, {9.0, 8.4, 6.2, 7.1, 9.6, 11.8}},
    {768, 2304, 1024, {13.3, 12.4, 11.1, 11.1, 9.9, 12.0}},
    {768, 2304, 4096, {38.9, 32.4, 29.4, 23.9, 26.0, 32.4}},
    {768, 2304, 12288, {0, 0, 0, 66.1, 75.4, 75.3}},
    {768, 3072, 512, {10.1, 10.1, 7.2, 7.7, 10.3, 12.8}},
    {768, 3072, 1024, {17.4, 14.0, 12.5, 12.3, 11.0, 13.2}},
    {768, 3072, 4096, {57.0, 49.0, 43.5, 31.8, 36.8, 36.2}},
    {768, 3072, 12288, {0, 0, 0, 97.7, 128.5, 0}},
    {1024, 1024, 512, {5.5, 6.5, 8.8, 9.2, 14.5, 15.9}},
    {1024, 1024, 1024, {9.5, 7.0, 8.9, 9.3, 14.7, 16.0}},
    {1024, 1024, 4096, {38.0, 24.6, 36.6, 17.3, 45.5, 19.1}},
    {1024, 1024, 12288, {0, 0, 0, 49.3, 121.9, 56.7}},
    {1024, 3072, 512, {11.3, 10.4, 7.3, 8.3, 11.4, 14.1}},
    {1024, 3072, 1024, {19.9, 15.0, 13.3, 13.7, 12.1, 14.4}},
    {1024, 3072, 4096, {71.1, 53.2, 45.5, 35.7, 41.9, 40.6}},
    {1024, 3072, 12288, {0, 0, 0, 107.1, 122.8, 120.2}},
    {1024, 4096, 512, {14.9, 11.3, 15.9, 9.0, 13.5, 14.9}},
    {1024, 4096, 1024, {27.6, 20.9, 22.9, 14.7, 26.2, 15.9}},
    {1024, 4096, 4096, {100.0, 78.0, 79.1, 51.1, 74.9, 56.5}},
    {1024, 4096, 12288, {0, 0, 0, 152.0, 0, 189.4}},
    {3072, 768, 512, {10.0, 13.3, 15.3, 18.3, 27.6, 35.5}},
    {3072, 768, 1024, {18.3, 13.5, 15.5, 18.4, 27.7, 35.5}},
    {3072, 768, 4096, {59.6, 40.5, 34.4, 36.3, 32.5, 38.8}},
    {3072, 768, 12288, {0, 0, 0, 89.1, 94.4, 118.0}},
    {4096, 1024, 512, {12.8, 16.7, 21.2, 22.8, 36.7, 44.9}},
    {4096, 1024, 1024, {23.5, 17.2, 21.7, 23.0, 36.9, 45.1}},
    {4096, 1024, 4096, {100.9, 70.3, 83.4, 49.9, 93.2, 51.0}},
    {4096, 1024, 12288, {0, 0, 0, 150.5, 232.0, 151.4}},
};

TEST(DevicePlan, NearTheFastest) {
  const DeviceTarget &hopper = *findDeviceTarget("cuda:sm_90a");
  for (const Measured &m : measurements) {
    DeviceLinearPlan plan =
        planDeviceLinear(hopper, makeLayer(m.depth, m.columns), m.tokens);
    SCOPED_TRACE(std::to_string(m.depth) + " x " + std::to_string(m.columns) +
                 ", " + std::to_string(m.tokens) + ": " + plan.name());
    double fastest = 0, planned = 0;
    for (size_t i = 0; i < std::size(measured); ++i) {
      if (m.us[i] > 0 && (fastest == 0 || m.us[i] < fastest))
        fastest = m.us[i];
      if (llvm::StringRef(plan.name()).starts_with(measured[i]))
        planned = m.us[i];
    }
    ASSERT_GT(planned, 0);
    EXPECT_LE(planned, 1.13 * fastest);
    EXPECT_TRUE(plan.blockColumns != 128 || plan.pingPong);
  }
}

// At the boost clock, which the power of large batches does not allow. A narrow
// layer has tiles for a last wave that most processors wait for.
TEST(DevicePlan, NearTheRoofline) {
  const DeviceTarget &hopper = *findDeviceTarget("cuda:sm_90a");
  const GpuModel &h100 = *findGpuModel("H100");
  for (int64_t hidden : {768, 1024})
    for (auto [depth, columns] :
         {std::make_tuple(hidden, 3 * hidden), std::make_tuple(hidden, hidden),
          std::make_tuple(hidden, 4 * hidden),
          std::make_tuple(4 * hidden, hidden)}) {
      SCOPED_TRACE(std::to_string(depth) + " x " + std::to_string(columns));
      DeviceLinearFacts facts = makeLayer(depth, columns);
      DeviceLinearReport many = reportDeviceLinear(
          h100, facts, planDeviceLinear(hopper, facts, 4096), 4096);
      EXPECT_GE(many.fraction(), columns >= 3072 ? 0.75 : 0.6) << many.seconds;
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

// Of an A100: 164 KiB of shared memory, of which each block takes 1 more,
// 65536 registers in units of 256 for a warp, 2048 threads, 32 blocks.
TEST(DevicePlan, OccupancyOfAnyKernel) {
  const GpuModel &a100 = *findGpuModel("A100");
  EXPECT_EQ(deviceOccupancy(a100, 128, 0, 0), 16);        // threads
  EXPECT_EQ(deviceOccupancy(a100, 32, 0, 0), 32);         // blocks
  EXPECT_EQ(deviceOccupancy(a100, 128, 0, 32 << 10), 4);  // 4 * 33 KiB
  EXPECT_EQ(deviceOccupancy(a100, 128, 0, 164 << 10), 0); // fits nowhere
  EXPECT_EQ(deviceOccupancy(a100, 128, 128, 0), 4);       // 4 * 128 * 128
  EXPECT_EQ(deviceOccupancy(a100, 128, 200, 0), 2);       // 4 warps of 6400
  EXPECT_EQ(deviceOccupancy(a100, 96, 129, 0), 5); // 3 warps of 4352 words
}

namespace {
DeviceWork makeWork() {
  DeviceWork work;
  work.flopsPerToken = 11;
  work.flopsPerSequence = 13;
  work.flopsPerPair = 17;
  work.bytes = 19;
  work.bytesPerToken = 23;
  work.bytesPerSequence = 29;
  work.threads = 128;
  work.sharedBytes = 32 << 10;
  return work;
}
} // namespace

// Token by token, and pair by pair.
TEST(DevicePlan, WorkOfALaunch) {
  const GpuModel &h200 = *findGpuModel("H200");
  DeviceWork work = makeWork();
  const int64_t lengths[] = {3, 50, 7};
  double flops = 0, bytes = work.bytes;
  int64_t tokens = 0, pairs = 0;
  for (int64_t length : lengths) {
    flops += work.flopsPerSequence;
    bytes += work.bytesPerSequence;
    for (int64_t i = 0; i < length; ++i, ++tokens) {
      flops += work.flopsPerToken;
      bytes += work.bytesPerToken;
      for (int64_t j = 0; j < length; ++j, ++pairs)
        flops += work.flopsPerPair;
    }
  }
  DeviceWorkReport report = reportDeviceWork(h200, work, tokens, 3, pairs);
  EXPECT_EQ(report.flops, flops);
  EXPECT_EQ(report.bytes, bytes);
  EXPECT_EQ(report.occupancy, 6); // 228 / 33
  // Memory is the slower: 4.8 TB/s.
  EXPECT_NEAR(report.rooflineSeconds(), bytes / 4.8e12, 1e-15);
  work.flopsPerPair = 1e9;
  report = reportDeviceWork(h200, work, tokens, 3, pairs);
  EXPECT_NEAR(report.rooflineSeconds() / (report.flops / (132 * 4096 * 1.83e9)),
              1, 1e-6);
}

// A launch has rows of tokens in sequences of 128, rows of sequences, or none.
TEST(DevicePlan, EstimatesOfAnyKernel) {
  const DeviceTarget &ampere = *findDeviceTarget("cuda:sm_80");
  const DeviceTarget &hopper = *findDeviceTarget("cuda:sm_90a");
  auto rowsAndGpus = [](const std::vector<DeviceWorkEstimate> &all) {
    std::vector<std::pair<int64_t, std::string>> result;
    for (const DeviceWorkEstimate &e : all)
      result.push_back({e.rows, e.gpu->name.str()});
    return result;
  };
  using Rows = std::vector<std::pair<int64_t, std::string>>;
  DeviceWork work = makeWork();
  std::vector<DeviceWorkEstimate> all = estimateDeviceWork(hopper, work);
  EXPECT_EQ(rowsAndGpus(all), Rows({{1, "H100"},
                                    {1, "H200"},
                                    {128, "H100"},
                                    {128, "H200"},
                                    {1024, "H100"},
                                    {1024, "H200"},
                                    {4096, "H100"},
                                    {4096, "H200"}}));
  EXPECT_EQ(estimateDeviceWork(ampere, work).size(), 12u);
  // 1024 tokens: 8 sequences of 128 * 128 pairs.
  EXPECT_EQ(all[4].report.flops, 11 * 1024 + 13 * 8 + 17 * 8 * 128 * 128);
  EXPECT_EQ(all[4].report.bytes, 19 + 23 * 1024 + 29 * 8);
  // One token.
  EXPECT_EQ(all[0].report.flops, 11 + 13 + 17);
  EXPECT_EQ(all[0].report.bytes, 19 + 23 + 29);
  work.bytesPerToken = work.flopsPerPair = 0;
  all = estimateDeviceWork(hopper, work);
  EXPECT_EQ(all[4].rows, 1024);
  EXPECT_EQ(all[4].report.bytes, 19 + 29 * 1024);
  EXPECT_EQ(all[4].report.flops, 13 * 1024);
  work.bytesPerSequence = work.flopsPerSequence = 0;
  all = estimateDeviceWork(hopper, work);
  EXPECT_EQ(rowsAndGpus(all), Rows({{0, "H100"}, {0, "H200"}}));
  EXPECT_EQ(all[0].report.bytes, 19);
}

TEST(DevicePlan, NamesOfTargets) {
  EXPECT_NE(findDeviceTarget("cuda:sm_80"), nullptr);
  EXPECT_EQ(findDeviceTarget("cuda:sm_75"), nullptr);
  EXPECT_EQ(findGpuModel("B200"), nullptr);
}

} // namespace

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionCase.h"
#include "test/Unit/Gpu/PtxOf.h"

using namespace bertc;
using namespace bertc::test;

static AttentionResult expectGood(const AttentionCase &c) {
  SCOPED_TRACE(c.name());
  AttentionResult result = runAttention(c);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  EXPECT_LE(result.error, attentionTolerance(c));
  EXPECT_LE(result.planesError, 2 * attentionTolerance(c));
  EXPECT_LE(result.logSumExpError, 2e-5);
  EXPECT_EQ(result.wrongPadding, 0);
  EXPECT_TRUE(result.isGood(c));
  return result;
}

TEST(GpuAttention, HeadSizes) {
  for (int64_t headSize : {16, 20, 32, 48, 64, 80, 96, 112, 128})
    expectGood({2, headSize, {70}});
}

TEST(GpuAttention, Lengths) {
  for (int32_t length : {1, 17, 63, 64, 65, 128, 384, 511})
    expectGood({1, 32, {length}});
}

TEST(GpuAttention, RaggedBatches) {
  expectGood({3, 64, {5, 130, 1, 64, 33}});
  expectGood({2, 20, {128, 0, 7}});
}

TEST(GpuAttention, Planes) {
  for (int64_t headSize : {20, 64, 128})
    for (int64_t planes : {2, 3})
      expectGood({1, headSize, {100, 31}, planes});
}

TEST(GpuAttention, Float16) {
  for (int64_t headSize : {32, 64})
    expectGood({2, headSize, {100, 31}, 1, HalfType::F16});
}

TEST(GpuAttention, LogSumExp) {
  AttentionCase c(3, 32, {100, 31}, 3);
  c.shape.logSumExp = true;
  expectGood(c);
}

// Sums of weights are those without it.
TEST(GpuAttention, Dropout) {
  for (int64_t headSize : {20, 64})
    for (int64_t planes : {1, 3})
      for (double rate : {0.1, 0.5}) {
        AttentionCase c(2, headSize, {100, 31}, planes);
        c.shape.dropout = true;
        c.shape.logSumExp = planes > 1;
        c.dropout.rate = rate;
        expectGood(c);
      }
}

TEST(GpuAttention, RowsWithRoomBehindThem) {
  AttentionCase c(3, 32, {100, 31});
  c.shape.inputStride += 16;
  c.shape.outputStride += 32;
  expectGood(c);
}

TEST(GpuAttention, OneFormOfOutput) {
  AttentionCase c(1, 32, {70});
  c.shape.outputs.f32 = false;
  expectGood(c);
  c.shape.outputs.f32 = true;
  c.shape.outputs.planes = 0;
  expectGood(c);
}

TEST(GpuAttention, PlansOfTokens) {
  const DeviceTarget *target = findDeviceTarget("cuda:sm_80");
  ASSERT_NE(target, nullptr);
  // Twelve heads of 64: two blocks for each of the processors.
  int64_t blocks = 2 * target->planned->processors;
  DeviceAttentionPlans plans = planDeviceAttention(*target, 12, 64, 1);
  ASSERT_EQ(plans.size(), 3u);
  EXPECT_EQ(plans[0].first, 1);
  EXPECT_TRUE(plans[0].second.splitKeys);
  EXPECT_EQ(plans[0].second.rows, 16);
  EXPECT_EQ(plans[1].first, blocks * 16 / 12);
  EXPECT_EQ(plans[1].second.rows, 64);
  EXPECT_EQ(plans[2].first, blocks * 128 / 12);
  EXPECT_EQ(plans[2].second.rows, 128);
  EXPECT_EQ(planDeviceAttention(*target, 8, 128, 1).size(), 2u);
}

// A sequence has the same bits in every batch, so in every plan, on each GPU.
TEST(GpuAttention, PlansGiveTheSameBits) {
  for (int64_t headSize : {16, 48, 64, 128})
    for (int64_t planes : {1, 2, 3}) {
      AttentionCase c(2, headSize, {1, 70, 300}, planes);
      c.shape.logSumExp = planes > 1;
      c.shape.dropout = headSize == 64;
      auto plansOf = [&](const char *target) {
        return planDeviceAttention(*findDeviceTarget(target), 2,
                                   c.shape.headStride, planes, c.shape.dropout);
      };
      DeviceAttentionPlans plans = plansOf("cuda:sm_80");
      plans.push_back(plansOf("cuda:sm_90a").front());
      std::vector<uint32_t> bits;
      for (const auto &[from, plan] : plans) {
        EXPECT_EQ(plan.splitKeys, from == 1);
        c.plan = plan;
        AttentionResult result = expectGood(c);
        if (bits.empty())
          bits = result.bits;
        EXPECT_TRUE(bits == result.bits) << c.name();
      }
    }
}

// Blocks for each processor and no more shared memory than lets two be there.
TEST(GpuAttention, SplitKeysFillTheGpu) {
  for (const char *name : {"cuda:sm_80", "cuda:sm_90a"}) {
    const DeviceTarget *target = findDeviceTarget(name);
    for (int64_t headSize : {16, 32, 48, 64, 80, 96, 112, 128})
      for (int64_t planes : {1, 2, 3}) {
        DeviceAttentionPlan plan =
            planDeviceAttention(*target, 12, headSize, planes)[0].second;
        EXPECT_LE(2 * (plan.sharedBytes(headSize, planes) + 1024),
                  target->planned->sharedBytes);
        EXPECT_LE(plan.sharedBytes(headSize, planes), target->blockSharedBytes);
        EXPECT_EQ(headSize / 8 % plan.warps, 0);
      }
    // One sequence of 128 tokens, BERT-base: 24 blocks of 64 queries would be.
    DeviceAttentionPlan plan =
        planDeviceAttention(*target, 12, 64, 1)[0].second;
    EXPECT_EQ(attentionBlocks(plan, 128) * 12, 96);
  }
}

// Three rounds of two steps, of which the last has one.
TEST(GpuAttention, SplitKeysInRounds) {
  for (int64_t stride : {16, 64}) {
    AttentionCase c(1, stride, {129, 5, 160, 0, 33});
    c.plan = {/*rows=*/16, /*keys=*/32, /*warps=*/2, /*stages=*/1};
    c.plan.splitKeys = true;
    expectGood(c);
  }
}

TEST(GpuAttention, Plans) {
  for (DeviceAttentionPlan plan : {DeviceAttentionPlan{16, 16, 1, 2},
                                   {32, 64, 2, 2},
                                   {64, 32, 2, 3},
                                   {128, 64, 4, 4},
                                   {128, 128, 8, 2},
                                   {48, 48, 3, 2}}) {
    AttentionCase c(1, 48, {200, 3});
    c.plan = plan;
    expectGood(c);
  }
}

// What the plan counts on: nothing lies in local memory, registers let as many
// blocks be resident, and no instruction of the key step is missing or made
// twice.
TEST(GpuAttention, Assembled) {
  for (int64_t headSize : {20, 48, 64, 96, 128})
    for (int64_t planes : {1, 2, 3}) {
      AttentionCase c(12, headSize, {384}, planes);
      c.shape.outputs.f32 = false;
      int64_t stride = c.shape.headStride;
      for (const auto &[from, plan] : planDeviceAttention(
               *findDeviceTarget("cuda:sm_80"), 12, stride, planes)) {
        SCOPED_TRACE(c.name() + " from " + std::to_string(from));
        std::string ptx = ptxOf([&, &plan = plan](GpuBuilder &k) {
          attentionKernel(k, c.shape, plan);
        });
        EXPECT_EQ(count(ptx, ".local"), 0);
        int64_t blocks = plan.keys / 16 * stride / 16;
        // Scores and context; each block of 16 keys and 16 columns once.
        EXPECT_EQ(count(ptx, "ldmatrix.sync"),
                  blocks * (2 * planes + plan.rowTiles() * plan.sharedPlanes));
        EXPECT_EQ(count(ptx, "mma.sync"),
                  2 * blocks * 2 * plan.rowTiles() * planes * (planes + 1) / 2);
        EXPECT_LE(plan.registers(stride, planes), 255);
        auto assembled = assemble(ptx);
        if (!assembled)
          continue;
        int threads = plan.warps * 32;
        EXPECT_LE((assembled->registers + 7) / 8 * 8 * threads *
                      plan.resident(stride, planes),
                  65536);
        EXPECT_EQ(assembled->spillBytes, 0);
      }
    }
}

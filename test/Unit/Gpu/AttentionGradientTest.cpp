//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionGradientCase.h"
#include "test/Unit/Gpu/PtxOf.h"

using namespace bertc;
using namespace bertc::test;

static void expectGood(const AttentionGradientCase &c) {
  SCOPED_TRACE(c.name());
  AttentionGradientResult result = runAttentionGradient(c);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  EXPECT_LE(result.sums, attentionSumsTolerance(c));
  EXPECT_LE(result.dq, attentionGradientTolerance(c));
  EXPECT_LE(result.dk, attentionGradientTolerance(c));
  EXPECT_LE(result.dv, attentionGradientTolerance(c));
  EXPECT_LE(result.planes, 2 * attentionGradientTolerance(c));
  EXPECT_EQ(result.wrongPadding, 0);
  EXPECT_TRUE(result.isGood(c));
}

TEST(GpuAttentionGradient, HeadSizes) {
  for (int64_t headSize : {16, 20, 32, 48, 64, 80, 96, 112, 128})
    expectGood({2, headSize, {70}});
}

TEST(GpuAttentionGradient, Lengths) {
  for (int32_t length : {1, 17, 63, 64, 65, 128, 384, 511})
    expectGood({1, 32, {length}});
}

TEST(GpuAttentionGradient, RaggedBatches) {
  expectGood({3, 64, {5, 130, 1, 64, 33}});
  expectGood({2, 20, {128, 0, 7}});
}

TEST(GpuAttentionGradient, Planes) {
  for (int64_t headSize : {20, 32, 64, 128})
    for (int64_t planes : {2, 3})
      expectGood({1, headSize, {100, 31}, planes});
}

TEST(GpuAttentionGradient, Float16) {
  for (int64_t headSize : {32, 64})
    expectGood({2, headSize, {100, 31}, 1, HalfType::F16});
}

// A missing key's score of zero is so far above these that exp overflows.
TEST(GpuAttentionGradient, LowScores) {
  AttentionGradientCase c(2, 16, {20, 27}, /*planes=*/3);
  c.lowScores = true;
  expectGood(c);
}

TEST(GpuAttentionGradient, Dropout) {
  for (int64_t headSize : {20, 64, 128})
    for (int64_t planes : {1, 3}) {
      AttentionGradientCase c(2, headSize, {70, 31}, planes);
      c.shape.dropout = true;
      c.dropout.rate = headSize == 64 ? 0.5 : 0.1;
      expectGood(c);
    }
}

TEST(GpuAttentionGradient, RowsWithRoomBehindThem) {
  AttentionGradientCase c(3, 32, {100, 31});
  c.shape.inputStride += 16;
  c.shape.outputStride += 32;
  c.shape.gradientStride += 48;
  expectGood(c);
}

TEST(GpuAttentionGradient, OneFormOfGradients) {
  AttentionGradientCase c(1, 32, {70});
  c.shape.gradients.f32 = false;
  expectGood(c);
  c.shape.gradients.f32 = true;
  c.shape.gradients.planes = 0;
  expectGood(c);
}

TEST(GpuAttentionGradient, Plans) {
  for (DeviceAttentionGradientPlan plan :
       {DeviceAttentionGradientPlan{16, 16, 1, 2},
        {32, 64, 2, 2},
        {64, 32, 2, 3},
        {128, 64, 4, 4},
        {128, 64, 8, 2},
        {48, 48, 3, 2, /*resident=*/false},
        {64, 16, 2, 3, /*resident=*/false}})
    // Heads whose chunks are permuted in twos, in fours and in eights.
    for (int64_t headSize : {48, 96, 64}) {
      AttentionGradientCase c(1, headSize, {headSize == 48 ? 200 : 70, 3});
      c.plans = {plan, plan};
      if (headSize == 48 || plan.rows < 128)
        expectGood(c);
    }
}

// Nothing lies in local memory, no instruction of a step is missing or made
// twice, and both targets take it.
static void expectAssembled(const AttentionGradientCase &c, bool ofKeys) {
  SCOPED_TRACE(c.name() + (ofKeys ? ", keys" : ", queries"));
  const DeviceAttentionGradientPlan &plan =
      ofKeys ? c.plans.keys : c.plans.queries;
  auto emit = [&](GpuBuilder &k) {
    if (ofKeys)
      attentionKeyGradientKernel(k, c.shape, plan);
    else
      attentionQueryGradientKernel(k, c.shape, plan);
  };
  std::string ptx = ptxOf(emit);
  EXPECT_EQ(count(ptx, ".local"), 0);
  int64_t rowTiles = plan.rows / plan.warps / 16;
  int64_t blocks = plan.columns / 16 * c.shape.headStride / 16;
  // Scores, gradients of weights and results; each block of 16 columns once,
  // and what is not resident.
  int64_t products = ofKeys ? 4 : 3;
  int64_t own = plan.resident ? 0 : 2 * rowTiles * c.shape.headStride / 16;
  EXPECT_EQ(count(ptx, "ldmatrix.sync"),
            (products * blocks + own) * c.shape.planes);
  EXPECT_EQ(count(ptx, "mma.sync"), products * blocks * 2 * rowTiles *
                                        c.shape.planes * (c.shape.planes + 1) /
                                        2);
  if (auto assembled = assemble(ptx)) {
    // For more warps on a processor, ptxas puts a few addresses on the stack.
    // The sums of two results of large heads leave registers for one plane.
    bool isFull = ofKeys && c.shape.headStride > 112 && c.shape.planes > 1;
    EXPECT_LE(assembled->spillBytes, isFull ? 384 : 48);
    if (c.shape.headSize == 64)
      assemble(ptxOf(emit, "sm_90a"), "sm_90a");
  }
}

TEST(GpuAttentionGradient, Assembled) {
  for (int64_t headSize : {20, 64, 128})
    for (int64_t planes : {1, 2, 3}) {
      AttentionGradientCase c(12, headSize, {384}, planes);
      c.shape.gradients.f32 = false;
      expectAssembled(c, /*ofKeys=*/false);
      expectAssembled(c, /*ofKeys=*/true);
    }
}

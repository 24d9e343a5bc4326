//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionProbabilitiesCase.h"
#include "test/Unit/Gpu/PtxOf.h"

using namespace bertc;
using namespace bertc::test;

static void expectGood(const AttentionProbabilitiesCase &c) {
  SCOPED_TRACE(c.name());
  AttentionProbabilitiesResult result = runAttentionProbabilities(c);
  EXPECT_CLEAN(result.report);
  EXPECT_EQ(result.report.bankConflicts, 0u);
  EXPECT_LE(result.error, attentionProbabilitiesTolerance(c));
  EXPECT_EQ(result.wrongPadding, 0);
  EXPECT_TRUE(result.isGood(c));
}

TEST(GpuAttentionProbabilities, HeadSizes) {
  for (int64_t headSize : {16, 20, 32, 33, 48, 64, 80, 96, 112, 128})
    expectGood({2, headSize, {70}});
}

TEST(GpuAttentionProbabilities, Lengths) {
  for (int32_t length : {1, 2, 17, 63, 64, 65, 128, 384, 511})
    expectGood({1, 32, {length}});
}

TEST(GpuAttentionProbabilities, RaggedBatches) {
  expectGood({3, 64, {5, 130, 1, 64, 33}});
  expectGood({2, 20, {128, 0, 7}});
  expectGood({17, 16, {3, 9}});
}

// Whole blocks and steps are zero, of rows that are aligned to pairs or not.
TEST(GpuAttentionProbabilities, LongerThanAllSequences) {
  for (int32_t longest : {129, 130, 200}) {
    AttentionProbabilitiesCase c(2, 32, {5, 64, 100});
    c.longest = longest;
    expectGood(c);
  }
}

TEST(GpuAttentionProbabilities, Planes) {
  for (int64_t headSize : {20, 33, 64, 96, 128})
    for (int64_t planes : {2, 3})
      expectGood({1, headSize, {100, 31}, planes});
}

TEST(GpuAttentionProbabilities, Float16) {
  for (int64_t headSize : {33, 64})
    expectGood({2, headSize, {100, 31}, 1, HalfType::F16});
}

// Queries of so large heads are in shared memory.
TEST(GpuAttentionProbabilities, LargeHeads) {
  expectGood({2, 192, {70, 5}, 3});
  expectGood({1, 528, {70}});
}

TEST(GpuAttentionProbabilities, LowScores) {
  AttentionProbabilitiesCase c(2, 16, {20, 27}, /*planes=*/3);
  c.lowScores = true;
  expectGood(c);
}

TEST(GpuAttentionProbabilities, Scale) {
  AttentionProbabilitiesCase c(2, 32, {40});
  c.shape.scale = 0.25;
  expectGood(c);
}

TEST(GpuAttentionProbabilities, RowsWithRoomBehindThem) {
  AttentionProbabilitiesCase c(3, 32, {100, 31});
  c.shape.inputStride += 16;
  expectGood(c);
}

// Nothing lies in local memory, no instruction of a step is missing or made
// twice, and both targets take it.
TEST(GpuAttentionProbabilities, Assembled) {
  for (int64_t headSize : {20, 32, 64, 96, 128, 192})
    for (int64_t planes : {1, 2, 3}) {
      AttentionProbabilitiesCase c(12, headSize, {384}, planes);
      SCOPED_TRACE(c.name());
      auto emit = [&](GpuBuilder &k) {
        attentionProbabilitiesKernel(k, c.shape);
      };
      std::string ptx = ptxOf(emit);
      EXPECT_EQ(count(ptx, ".local"), 0);
      bool isResident = planes * headSize <= 512;
      int64_t blocks = planes == 1 ? 4 : isResident ? 2 : 1;
      int64_t steps = blocks * c.shape.headStride / 16;
      EXPECT_EQ(count(ptx, "ldmatrix.sync"),
                (isResident ? 1 : 2) * planes * steps);
      EXPECT_EQ(count(ptx, "mma.sync"), 2 * steps * planes * (planes + 1) / 2);
      if (auto assembled = assemble(ptx))
        EXPECT_EQ(assembled->spillBytes, 0);
      if (auto assembled = assemble(ptxOf(emit, "sm_90a"), "sm_90a"))
        EXPECT_EQ(assembled->spillBytes, 0);
    }
}

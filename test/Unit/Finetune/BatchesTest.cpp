//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Batches: every example once an epoch, the same order for the same seed and
// epoch, and no other.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Batches.h"
#include "llvm/ADT/STLExtras.h"
#include "gtest/gtest.h"
#include <numeric>

using namespace bertc;
using namespace bertc::finetune;

namespace {
std::vector<size_t> someLengths(size_t count) {
  SplitMix64 random(5);
  std::vector<size_t> lengths(count);
  for (size_t &length : lengths)
    length = 1 + random.below(60);
  return lengths;
}

void expectEachOnce(const std::vector<std::vector<uint32_t>> &batches,
                    size_t count) {
  std::vector<uint32_t> all;
  for (const auto &batch : batches) {
    EXPECT_FALSE(batch.empty());
    llvm::append_range(all, batch);
  }
  llvm::sort(all);
  std::vector<uint32_t> want(count);
  std::iota(want.begin(), want.end(), 0);
  EXPECT_EQ(all, want);
}

size_t tokensOf(const std::vector<uint32_t> &batch,
                const std::vector<size_t> &lengths) {
  size_t sum = 0;
  for (uint32_t index : batch)
    sum += lengths[index];
  return sum;
}
} // namespace

// Values that other implementations of splitmix64 print for this seed.
TEST(Batches, SplitMix64) {
  SplitMix64 random(1234567);
  for (uint64_t want :
       {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
        4593380528125082431u, 16408922859458223821u})
    EXPECT_EQ(random.next(), want);
}

TEST(Batches, BelowIsUniform) {
  SplitMix64 random(1);
  unsigned counts[7] = {};
  for (unsigned i = 0; i < 70000; ++i)
    ++counts[random.below(7)];
  for (unsigned count : counts)
    EXPECT_NEAR(count, 10000, 400); // four standard deviations
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Batches, BySequences) {
  auto lengths = someLengths(101);
  BatchOptions options;
  auto batches = epochBatches(lengths, options, 0);
  EXPECT_EQ(batches.size(), 13u);
  EXPECT_EQ(batches.front().size(), 8u);
  EXPECT_EQ(batches.back().size(), 5u);
  expectEachOnce(batches, 101);
  EXPECT_EQ(batches, epochBatches(lengths, options, 0));
  EXPECT_NE(batches, epochBatches(lengths, options, 1));
  options.seed = 43;
  EXPECT_NE(batches, epochBatches(lengths, options, 0));
  // Not the same numbers one epoch later.
  BatchOptions before;
  EXPECT_NE(epochBatches(lengths, options, 0),
            epochBatches(lengths, before, 1));
}

TEST(Batches, ByTokens) {
  auto lengths = someLengths(1000);
  lengths[77] = 900;
  BatchOptions options;
  options.tokens = 512;
  auto batches = epochBatches(lengths, options, 3);
  expectEachOnce(batches, 1000);
  EXPECT_EQ(batches.front(), std::vector<uint32_t>{77});
  size_t total = std::accumulate(lengths.begin(), lengths.end(), size_t(0));
  EXPECT_LE(batches.size(), total / 512 * 5 / 4);
  for (const auto &batch : llvm::drop_begin(batches))
    EXPECT_LE(tokensOf(batch, lengths), 512u);
}

TEST(Batches, ByLength) {
  auto lengths = someLengths(400);
  BatchOptions options;
  options.groupByLength = true;
  auto batches = epochBatches(lengths, options, 0);
  expectEachOnce(batches, 400);
  size_t spread = 0;
  for (const auto &batch : batches) {
    auto byLength = [&](uint32_t a, uint32_t b) {
      return lengths[a] < lengths[b];
    };
    auto [least, most] =
        std::minmax_element(batch.begin(), batch.end(), byLength);
    spread += lengths[*most] - lengths[*least];
  }
  EXPECT_LE(spread / batches.size(), 5u); // 60 for batches at random
}

TEST(Batches, OfOneExample) {
  BatchOptions options;
  EXPECT_EQ(epochBatches({9}, options, 0).size(), 1u);
  options.tokens = 1;
  EXPECT_EQ(epochBatches({9}, options, 0).size(), 1u);
  EXPECT_EQ(evaluationBatches({9}, 1, 1).size(), 1u);
}

TEST(Batches, ForEvaluation) {
  auto lengths = someLengths(50);
  auto batches = evaluationBatches(lengths, 8, 0);
  EXPECT_EQ(batches.size(), 7u);
  expectEachOnce(batches, 50);
  batches = evaluationBatches(lengths, 8, 100);
  expectEachOnce(batches, 50);
  for (const auto &batch : batches)
    EXPECT_LE(tokensOf(batch, lengths), 100u);
}

TEST(Batches, ArePacked) {
  ExampleSet set;
  set.ids = {1, 10, 2, 1, 2, 1, 11, 12, 2};
  set.types = {0, 0, 0, 0, 0, 0, 1, 1, 1};
  set.offsets = {0, 3, 5, 9};
  set.lines = {1, 2, 3};
  std::vector<uint32_t> order{2, 0};
  using Ints = std::vector<int32_t>;
  set.classes = {5, 6, 7};
  Batch batch = makeBatch(set, {TaskKind::Classify, 9}, order);
  EXPECT_EQ(batch.ids, (Ints{1, 11, 12, 2, 1, 10, 2}));
  EXPECT_EQ(batch.types, (Ints{0, 1, 1, 1, 0, 0, 0}));
  EXPECT_EQ(batch.cuSeqlens, (Ints{0, 4, 7}));
  EXPECT_EQ(batch.classes, (Ints{7, 5}));
  EXPECT_EQ(batch.sequences(), 2u);
  set.classes = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(makeBatch(set, {TaskKind::Tag, 9}, order).classes,
            (Ints{5, 6, 7, 8, 0, 1, 2}));
  set.classes = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(makeBatch(set, {TaskKind::Answer, 2}, order).classes,
            (Ints{4, 5, 0, 1}));
  set.numbers = {0, 1, 2, 3, 4, 5};
  EXPECT_EQ(makeBatch(set, {TaskKind::Regress, 2}, order).numbers,
            (std::vector<float>{4, 5, 0, 1}));
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bits behind dropout: the published answers of Philox, and statistics of
// the masks, whose bounds are five deviations of what chance allows.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Philox.h"
#include "dialects/Enc/Reference/TrainingFunctions.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace mlir::enc::reference;

// From the known answers of Random123 (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  using Words = std::array<uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, 0),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox({ones, ones, ones, ones}, ~uint64_t(0)),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   0x299f31d0a4093822),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

namespace {
constexpr int64_t rows = 300, columns = 203;

Tensor mask(const DropoutSource &source) {
  Tensor ones({rows, columns});
  std::fill(ones.data.begin(), ones.data.end(), 1.0);
  return dropout(ones, source);
}

/// How many elements both masks keep.
double common(const Tensor &a, const Tensor &b) {
  double count = 0;
  for (size_t i = 0; i < a.data.size(); ++i)
    count += a.data[i] != 0 && b.data[i] != 0;
  return count / a.data.size();
}

double deviations(double fraction, double expected) {
  return std::fabs(fraction - expected) /
         std::sqrt(expected * (1 - expected) / (rows * columns));
}
} // namespace

TEST(Dropout, KeepsTheShareThatTheRateLeaves) {
  for (double rate : {0.0, 0.1, 0.5, 0.9}) {
    Tensor kept = mask({42, 1, 3, 2, rate});
    for (double value : kept.data)
      ASSERT_TRUE(value == 0 || value == 1 / (1 - rate)) << value;
    if (rate == 0)
      EXPECT_EQ(common(kept, kept), 1.0);
    else
      EXPECT_LT(deviations(common(kept, kept), 1 - rate), 5) << rate;
  }
}

// Masks that differ in one part of their place agree as often as by chance.
TEST(Dropout, PlacesAreIndependent) {
  DropoutSource source{42, 1, 3, 2, 0.5};
  Tensor first = mask(source);
  EXPECT_EQ(mask(source).data, first.data);
  auto expectOther = [&](DropoutSource other, const char *what) {
    EXPECT_LT(deviations(common(first, mask(other)), 0.25), 5) << what;
  };
  expectOther({43, 1, 3, 2, 0.5}, "seed");
  expectOther({42 + (uint64_t(1) << 32), 1, 3, 2, 0.5},
              "high half of the seed");
  expectOther({42, 2, 3, 2, 0.5}, "step");
  expectOther({42, 1, 4, 2, 0.5}, "site");
  expectOther({42, 1, 3, 3, 0.5}, "layer");
  Tensor shifted = first;
  std::rotate(shifted.data.begin(), shifted.data.begin() + 1,
              shifted.data.end());
  EXPECT_LT(deviations(common(first, shifted), 0.25), 5) << "column";
  std::rotate(shifted.data.begin(), shifted.data.begin() + columns - 1,
              shifted.data.end());
  EXPECT_LT(deviations(common(first, shifted), 0.25), 5) << "row";
}

// What comes after a row, in it or in the batch, does not change its mask.
TEST(Dropout, DoesNotDependOnWhatFollows) {
  DropoutSource source{7, 5, 1, 0, 0.3};
  Tensor all = mask(source), few({2, 5});
  std::fill(few.data.begin(), few.data.end(), 1.0);
  few = dropout(few, source);
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 5; ++j)
      EXPECT_EQ(few.row(i)[j], all.row(i)[j]);
}

// Heads of scores have masks of their own; rows are tokens of the batch.
TEST(Dropout, ScoresByHeadAndToken) {
  DropoutSource source{7, 5, 1, 3, 0.5};
  Tensor scores;
  scores.shape = {2};
  scores.lengths = {3, 5};
  scores.data.assign(2 * (9 + 25), 1.0);
  Tensor kept = dropout(scores, source);
  size_t at = 0;
  for (auto [first, length] : {std::pair<int64_t, int64_t>{0, 3}, {3, 5}})
    for (int64_t head = 0; head < 2; ++head)
      for (int64_t i = 0; i < length; ++i)
        for (int64_t j = 0; j < length; ++j)
          EXPECT_EQ(kept.data[at++], dropoutFactor(source, first + i, j, head));
}

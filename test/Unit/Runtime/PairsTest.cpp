//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Per-pair outputs of the fake model, against loops over the caller's layout.
// Buffers are full of NaN before a run, so every float must be written.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include "runtime/core/Outputs.h"

#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <vector>

using namespace bertc::test;

namespace {

using Floats = std::vector<float>;
using Integers = std::vector<int64_t>;

Floats unwritten(int64_t count) {
  return Floats(size_t(count), std::numeric_limits<float>::quiet_NaN());
}

/// Which positions of [batch, seq] are real, and ids that tell them apart.
struct PaddedBatch {
  int64_t batch, seq;
  Integers mask, ids = {};

  PaddedBatch(int64_t batch, int64_t seq, Integers real)
      : batch(batch), seq(seq), mask(std::move(real)) {
    for (int64_t i = 0; i < batch * seq; ++i)
      ids.push_back(mask[size_t(i)] ? (i * 7 + 3) % vocabSize : -5);
  }
  bertc_padded_inputs inputs() const { return padded(batch, seq, ids, &mask); }
  Floats expected() const {
    Floats result;
    for (int64_t row = 0; row < batch * seq; row += seq)
      for (int64_t head = 0; head < headCount; ++head)
        for (int64_t i = row; i < row + seq; ++i)
          for (int64_t j = row; j < row + seq; ++j)
            result.push_back(
                mask[size_t(i)] && mask[size_t(j)]
                    ? pairValue(head, ids[size_t(i)], ids[size_t(j)])
                    : 0.0f);
    return result;
  }
};

Floats run(bertc_session *session, const PaddedBatch &batch) {
  bertc_padded_inputs inputs = batch.inputs();
  Floats result = unwritten(batch.batch * headCount * batch.seq * batch.seq);
  bertc_output output = {"attentions.0", result.data(), result.size()};
  bertc_status status;
  EXPECT_EQ(api().run_padded(session, &inputs, &output, 1, &status), BERTC_OK)
      << status.message;
  return result;
}

void runAndCompare(bertc_session *session, const PaddedBatch &batch) {
  EXPECT_EQ(run(session, batch), batch.expected());
}

} // namespace

TEST(RunPairs, FullMask) {
  for (uint32_t threads = 1; threads <= 4; ++threads) {
    Opened opened(threads);
    runAndCompare(opened.session, {2, 5, Integers(10, 1)});
    runAndCompare(opened.session, {1, 1, {1}});
  }
}

TEST(RunPairs, WithoutMask) {
  Opened opened(2);
  PaddedBatch batch(2, 3, Integers(6, 1));
  bertc_padded_inputs inputs = padded(2, 3, batch.ids);
  Floats result = unwritten(2 * headCount * 3 * 3);
  bertc_output output = {"attentions.0", result.data(), result.size()};
  ASSERT_EQ(api().run_padded(opened.session, &inputs, &output, 1, nullptr),
            BERTC_OK);
  EXPECT_EQ(result, batch.expected());
}

TEST(RunPairs, PaddingAnywhere) {
  const Integers masks[] = {
      {1, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0}, // behind the tokens
      {0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1}, // in front of them
      {1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1}, // between them
      {1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 0}, // each in some row
      {1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0}, // no row is full
  };
  for (uint32_t threads : {1, 2, 3, 4, 11}) {
    Opened opened(threads);
    for (const Integers &mask : masks)
      runAndCompare(opened.session, {3, 4, mask});
  }
}

TEST(RunPairs, AllMasksOfTwoRows) {
  Opened opened(2);
  for (int bits = 0; bits < 1024; ++bits) {
    if ((bits & 31) == 0 || (bits >> 5) == 0)
      continue;
    Integers mask(10);
    for (int i = 0; i < 10; ++i)
      mask[size_t(i)] = bits >> i & 1;
    PaddedBatch batch(2, 5, mask);
    ASSERT_EQ(run(opened.session, batch), batch.expected()) << bits;
  }
}

TEST(RunPairs, RandomMasks) {
  std::minstd_rand random(1);
  for (uint32_t threads : {1, 3, 8}) {
    Opened opened(threads);
    for (int repeat = 0; repeat < 20; ++repeat) {
      Integers mask(7 * maxPositions);
      for (size_t i = 0; i < mask.size(); ++i)
        mask[i] = i % maxPositions == 3 || random() % 100 < 70;
      PaddedBatch batch(7, maxPositions, mask);
      ASSERT_EQ(run(opened.session, batch), batch.expected()) << repeat;
    }
  }
}

TEST(RunPairs, Packed) {
  const Integers lengths[] = {{1, 4, 2}, {3, 3}, {5}, {1, 1, 1}, {2, 16, 1, 7}};
  for (uint32_t threads : {1, 2, 5})
    for (const Integers &each : lengths) {
      Opened opened(threads);
      Integers ids, offsets = {0};
      int64_t longest = 0;
      for (int64_t length : each) {
        for (int64_t i = 0; i < length; ++i)
          ids.push_back(int64_t(ids.size() * 3 + 1) % vocabSize);
        offsets.push_back(int64_t(ids.size()));
        longest = std::max(longest, length);
      }
      Floats expected;
      for (size_t b = 0; b < each.size(); ++b)
        for (int64_t head = 0; head < headCount; ++head)
          for (int64_t i = 0; i < longest; ++i)
            for (int64_t j = 0; j < longest; ++j)
              expected.push_back(i < each[b] && j < each[b]
                                     ? pairValue(head,
                                                 ids[size_t(offsets[b] + i)],
                                                 ids[size_t(offsets[b] + j)])
                                     : 0.0f);
      bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
      inputs.tokens = int64_t(ids.size());
      inputs.sequences = int64_t(each.size());
      inputs.input_ids = ids.data();
      inputs.cu_seqlens = offsets.data();
      Floats result = unwritten(int64_t(expected.size()));
      bertc_output output = {"attentions.0", result.data(), result.size()};
      bertc_status status;
      ASSERT_EQ(api().run_packed(opened.session, &inputs, &output, 1, &status),
                BERTC_OK)
          << status.message;
      EXPECT_EQ(result, expected);
    }
}

// Beside other outputs, in a larger buffer, whose end is left alone.
TEST(RunPairs, WithOtherOutputs) {
  Opened opened(2);
  PaddedBatch batch(2, 3, {0, 1, 1, 1, 1, 1});
  bertc_padded_inputs inputs = batch.inputs();
  Floats pairs(2 * headCount * 3 * 3 + 2, -1), hidden(6 * hiddenWidth, -1),
      pooler(2 * poolerWidth, -1);
  bertc_output outputs[] = {
      {"pooler_output", pooler.data(), pooler.size()},
      {"attentions.0", pairs.data(), pairs.size()},
      {"last_hidden_state", hidden.data(), hidden.size()}};
  ASSERT_EQ(api().run_padded(opened.session, &inputs, outputs, 3, nullptr),
            BERTC_OK);
  Floats expected = batch.expected();
  expected.insert(expected.end(), {-1, -1});
  EXPECT_EQ(pairs, expected);
  EXPECT_EQ(pooler[0], 2);
  EXPECT_EQ(pooler[poolerWidth], 3);
  EXPECT_EQ(hidden[0], 0);
  EXPECT_EQ(hidden[hiddenWidth], float(batch.ids[1]));
}

TEST(RunPairs, InASessionThatKeepsAProfile) {
  Opened opened;
  api().session_destroy(opened.session);
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = 3;
  options.flags = BERTC_SESSION_PROFILE;
  ASSERT_EQ(
      api().session_create(opened.model, &options, &opened.session, nullptr),
      BERTC_OK);
  runAndCompare(opened.session, {2, 4, {0, 1, 0, 1, 1, 1, 1, 1}});
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  ASSERT_EQ(api().session_profile(opened.session, &records, &count, nullptr),
            BERTC_OK);
  // As without matrices that move, but for the last wait.
  EXPECT_EQ(count, 3u * 8);
}

TEST(RunPairs, SmallBuffers) {
  Opened opened;
  PaddedBatch batch(2, 4, {1, 1, 1, 0, 1, 0, 0, 0});
  bertc_padded_inputs inputs = batch.inputs();
  Floats data(2 * headCount * 4 * 4);
  bertc_output output = {"attentions.0", data.data(), data.size() - 1};
  bertc_status status;
  EXPECT_EQ(api().run_padded(opened.session, &inputs, &output, 1, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "outputs[0].size (attentions.0) is 95 floats, "
                               "expected at least 2 x 3 x 4 x 4");
  Integers ids = {1, 2, 3, 4}, offsets = {0, 1, 4};
  bertc_packed_inputs packed = BERTC_INIT(bertc_packed_inputs);
  packed.tokens = 4;
  packed.sequences = 2;
  packed.input_ids = ids.data();
  packed.cu_seqlens = offsets.data();
  output.size = 53;
  EXPECT_EQ(api().run_packed(opened.session, &packed, &output, 1, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "outputs[0].size (attentions.0) is 53 floats, "
                               "expected at least 2 x 3 x 3 x 3");
  output.size = 54;
  EXPECT_EQ(api().run_packed(opened.session, &packed, &output, 1, &status),
            BERTC_OK);
}

// No buffer is large enough when 64 bits are not enough for its size.
TEST(RunPairs, SizesThatDoNotFit) {
  using namespace bertc::rt;
  const bertc_output_desc known = {"attentions.0", BERTC_PER_PAIR, 16};
  int64_t most = INT32_MAX;
  for (Shape shape : {Shape{most, 2, most, most, most},
                      Shape{most, most, most, most, most}}) {
    float data[1];
    bertc_output output = {"attentions.0", data, SIZE_MAX};
    float *bound[BERTC_MAX_OUTPUTS] = {};
    bertc_status status;
    uint64_t floats;
    EXPECT_FALSE(countFloats(known, shape, floats));
    EXPECT_EQ(bindOutputs(&known, 1, &output, 1, shape, bound, &status),
              BERTC_INVALID_ARGUMENT);
    EXPECT_NE(std::string(status.message).find(" x 16 x 2147483647 x "),
              std::string::npos)
        << status.message;
  }
  uint64_t floats = 0;
  EXPECT_TRUE(countFloats(known, {40, 5, 8, 40, 8}, floats));
  EXPECT_EQ(floats, 5u * 16 * 8 * 8);
}

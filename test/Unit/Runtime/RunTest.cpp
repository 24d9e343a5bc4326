//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs of the fake model: what generated code receives for a padded or a
// packed batch, and what arrives in the caller's buffers.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include <gtest/gtest.h>
#include <vector>
#include <xmmintrin.h>

using namespace bertc::test;

namespace {

using Floats = std::vector<float>;

/// Runs and returns last_hidden_state, filled with -1 before.
template <typename Inputs>
Floats hidden(bertc_session *session, const Inputs &inputs, size_t rows) {
  Floats data(rows * hiddenWidth, -1);
  bertc_output output = {"last_hidden_state", data.data(), data.size()};
  bertc_status status;
  auto run = [&](const bertc_padded_inputs &in) {
    return api().run_padded(session, &in, &output, 1, &status);
  };
  EXPECT_EQ(run(inputs), BERTC_OK) << status.message;
  EXPECT_STREQ(status.message, "");
  return data;
}

} // namespace

// Positions are columns of the padded row, so left padding gives what Hugging
// Face gives; rows of masked positions are zero.
TEST(RunPadded, PacksAnyMask) {
  for (uint32_t threads = 1; threads <= 4; ++threads) {
    Opened opened(threads);
    std::vector<int64_t> ids = {7, 8, 999, 999, 999, -5, 3, 4, 9, 999, 1, 999};
    std::vector<int64_t> mask = {1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 0};
    bertc_padded_inputs inputs = padded(3, 4, ids, &mask);
    EXPECT_EQ(hidden(opened.session, inputs, 12),
              (Floats{7, 0, 0, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                      0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, 1, 4, 0, 3, 1,
                      9, 0, 0, 2, 0, 0, 0, 0, 1, 0, 2, 2, 0, 0, 0, 0}));
    EXPECT_EQ(observed.tokens, 6);
    EXPECT_EQ(observed.sequences, 3);
    EXPECT_EQ(observed.longest, 2);
    EXPECT_EQ(observed.entries, int(threads));
    EXPECT_EQ(observed.tids, (1ull << threads) - 1);
  }
}

TEST(RunPadded, WithoutMaskEveryPositionIsReal) {
  Opened opened(2);
  std::vector<int64_t> ids = {1, 2, 3, 4};
  EXPECT_EQ(hidden(opened.session, padded(2, 2, ids), 4),
            (Floats{1, 0, 0, 0, 2, 0, 1, 0, 3, 0, 0, 1, 4, 0, 1, 1}));
}

TEST(RunPadded, TakesTypesAndPositionsInI32) {
  Opened opened(2);
  std::vector<int32_t> ids = {1, 2, 3}, mask = {0, 1, 1}, types = {9, 1, 0},
                       positions = {-7, 5, 2};
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  inputs.batch = 1;
  inputs.seq = 3;
  inputs.dtype = BERTC_I32;
  inputs.input_ids = ids.data();
  inputs.attention_mask = mask.data();
  inputs.token_type_ids = types.data();
  inputs.position_ids = positions.data();
  EXPECT_EQ(hidden(opened.session, inputs, 3),
            (Floats{0, 0, 0, 0, 2, 1, 5, 0, 3, 0, 2, 0}));
}

// A row may be longer than the model's limit as long as its real tokens fit.
TEST(RunPadded, RowMayBeLongerThanTheLimit) {
  Opened opened(1);
  std::vector<int64_t> ids(40, 5), mask(40, 0);
  for (int i = 0; i < maxPositions; ++i)
    mask[i] = 1;
  hidden(opened.session, padded(1, 40, ids, &mask), 40);
  EXPECT_EQ(observed.longest, maxPositions);
}

TEST(RunPadded, ReadsUnalignedArrays) {
  Opened opened(1);
  std::vector<char> bytes(8 * 2 + 1);
  int64_t ids[] = {11, 12};
  memcpy(bytes.data() + 1, ids, sizeof(ids));
  bertc_padded_inputs inputs = BERTC_INIT(bertc_padded_inputs);
  inputs.batch = 1;
  inputs.seq = 2;
  inputs.input_ids = bytes.data() + 1;
  EXPECT_EQ(hidden(opened.session, inputs, 2),
            (Floats{11, 0, 0, 0, 12, 0, 1, 0}));
}

TEST(RunPadded, SeveralOutputs) {
  Opened opened(3);
  std::vector<int64_t> ids = {1, 2, 3, 4, 5, 6}, mask = {1, 1, 0, 1, 1, 1};
  bertc_padded_inputs inputs = padded(2, 3, ids, &mask);
  Floats pooler(2 * poolerWidth), tokens(6 * hiddenWidth, -1);
  bertc_output outputs[] = {
      {"pooler_output", pooler.data(), pooler.size()},
      {"last_hidden_state", tokens.data(), tokens.size()}};
  ASSERT_EQ(api().run_padded(opened.session, &inputs, outputs, 2, nullptr),
            BERTC_OK);
  EXPECT_EQ(pooler, (Floats{2, 3, 1, 3, 15, 4}));
  EXPECT_EQ(tokens[2 * hiddenWidth], 0);
  EXPECT_EQ(tokens[5 * hiddenWidth], 6);
}

TEST(RunPacked, RowsAreTokens) {
  for (uint32_t threads = 1; threads <= 4; ++threads) {
    Opened opened(threads);
    std::vector<int64_t> ids = {5, 6, 7, 8}, offsets = {0, 1, 4};
    bertc_packed_inputs inputs = BERTC_INIT(bertc_packed_inputs);
    inputs.tokens = 4;
    inputs.sequences = 2;
    inputs.input_ids = ids.data();
    inputs.cu_seqlens = offsets.data();
    Floats tokens(4 * hiddenWidth), pooler(2 * poolerWidth);
    bertc_output outputs[] = {
        {"last_hidden_state", tokens.data(), tokens.size()},
        {"pooler_output", pooler.data(), pooler.size()}};
    bertc_status status;
    ASSERT_EQ(api().run_packed(opened.session, &inputs, outputs, 2, &status),
              BERTC_OK)
        << status.message;
    EXPECT_EQ(tokens, (Floats{5, 0, 0, 0, 6, 0, 0, 1, 7, 0, 1, 1, 8, 0, 2, 1}));
    EXPECT_EQ(pooler, (Floats{1, 5, 5, 3, 21, 6}));
  }
}

// The numbers do not depend on the caller's floating-point mode, which is as
// before after the run.
TEST(Run, SetsAndRestoresFloatingPointMode) {
  Opened opened(2);
  std::vector<int64_t> ids = {1};
  unsigned before = _mm_getcsr();
  _mm_setcsr((before & ~0xe000u) | 0x2000); // round down
  unsigned callers = _mm_getcsr();
  hidden(opened.session, padded(1, 1, ids), 1);
  EXPECT_EQ(_mm_getcsr(), callers);
  _mm_setcsr(before);
  EXPECT_EQ(observed.mode, 0x9fc0u);
}

// Every mask of two rows of five, against a direct computation.
TEST(RunPadded, AllMasksOfTwoRows) {
  Opened opened(2);
  for (int bits = 0; bits < 1024; ++bits) {
    if ((bits & 31) == 0 || (bits >> 5) == 0)
      continue;
    std::vector<int64_t> ids(10), mask(10);
    Floats expected;
    for (int i = 0; i < 10; ++i) {
      ids[i] = 10 + i;
      mask[i] = bits >> i & 1;
      for (float value : {10.f + i, 0.f, float(i % 5), float(i / 5)})
        expected.push_back(mask[i] ? value : 0);
    }
    ASSERT_EQ(hidden(opened.session, padded(2, 5, ids, &mask), 10), expected);
  }
}

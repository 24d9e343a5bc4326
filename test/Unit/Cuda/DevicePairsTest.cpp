//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Per-pair outputs of a device: matrices as large as the longest sequence,
// spread over those of the caller. Buffers are full of NaN before a run, so
// every float must be written.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"

#include <gtest/gtest.h>
#include <limits>

using namespace bertc::test;

namespace {

using Floats = std::vector<float>;

Floats unwritten(int64_t count) {
  return Floats(size_t(count), std::numeric_limits<float>::quiet_NaN());
}

/// By loops over the caller's layout.
Floats expected(int64_t batch, int64_t seq, const std::vector<int64_t> &ids,
                const std::vector<int64_t> &mask) {
  Floats result;
  for (int64_t row = 0; row < batch * seq; row += seq)
    for (int64_t head = 0; head < deviceHeads; ++head)
      for (int64_t i = row; i < row + seq; ++i)
        for (int64_t j = row; j < row + seq; ++j)
          result.push_back(mask[size_t(i)] && mask[size_t(j)]
                               ? pairValue(head, ids[size_t(i)], ids[size_t(j)])
                               : 0.0f);
  return result;
}

} // namespace

TEST(DevicePairs, Packed) {
  StandIn standIn;
  DeviceOpened opened;
  for (const std::vector<int64_t> &lengths :
       {std::vector<int64_t>{5, 1, 16, 3}, {4, 4}, {7}}) {
    Batch batch(lengths);
    int64_t longest = batch.longest();
    std::vector<int64_t> ids, mask;
    for (size_t b = 0; b < lengths.size(); ++b)
      for (int64_t i = 0; i < longest; ++i) {
        mask.push_back(i < lengths[b]);
        ids.push_back(mask.back() ? batch.ids[size_t(batch.offsets[b] + i)]
                                  : 0);
      }
    bertc_packed_inputs inputs = batch.packed();
    // The third run is a graph.
    for (int repeat = 0; repeat < 3; ++repeat) {
      Floats result =
          unwritten(batch.sequences() * deviceHeads * longest * longest);
      bertc_output output = {"attentions.1", result.data(), result.size()};
      bertc_status status;
      ASSERT_EQ(api().run_packed(opened.session, &inputs, &output, 1, &status),
                BERTC_OK)
          << status.message;
      EXPECT_EQ(result, expected(batch.sequences(), longest, ids, mask));
    }
  }
}

TEST(DevicePairs, Padded) {
  StandIn standIn;
  DeviceOpened opened;
  const int64_t batch = 3, seq = 6;
  const std::vector<int64_t> masks[] = {
      std::vector<int64_t>(batch * seq, 1),
      // Padding behind the tokens, in every row and not.
      {1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0},
      {1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1},
      // In front of them, and between them.
      {0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1},
      {1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0}};
  for (const std::vector<int64_t> &mask : masks) {
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < batch * seq; ++i)
      ids.push_back(mask[size_t(i)] ? (i * 7 + 1) % vocabSize : -5);
    bertc_padded_inputs inputs = padded(batch, seq, ids, &mask);
    for (int repeat = 0; repeat < 3; ++repeat) {
      Floats result = unwritten(batch * deviceHeads * seq * seq),
             pooled(batch * devicePoolerWidth, -1.0f);
      const bertc_output wanted[] = {
          {"attentions.1", result.data(), result.size()},
          {"pooler_output", pooled.data(), pooled.size()}};
      bertc_status status;
      ASSERT_EQ(api().run_padded(opened.session, &inputs, wanted, 2, &status),
                BERTC_OK)
          << status.message;
      EXPECT_EQ(result, expected(batch, seq, ids, mask));
      EXPECT_GE(pooled[0], 1.0f);
    }
  }
}

// What the caller must hold is in his layout, though the device needs less.
TEST(DevicePairs, SmallBuffer) {
  StandIn standIn;
  DeviceOpened opened;
  const std::vector<int64_t> ids = {1, 2, 3, 4, 5, 6},
                             mask = {1, 1, 0, 1, 0, 0};
  bertc_padded_inputs inputs = padded(2, 3, ids, &mask);
  Floats result = unwritten(2 * deviceHeads * 3 * 3);
  bertc_output output = {"attentions.1", result.data(), result.size() - 1};
  bertc_status status;
  EXPECT_EQ(api().run_padded(opened.session, &inputs, &output, 1, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "outputs[0].size (attentions.1) is 35 floats, "
                               "expected at least 2 x 2 x 3 x 3");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Profiles: the fake model begins phase 0 of layers 0 and 1, with barriers in
// between, and then phase 1 outside of the layers.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"

#include <gtest/gtest.h>
#include <map>

using namespace bertc::test;

namespace {

struct Profiled : Opened {
  explicit Profiled(uint32_t threads) : Opened(threads) {
    api().session_destroy(session);
    bertc_session_options options = BERTC_INIT(bertc_session_options);
    options.threads = threads;
    options.flags = BERTC_SESSION_PROFILE;
    bertc_status status;
    EXPECT_EQ(api().session_create(model, &options, &session, &status),
              BERTC_OK)
        << status.message;
  }
  void run() {
    std::vector<int64_t> ids(6, 1);
    bertc_padded_inputs inputs = padded(2, 3, ids);
    float pooler[2 * poolerWidth];
    bertc_output output = {"pooler_output", pooler, 2 * poolerWidth};
    bertc_status status;
    EXPECT_EQ(api().run_padded(session, &inputs, &output, 1, &status), BERTC_OK)
        << status.message;
  }
  std::vector<bertc_phase_record> records() {
    const bertc_phase_record *data = nullptr;
    size_t count = 0;
    bertc_status status;
    EXPECT_EQ(api().session_profile(session, &data, &count, &status), BERTC_OK)
        << status.message;
    return {data, data + count};
  }
};

} // namespace

TEST(Profile, EveryThreadHasEveryPhaseInOrder) {
  Profiled opened(3);
  for (int repeat = 0; repeat < 2; ++repeat) { // the second replaces the first
    opened.run();
    std::map<uint32_t, std::vector<bertc_phase_record>> byThread;
    for (const bertc_phase_record &record : opened.records())
      byThread[record.thread].push_back(record);
    ASSERT_EQ(byThread.size(), 3u);
    for (const auto &[thread, records] : byThread) {
      std::vector<std::pair<int, int>> phases;
      int64_t last = 0;
      for (const bertc_phase_record &record : records) {
        EXPECT_GE(record.begin_ns, last);
        EXPECT_GE(record.end_ns, record.begin_ns);
        last = record.end_ns;
        phases.push_back({record.phase, record.layer});
      }
      constexpr int wait = BERTC_PHASE_WAIT;
      // The barrier before the first phase, two in the layers, one in phase 1.
      std::vector<std::pair<int, int>> expected = {
          {wait, -1}, {0, 0},  {wait, -1}, {0, 1},
          {wait, -1}, {1, -1}, {wait, -1}};
      EXPECT_EQ(phases, expected) << "thread " << thread;
    }
  }
}

TEST(Profile, PhaseInfo) {
  Opened opened;
  bertc_status status;
  bertc_model_info model = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(opened.model, &model, &status), BERTC_OK);
  ASSERT_EQ(model.phase_count, 2u);
  bertc_phase_info info = BERTC_INIT(bertc_phase_info);
  ASSERT_EQ(api().phase_info(opened.model, 0, &info, &status), BERTC_OK);
  EXPECT_STREQ(info.name, "meet");
  EXPECT_EQ(info.flops_per_token, 1u);
  EXPECT_EQ(info.flops_per_sequence, 2u);
  EXPECT_EQ(info.flops_per_pair, 3u);
  EXPECT_EQ(info.weight_bytes, 4u);
  EXPECT_EQ(api().phase_info(opened.model, 2, &info, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "index is 2, expected 0 to 1");
}

TEST(Profile, OnlyOnDemand) {
  Opened opened;
  const bertc_phase_record *records = nullptr;
  size_t count = 1;
  bertc_status status;
  EXPECT_EQ(api().session_profile(opened.session, &records, &count, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "the session keeps no profile\n"
               "help: make it with the flag BERTC_SESSION_PROFILE");
  EXPECT_EQ(count, 0u);
  EXPECT_EQ(api().session_profile(opened.session, nullptr, &count, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "records is null, expected where to store the result");
}

TEST(Profile, NothingBeforeTheFirstRun) {
  Profiled opened(2);
  EXPECT_TRUE(opened.records().empty());
}

TEST(Profile, UnknownFlag) {
  Opened opened;
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.flags = 6;
  bertc_session *session = nullptr;
  bertc_status status;
  EXPECT_EQ(api().session_create(opened.model, &options, &session, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "bertc_session_options.flags is 0x6, expected 0 or "
               "BERTC_SESSION_PROFILE");
}

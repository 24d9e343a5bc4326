//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs from and to memory of the host: results against what the kernels are to
// compute, in every layout, and memory that grows.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"
#include "runtime/include/bertc_train.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace bertc::test;
using testing::HasSubstr;

TEST(DeviceRun, Packed) {
  StandIn standIn;
  DeviceOpened opened;
  runAndCompare(opened.session, Batch({5, 1, 16, 3}));
  EXPECT_EQ(deviceObserved.tokens, 25);
  EXPECT_EQ(deviceObserved.sequences, 4);
  EXPECT_EQ(deviceObserved.longest, 16);
  EXPECT_EQ(deviceObserved.multiprocessors, 108);
  EXPECT_STREQ(deviceObserved.variant, "cuda:sm_80");
}

TEST(DeviceRun, OnTheOtherVariant) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_90"});
  DeviceOpened opened;
  runAndCompare(opened.session, Batch({2, 7}));
  EXPECT_STREQ(deviceObserved.variant, "cuda:sm_90a");
  EXPECT_EQ(deviceObserved.multiprocessors, 132);
}

// Rows of the caller are those of his layout, and padding is zero, also in
// front of and between real tokens.
TEST(DeviceRun, Padded) {
  StandIn standIn;
  DeviceOpened opened;
  const int64_t batch = 3, seq = 6;
  std::vector<int64_t> ids, mask = {1, 1, 1, 0, 0, 0, //
                                    0, 1, 0, 1, 1, 0, //
                                    1, 1, 1, 1, 1, 1};
  for (int64_t i = 0; i < batch * seq; ++i)
    ids.push_back(mask[size_t(i)] ? (i * 7) % vocabSize : -5);
  for (int repeat = 0; repeat < 4; ++repeat) {
    std::vector<float> hidden(size_t(batch * seq * deviceWidth), -1.0f),
        pooled(batch * devicePoolerWidth, -1.0f);
    bertc_padded_inputs inputs = padded(batch, seq, ids, &mask);
    const bertc_output wanted[] = {
        {"pooler_output", pooled.data(), pooled.size()},
        {"last_hidden_state", hidden.data(), hidden.size()}};
    bertc_status status;
    ASSERT_EQ(api().run_padded(opened.session, &inputs, wanted, 2, &status),
              BERTC_OK)
        << status.message;
    for (int64_t i = 0; i < batch * seq; ++i)
      for (int64_t c = 0; c < deviceWidth; ++c)
        EXPECT_EQ(hidden[size_t(i * deviceWidth + c)],
                  mask[size_t(i)] ? deviceRow(ids[size_t(i)], 0, i % seq, c)
                                  : 0.0f)
            << i;
    for (int64_t row = 0; row < batch; ++row) {
      float length = 0, sum = 0;
      for (int64_t i = row * seq; i < (row + 1) * seq; ++i) {
        length += float(mask[size_t(i)]);
        sum += mask[size_t(i)] ? float(ids[size_t(i)]) : 0.0f;
      }
      EXPECT_EQ(pooled[size_t(row * 2)], length);
      EXPECT_EQ(pooled[size_t(row * 2 + 1)], sum);
    }
  }
}

TEST(DeviceRun, SomeOutputs) {
  StandIn standIn;
  DeviceOpened opened;
  Batch batch({4, 9});
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> pooled(batch.pooled.size() + 1, -1.0f);
  bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
  for (int repeat = 0; repeat < 3; ++repeat)
    ASSERT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, nullptr),
              BERTC_OK);
  EXPECT_EQ(pooled.back(), -1.0f);
  pooled.pop_back();
  EXPECT_EQ(pooled, batch.pooled);
  runAndCompare(opened.session, batch);
}

// Memory grows with the largest run and stays; smaller runs go on in it.
TEST(DeviceRun, Grows) {
  StandIn standIn;
  DeviceOpened opened;
  size_t last = 0;
  for (int64_t count : {1, 40, 3, 200, 7, 200, 900}) {
    runAndCompare(opened.session,
                  Batch(std::vector<int64_t>(size_t(count), 5), int(count)));
    bertc_session_info info = BERTC_INIT(bertc_session_info);
    ASSERT_EQ(api().session_info(opened.session, &info, nullptr), BERTC_OK);
    EXPECT_EQ(info.threads, 1u);
    EXPECT_GE(info.workspace_size, last);
    EXPECT_GT(info.staging_size, 0u);
    last = info.workspace_size;
  }
}

TEST(DeviceRun, BadInputsAreFoundBeforeTheDevice) {
  StandIn standIn;
  DeviceOpened opened;
  Batch batch({4, 9});
  batch.ids[5] = vocabSize;
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> pooled(batch.pooled.size());
  bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
  bertc_status status;
  EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
            BERTC_BAD_INPUT);
  EXPECT_STREQ(status.message, "input_ids[5] is 100, expected 0 to 99, as "
                               "vocab_size is 100");
  EXPECT_EQ(StandIn::calls("cuLaunchKernel"), 0u);
  wanted.name = "logits";
  EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
            BERTC_NOT_IN_MODEL);
  EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 0, &status),
            BERTC_INVALID_ARGUMENT);
  runAndCompare(opened.session, Batch({4, 9}));
}

TEST(DeviceRun, OptionsOfASession) {
  StandIn standIn;
  DeviceOpened opened;
  auto refused = [&](bertc_session_options options) {
    bertc_session *session;
    bertc_status status;
    EXPECT_EQ(api().session_create(opened.model, &options, &session, &status),
              BERTC_INVALID_ARGUMENT);
    EXPECT_EQ(session, nullptr);
    return std::string(status.message);
  };
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  alignas(64) static char memory[4096];
  options.workspace = memory;
  options.workspace_size = sizeof(memory);
  EXPECT_EQ(refused(options), "bertc_session_options.workspace is set, "
                              "expected null on cuda:0");
  options = BERTC_INIT(bertc_session_options);
  options.graphs = 1025;
  EXPECT_EQ(refused(options),
            "bertc_session_options.graphs is 1025, expected at most 1024");
  options = BERTC_INIT(bertc_session_options);
  options.flags = 4;
  EXPECT_THAT(refused(options), HasSubstr("flags is 0x4"));
}

// Each session has its stream and memory; they share code and weights.
TEST(DeviceRun, TwoSessionsOnTwoThreads) {
  StandIn standIn;
  DeviceOpened first;
  bertc_session *second = nullptr;
  ASSERT_EQ(api().session_create(first.model, nullptr, &second, nullptr),
            BERTC_OK);
  auto work = [](bertc_session *session, int seed) {
    for (int i = 0; i < 20; ++i)
      runAndCompare(session, Batch({1 + (i * seed) % 7, 3, 9}, i + seed));
  };
  std::thread other(work, second, 5);
  work(first.session, 3);
  other.join();
  EXPECT_EQ(StandIn::calls("cuModuleLoadDataEx"), 1u);
  EXPECT_EQ(StandIn::calls("cuStreamCreate"), 2u);
  api().session_destroy(second);
}

// Two models on one device share its context, and one outlives the other.
TEST(DeviceRun, TwoModels) {
  StandIn standIn;
  DeviceOpened first;
  {
    DeviceOpened second;
    runAndCompare(second.session, Batch({2}));
  }
  runAndCompare(first.session, Batch({3}));
}

TEST(DeviceRun, AfterAFork) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "ThreadSanitizer allows no threads in a forked child";
#endif
#endif
  StandIn standIn;
  DeviceOpened opened;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bertc_session *session;
    bertc_status status;
    bool good =
        api().session_create(opened.model, nullptr, &session, &status) ==
            BERTC_INVALID_ARGUMENT &&
        strstr(status.message, "the model was opened on cuda:0 in process ") &&
        strstr(status.message, "help: open it after forking");
    // Neither may touch the device.
    api().session_destroy(opened.session);
    api().model_close(opened.model);
    _exit(good && StandIn::calls("cuMemFree_v2") == 0 ? 0 : 1);
  }
  int state = 0;
  waitpid(child, &state, 0);
  EXPECT_TRUE(WIFEXITED(state) && WEXITSTATUS(state) == 0);
  runAndCompare(opened.session, Batch({3}));
}

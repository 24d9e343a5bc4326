//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Profiles of sessions on a device: a record for each launch. The times of the
// stand-in driver are those of the clock of this machine.
//
//===----------------------------------------------------------------------===//
#include "DeviceFailures.h"
#include "runtime/core/Profile.h"

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

namespace {

enum Kernel { embedKernel, rowsKernel, poolKernel };

std::vector<bertc_phase_record> recordsOf(bertc_session *session) {
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  bertc_status status;
  EXPECT_EQ(api().session_profile(session, &records, &count, &status), BERTC_OK)
      << status.message;
  return {records, records + count};
}

/// "kernel layer" of each.
std::vector<std::pair<int, int>>
launches(const std::vector<bertc_phase_record> &records) {
  std::vector<std::pair<int, int>> result;
  for (const bertc_phase_record &record : records)
    result.push_back({record.phase, record.layer});
  return result;
}

using Launches = std::vector<std::pair<int, int>>;

} // namespace

TEST(DeviceProfile, ARecordForEachLaunch) {
  StandIn standIn;
  DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
  EXPECT_TRUE(recordsOf(opened.session).empty());
  deviceObserved.layers = 3;
  const Launches expected = {{embedKernel, -1},
                             {rowsKernel, 0},
                             {rowsKernel, 1},
                             {rowsKernel, 2},
                             {poolKernel, -1}};
  for (int repeat = 0; repeat < 3; ++repeat) {
    int64_t before = nowNanoseconds();
    runAndCompare(opened.session, Batch({3, 1, 7}, repeat));
    int64_t wall = nowNanoseconds() - before, last = 0;
    std::vector<bertc_phase_record> records = recordsOf(opened.session);
    EXPECT_EQ(launches(records), expected);
    for (const bertc_phase_record &record : records) {
      EXPECT_EQ(record.thread, 0u);
      EXPECT_GE(record.begin_ns, last);
      EXPECT_GT(record.end_ns, record.begin_ns);
      last = record.end_ns;
    }
    EXPECT_LE(last, wall);
    EXPECT_EQ(launches(recordsOf(opened.session)), expected); // asked twice
  }
  // Smaller runs have fewer records, larger ones more.
  deviceObserved.layers = 1;
  runAndCompare(opened.session, Batch({2}));
  EXPECT_EQ(recordsOf(opened.session).size(), 3u);
  deviceObserved.layers = 40;
  runAndCompare(opened.session, Batch({2}));
  EXPECT_EQ(recordsOf(opened.session).size(), 42u);
  EXPECT_EQ(StandIn::calls("cuStreamBeginCapture_v2"), 0u);
  EXPECT_EQ(StandIn::calls("cuGraphLaunch"), 0u);
}

// The emulator takes some hundred times as long for the larger batch.
TEST(DeviceProfile, TimesAreThoseOfTheKernels) {
  StandIn standIn;
  DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
  auto rows = [&](size_t sequences) {
    int64_t least = INT64_MAX;
    for (int repeat = 0; repeat < 3; ++repeat) {
      runAndCompare(opened.session, Batch(std::vector<int64_t>(sequences, 16)));
      bertc_phase_record record = recordsOf(opened.session)[rowsKernel];
      least = std::min(least, record.end_ns - record.begin_ns);
    }
    return least;
  };
  int64_t few = rows(1), many = rows(400);
  EXPECT_GT(many, 10 * few);
}

TEST(DeviceProfile, PhasesAreKernels) {
  StandIn standIn;
  DeviceOpened opened;
  bertc_model_info model = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(opened.model, &model, nullptr), BERTC_OK);
  EXPECT_EQ(model.phase_count, 8u);
  auto phase = [&](uint32_t index) {
    bertc_phase_info info = BERTC_INIT(bertc_phase_info);
    EXPECT_EQ(api().phase_info(opened.model, index, &info, nullptr), BERTC_OK);
    return info;
  };
  EXPECT_STREQ(phase(embedKernel).name, "embed");
  EXPECT_EQ(phase(embedKernel).flops_per_token, 1u);
  EXPECT_EQ(phase(embedKernel).weight_bytes, 0u);
  EXPECT_STREQ(phase(rowsKernel).name, "rows");
  EXPECT_EQ(phase(rowsKernel).weight_bytes, 48u);
  EXPECT_STREQ(phase(poolKernel).name, "pool");
  EXPECT_EQ(phase(poolKernel).flops_per_sequence, 3u);
  EXPECT_EQ(phase(poolKernel).flops_per_pair, 4u);
  bertc_phase_info info = BERTC_INIT(bertc_phase_info);
  bertc_status status;
  EXPECT_EQ(api().phase_info(opened.model, 8, &info, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "index is 8, expected 0 to 7");
}

TEST(DeviceProfile, NotOfOtherSessions) {
  StandIn standIn;
  DeviceOpened opened;
  runAndCompare(opened.session, Batch({3}));
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  bertc_status status;
  EXPECT_EQ(api().session_profile(opened.session, &records, &count, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_THAT(status.message, HasSubstr("the session keeps no profile"));
  // And they pay nothing for it.
  EXPECT_EQ(StandIn::calls("cuEventCreate"), 1u);
}

TEST(DeviceProfile, AFailedRunHasNone) {
  StandIn standIn;
  quietly([] {
    DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
    runAndCompare(opened.session, Batch({3}));
    auto fails = [&] {
      Batch batch({3, 5});
      bertc_packed_inputs inputs = batch.packed();
      std::vector<float> pooled(batch.pooled.size());
      bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
      EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, nullptr),
                BERTC_INTERNAL);
    };
    deviceObserved.fault = Fault::EmptyGrid;
    fails();
    EXPECT_TRUE(recordsOf(opened.session).empty());
    deviceObserved.fault = Fault::None;
    runAndCompare(opened.session, Batch({3}));
    EXPECT_EQ(recordsOf(opened.session).size(), 3u);
    deviceObserved.fault = Fault::OutOfBounds; // found when the run is waited
    fails();
    EXPECT_TRUE(recordsOf(opened.session).empty());
  });
}

// A log at debug level waits for each kernel besides.
TEST(DeviceProfile, WithALog) {
  StandIn standIn({"BERTC_LOG=debug"});
  quietly([] {
    DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
    runAndCompare(opened.session, Batch({3}));
    EXPECT_EQ(launches(recordsOf(opened.session)),
              Launches({{embedKernel, -1}, {rowsKernel, 0}, {poolKernel, -1}}));
  });
}

namespace {
/// Asks for the profile of each of two runs.
struct Attempt : RunAttempt {
  Attempt()
      : RunAttempt(BERTC_SESSION_PROFILE, 2,
                   [this](bertc_session *session, bertc_code run) {
                     const bertc_phase_record *records = nullptr;
                     size_t count = 0;
                     bertc_code read = api().session_profile(session, &records,
                                                             &count, &status);
                     note(read);
                     if (!run)
                       EXPECT_EQ(count, read ? 0u : 2u);
                   }) {}
};
} // namespace

TEST(DeviceProfile, EveryCallFailsOnce) {
  EXPECT_GT(failEveryCall<Attempt>(), 60);
}

TEST(DeviceProfile, WhatFailed) {
  auto message = [](const char *call) {
    StandIn standIn({std::string("BERTC_EMULATED_GPU_FAIL=") + call});
    return Attempt().message;
  };
  EXPECT_EQ(message("cuEventCreate:2:2"),
            "cannot keep a profile of a run on cuda:0: "
            "CUDA_ERROR_OUT_OF_MEMORY (out of memory)");
  EXPECT_EQ(message("cuEventRecord:3:999"),
            "cannot keep a profile of a run on cuda:0: CUDA_ERROR_UNKNOWN "
            "(unknown error)");
  EXPECT_EQ(message("cuEventElapsedTime:1:999"),
            "cannot read the profile of a run on cuda:0: CUDA_ERROR_UNKNOWN "
            "(unknown error)");
}

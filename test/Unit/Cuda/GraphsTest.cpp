//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// When runs become graphs, how many are kept, and what makes them invalid.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"

#include <gtest/gtest.h>

using namespace bertc::test;

namespace {

struct Counts {
  uint64_t made, launched, kernels;
  bool operator==(const Counts &other) const {
    return made == other.made && launched == other.launched &&
           kernels == other.kernels;
  }
};
void PrintTo(const Counts &counts, std::ostream *os) {
  *os << counts.made << " graphs made, " << counts.launched << " launched, "
      << counts.kernels << " kernels";
}

Counts counts() {
  return {StandIn::calls("cuGraphInstantiateWithFlags"),
          StandIn::calls("cuGraphLaunch"), StandIn::calls("cuLaunchKernel")};
}

uint32_t kept(bertc_session *session) {
  bertc_session_info info = BERTC_INIT(bertc_session_info);
  EXPECT_EQ(api().session_info(session, &info, nullptr), BERTC_OK);
  return info.graphs;
}

} // namespace

// The first run is launched, the second captured, later ones replayed with
// other values.
TEST(Graphs, FromTheSecondRunOn) {
  StandIn standIn;
  DeviceOpened opened;
  runAndCompare(opened.session, Batch({5, 3}, 1));
  EXPECT_EQ(counts(), (Counts{0, 0, 3}));
  runAndCompare(opened.session, Batch({5, 3}, 2));
  EXPECT_EQ(counts(), (Counts{1, 1, 6}));
  for (int seed = 3; seed < 6; ++seed)
    runAndCompare(opened.session, Batch({5, 3}, seed));
  EXPECT_EQ(counts(), (Counts{1, 4, 6}));
  EXPECT_EQ(deviceObserved.forwards, 2);
  EXPECT_EQ(kept(opened.session), 1u);
  // Other lengths of the same sum, number and maximum are the same run.
  runAndCompare(opened.session, Batch({3, 5}, 7));
  EXPECT_EQ(counts(), (Counts{1, 5, 6}));
}

// Each of the sizes and the wanted outputs make another run.
TEST(Graphs, AreForOneShape) {
  StandIn standIn;
  DeviceOpened opened;
  Batch largest({8, 8, 8, 8});
  runAndCompare(opened.session, largest); // takes all the memory
  uint64_t graphs = 0;
  for (const std::vector<int64_t> &lengths :
       std::vector<std::vector<int64_t>>{{4, 4}, {5, 3}, {4, 5}, {4, 2, 2}}) {
    for (int seed = 0; seed < 3; ++seed)
      runAndCompare(opened.session, Batch(lengths, seed));
    EXPECT_EQ(counts().made, ++graphs);
  }
  Batch batch({4, 4});
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> pooled(batch.pooled.size());
  bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
  for (int repeat = 0; repeat < 3; ++repeat)
    ASSERT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, nullptr),
              BERTC_OK);
  EXPECT_EQ(counts().made, ++graphs);
  EXPECT_EQ(kept(opened.session), graphs);
}

TEST(Graphs, GoWhenMemoryGrows) {
  StandIn standIn;
  DeviceOpened opened;
  for (int seed = 0; seed < 3; ++seed)
    runAndCompare(opened.session, Batch({2, 2}, seed));
  EXPECT_EQ(kept(opened.session), 1u);
  runAndCompare(opened.session, Batch(std::vector<int64_t>(300, 16)));
  EXPECT_EQ(kept(opened.session), 0u);
  EXPECT_EQ(StandIn::calls("cuGraphExecDestroy"), 1u);
  for (int seed = 0; seed < 3; ++seed)
    runAndCompare(opened.session, Batch({2, 2}, seed));
  EXPECT_EQ(kept(opened.session), 1u);
  EXPECT_EQ(counts().made, 2u);
}

TEST(Graphs, TheOneNotUsedForLongestGoes) {
  StandIn standIn;
  DeviceOpened opened(nullptr, /*graphs=*/2);
  auto twice = [&](int64_t length) {
    for (int seed = 0; seed < 2; ++seed)
      runAndCompare(opened.session, Batch({length}, seed));
  };
  twice(9);
  twice(5);
  EXPECT_EQ(counts().made, 2u);
  runAndCompare(opened.session, Batch({9}, 7)); // 9 was used last
  twice(3);                                     // in the place of 5
  EXPECT_EQ(counts().made, 3u);
  runAndCompare(opened.session, Batch({9}, 8));
  EXPECT_EQ(counts().made, 3u);
  twice(5);
  EXPECT_EQ(counts().made, 4u);
  EXPECT_EQ(kept(opened.session), 2u);
}

TEST(Graphs, NotWanted) {
  StandIn standIn;
  DeviceOpened opened(nullptr, 0, BERTC_SESSION_NO_GRAPHS);
  for (int seed = 0; seed < 4; ++seed)
    runAndCompare(opened.session, Batch({2, 2}, seed));
  EXPECT_EQ(counts(), (Counts{0, 0, 12}));
}

// With BERTC_LOG=debug each kernel is waited for, so that an error is its own.
TEST(Graphs, NotWhileDebugging) {
  StandIn standIn({"BERTC_LOG=debug"});
  testing::internal::CaptureStderr();
  {
    DeviceOpened opened;
    for (int seed = 0; seed < 3; ++seed)
      runAndCompare(opened.session, Batch({2, 2}, seed));
    EXPECT_EQ(counts(), (Counts{0, 0, 9}));
    EXPECT_GE(StandIn::calls("cuStreamSynchronize"), 9u);
  }
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("bertc: ran 4 tokens in 2 sequences, the longest 2, on "
                      "cuda:0 in "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("variant cuda:sm_80 on cuda:0"), std::string::npos);
}

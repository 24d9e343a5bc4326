//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs from and to memory of the device, on streams of the caller.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

namespace {

/// The caller's side: its own memory and stream in the same context.
class Caller {
public:
  Caller() {
    cuda::DeviceId device;
    EXPECT_EQ(driver().cuDeviceGet(&device, 0), 0);
    EXPECT_EQ(driver().cuDevicePrimaryCtxRetain(&context, device), 0);
    EXPECT_EQ(driver().cuCtxPushCurrent_v2(context), 0);
  }
  ~Caller() {
    for (cuda::DeviceAddress address : blocks)
      EXPECT_EQ(driver().cuMemFree_v2(address), 0);
    for (cuda::Stream stream : streams)
      EXPECT_EQ(driver().cuStreamDestroy_v2(stream), 0);
    if (pinned)
      EXPECT_EQ(driver().cuMemFreeHost(pinned), 0);
    EXPECT_EQ(driver().cuCtxPopCurrent_v2(&context), 0);
    EXPECT_EQ(driver().cuDevicePrimaryCtxRelease_v2(0), 0);
  }

  cuda::Stream stream() {
    cuda::Stream made = nullptr;
    EXPECT_EQ(driver().cuStreamCreate(&made, cuda::streamNonBlocking), 0);
    streams.push_back(made);
    return made;
  }
  template <typename T> T *allocate(size_t count) {
    cuda::DeviceAddress address = 0;
    EXPECT_EQ(driver().cuMemAlloc_v2(&address, count * sizeof(T)), 0);
    blocks.push_back(address);
    return reinterpret_cast<T *>(address);
  }
  template <typename T> T *upload(const std::vector<T> &values) {
    T *copy = allocate<T>(values.size());
    EXPECT_EQ(
        driver().cuMemcpyHtoD_v2(reinterpret_cast<cuda::DeviceAddress>(copy),
                                 values.data(), values.size() * sizeof(T)),
        0);
    EXPECT_EQ(driver().cuStreamSynchronize(nullptr), 0);
    return copy;
  }
  /// Waits for the stream only.
  std::vector<float> download(const float *from, size_t count,
                              cuda::Stream stream) {
    if (!pinned)
      EXPECT_EQ(driver().cuMemHostAlloc(&pinned, 1 << 16, 0), 0);
    EXPECT_EQ(driver().cuMemcpyDtoHAsync_v2(
                  pinned, reinterpret_cast<cuda::DeviceAddress>(from),
                  count * sizeof(float), stream),
              0);
    EXPECT_EQ(driver().cuStreamSynchronize(stream), 0);
    const float *values = static_cast<const float *>(pinned);
    return {values, values + count};
  }

private:
  cuda::Context context = nullptr;
  std::vector<cuda::DeviceAddress> blocks;
  std::vector<cuda::Stream> streams;
  void *pinned = nullptr;
};

/// A batch in memory of the device, and outputs for it.
struct OnDevice {
  bertc_device_inputs inputs = BERTC_INIT(bertc_device_inputs);
  bertc_output outputs[2];
  OnDevice(Caller &caller, const Batch &batch) {
    inputs.tokens = batch.tokens();
    inputs.sequences = batch.sequences();
    inputs.longest = batch.longest();
    inputs.input_ids = caller.upload(batch.ids);
    inputs.cu_seqlens = caller.upload(batch.offsets);
    inputs.token_type_ids = caller.upload(batch.types);
    inputs.position_ids = caller.upload(batch.positions);
    outputs[0] = {"last_hidden_state",
                  caller.allocate<float>(batch.hidden.size()),
                  batch.hidden.size()};
    outputs[1] = {"pooler_output", caller.allocate<float>(batch.pooled.size()),
                  batch.pooled.size()};
  }
};

} // namespace

static void run(bertc_session *session, const OnDevice &batch,
                cuda::Stream stream) {
  bertc_status status;
  ASSERT_EQ(api().run_device(session, &batch.inputs, batch.outputs, 2, stream,
                             &status),
            BERTC_OK)
      << status.message;
}

static void expectResults(Caller &caller, const OnDevice &on,
                          const Batch &batch, cuda::Stream stream) {
  EXPECT_EQ(caller.download(on.outputs[0].data, batch.hidden.size(), stream),
            batch.hidden);
  EXPECT_EQ(caller.download(on.outputs[1].data, batch.pooled.size(), stream),
            batch.pooled);
}

TEST(RunDevice, OnAStream) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({3, 16, 2});
  OnDevice on(caller, batch);
  cuda::Stream stream = caller.stream();
  for (int repeat = 0; repeat < 4; ++repeat) {
    run(opened.session, on, stream);
    expectResults(caller, on, batch, stream);
  }
  EXPECT_EQ(StandIn::calls("cuGraphInstantiateWithFlags"), 1u);
  EXPECT_EQ(StandIn::calls("cuGraphLaunch"), 3u);
}

TEST(RunDevice, GraphsGoWhenMemoryGrows) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch small({3}), large(std::vector<int64_t>(100, 16));
  OnDevice onSmall(caller, small), onLarge(caller, large);
  auto graphs = [&] {
    bertc_session_info info = BERTC_INIT(bertc_session_info);
    EXPECT_EQ(api().session_info(opened.session, &info, nullptr), BERTC_OK);
    EXPECT_EQ(info.staging_size, 0u);
    return info.graphs;
  };
  for (int repeat = 0; repeat < 2; ++repeat)
    run(opened.session, onSmall, nullptr);
  EXPECT_EQ(graphs(), 1u);
  run(opened.session, onLarge, nullptr);
  EXPECT_EQ(graphs(), 0u);
  expectResults(caller, onSmall, small, nullptr);
  expectResults(caller, onLarge, large, nullptr);
}

TEST(RunDevice, OnTheDefaultStream) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({1});
  OnDevice on(caller, batch);
  for (int repeat = 0; repeat < 3; ++repeat) {
    run(opened.session, on, nullptr);
    expectResults(caller, on, batch, nullptr);
  }
}

// Runs are put into streams without waiting, and use one workspace: the second
// has to come after the first, although it is in another stream, which is
// waited for first.
TEST(RunDevice, RunsOfASessionComeOneAfterAnother) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch large({16, 16, 16}, 1), first({4, 7}, 2), second({7, 4}, 3);
  OnDevice onLarge(caller, large), onFirst(caller, first),
      onSecond(caller, second);
  cuda::Stream one = caller.stream(), two = caller.stream();
  run(opened.session, onLarge, one);
  for (int repeat = 0; repeat < 3; ++repeat) {
    run(opened.session, onFirst, one);
    run(opened.session, onSecond, two);
    run(opened.session, onLarge, one);
    expectResults(caller, onSecond, second, two);
    expectResults(caller, onFirst, first, one);
    expectResults(caller, onLarge, large, one);
  }
  // And one through host memory behind them.
  run(opened.session, onFirst, one);
  runAndCompare(opened.session, second);
  expectResults(caller, onFirst, first, one);
}

// The session is destroyed while its run is in the stream.
TEST(RunDevice, TheRunOutlivesTheCall) {
  StandIn standIn;
  Caller caller;
  Batch batch({3, 5});
  OnDevice on(caller, batch);
  cuda::Stream stream = caller.stream();
  {
    DeviceOpened opened;
    run(opened.session, on, stream);
  }
  expectResults(caller, on, batch, stream);
}

TEST(RunDevice, WithoutTypes) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({3, 16, 2});
  OnDevice on(caller, batch);
  on.inputs.token_type_ids = nullptr;
  run(opened.session, on, nullptr);
  std::vector<float> values =
      caller.download(on.outputs[0].data, batch.hidden.size(), nullptr);
  for (size_t t = 0; t < batch.ids.size(); ++t)
    EXPECT_EQ(values[t * deviceWidth],
              deviceRow(batch.ids[t], 0, batch.positions[t], 0));
}

// Matrices are written by the kernels, every float of them.
TEST(RunDevice, Pairs) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({3, 1, 5});
  OnDevice on(caller, batch);
  std::vector<float> expected;
  for (size_t b = 0; b < 3; ++b)
    for (int64_t head = 0; head < deviceHeads; ++head)
      for (int32_t i = batch.offsets[b]; i < batch.offsets[b] + 5; ++i)
        for (int32_t j = batch.offsets[b]; j < batch.offsets[b] + 5; ++j)
          expected.push_back(
              i < batch.offsets[b + 1] && j < batch.offsets[b + 1]
                  ? pairValue(head, batch.ids[size_t(i)], batch.ids[size_t(j)])
                  : 0.0f);
  std::vector<float> before(expected.size(), NAN);
  bertc_output output = {"attentions.1", caller.upload(before),
                         expected.size() - 1};
  cuda::Stream stream = caller.stream();
  bertc_status status;
  EXPECT_EQ(
      api().run_device(opened.session, &on.inputs, &output, 1, stream, &status),
      BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message, "outputs[0].size (attentions.1) is 149 floats, "
                               "expected at least 3 x 2 x 5 x 5");
  ++output.size;
  EXPECT_EQ(
      api().run_device(opened.session, &on.inputs, &output, 1, stream, &status),
      BERTC_OK)
      << status.message;
  EXPECT_EQ(caller.download(output.data, output.size, stream), expected);
}

// The caller's own graph gets the kernels, if memory was there before.
TEST(RunDevice, IntoACapturedStream) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({3, 4});
  OnDevice on(caller, batch);
  cuda::Stream stream = caller.stream();
  bertc_status status;
  cuda::Graph graph = nullptr;
  cuda::GraphExec exec = nullptr;
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  EXPECT_EQ(api().run_device(opened.session, &on.inputs, on.outputs, 2, stream,
                             &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "the stream is being captured, and the session has too little "
               "memory for a run of 7 tokens\n"
               "help: run once with as many tokens before");
  ASSERT_EQ(driver().cuStreamEndCapture(stream, &graph), 0);
  ASSERT_EQ(driver().cuGraphDestroy(graph), 0);

  run(opened.session, on, stream);
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  run(opened.session, on, stream);
  ASSERT_EQ(driver().cuStreamEndCapture(stream, &graph), 0);
  ASSERT_EQ(driver().cuGraphInstantiateWithFlags(&exec, graph, 0), 0);
  for (int repeat = 0; repeat < 2; ++repeat) {
    ASSERT_EQ(driver().cuGraphLaunch(exec, stream), 0);
    expectResults(caller, on, batch, stream);
  }
  EXPECT_EQ(StandIn::calls("cuLaunchKernel"), 6u);
  EXPECT_EQ(driver().cuGraphExecDestroy(exec), 0);
  EXPECT_EQ(driver().cuGraphDestroy(graph), 0);
}

// The run is in the caller's stream, and nobody waits for it but who asks where
// its time went.
TEST(RunDevice, AProfileWaitsForTheRun) {
  StandIn standIn;
  DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
  Caller caller;
  Batch batch({3, 16, 2});
  OnDevice on(caller, batch);
  cuda::Stream stream = caller.stream();
  const bertc_phase_record *records = nullptr;
  size_t count = 0;
  bertc_status status;
  for (int repeat = 0; repeat < 3; ++repeat) {
    run(opened.session, on, stream);
    ASSERT_EQ(api().session_profile(opened.session, &records, &count, &status),
              BERTC_OK)
        << status.message;
    ASSERT_EQ(count, 3u);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(records[i].phase, int32_t(i));
      EXPECT_LT(records[i].begin_ns, records[i].end_ns);
    }
  }
  EXPECT_EQ(StandIn::calls("cuStreamBeginCapture_v2"), 0u);
  expectResults(caller, on, batch, stream);
}

TEST(RunDevice, AGraphHasNoProfile) {
  StandIn standIn;
  DeviceOpened opened(nullptr, 0, BERTC_SESSION_PROFILE);
  Caller caller;
  OnDevice on(caller, Batch({3}));
  cuda::Stream stream = caller.stream();
  run(opened.session, on, stream);
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  bertc_status status;
  EXPECT_EQ(api().run_device(opened.session, &on.inputs, on.outputs, 2, stream,
                             &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "the stream is being captured, and the session keeps a profile, "
               "which a graph has not\n"
               "help: capture runs of a session without BERTC_SESSION_PROFILE");
  cuda::Graph graph = nullptr;
  EXPECT_EQ(driver().cuStreamEndCapture(stream, &graph), 0);
  EXPECT_EQ(driver().cuGraphDestroy(graph), 0);
}

TEST(RunDevice, Refuses) {
  StandIn standIn;
  DeviceOpened opened;
  Caller caller;
  Batch batch({3, 4});
  const OnDevice good(caller, batch);
  auto refused = [&](const OnDevice &bad, bertc_code expected) {
    bertc_status status;
    EXPECT_EQ(api().run_device(opened.session, &bad.inputs, bad.outputs, 2,
                               nullptr, &status),
              expected);
    return std::string(status.message);
  };
  OnDevice bad = good;
  bad.inputs.input_ids = batch.ids.data();
  EXPECT_THAT(refused(bad, BERTC_INVALID_ARGUMENT),
              HasSubstr("which is no memory of a CUDA device\n"
                        "help: run_packed takes memory of the host"));
  bad = good;
  bad.inputs.position_ids = nullptr;
  EXPECT_EQ(refused(bad, BERTC_INVALID_ARGUMENT),
            "bertc_device_inputs.position_ids is null, expected an array on "
            "cuda:0");
  bad = good;
  bad.inputs.cu_seqlens += 1;
  EXPECT_THAT(refused(bad, BERTC_INVALID_ARGUMENT),
              HasSubstr("bertc_device_inputs.cu_seqlens is at "));
  bad = good;
  std::vector<float> host(batch.pooled.size() + 4);
  bad.outputs[1].data =
      reinterpret_cast<float *>((uintptr_t(host.data()) + 15) / 16 * 16);
  EXPECT_THAT(refused(bad, BERTC_INVALID_ARGUMENT),
              HasSubstr("pooler_output is at "));
  bad = good;
  bad.outputs[0].size -= 1;
  EXPECT_EQ(refused(bad, BERTC_INVALID_ARGUMENT),
            "outputs[0].size (last_hidden_state) is 27 floats, expected at "
            "least 7 rows of 4");
  bad = good;
  bad.inputs.longest = 17;
  bad.inputs.tokens = 20;
  EXPECT_EQ(refused(bad, BERTC_BAD_INPUT),
            "bertc_device_inputs.longest is 17, expected at most 16, the "
            "model's max_position_embeddings");
  bad = good;
  bad.inputs.sequences = 8;
  EXPECT_THAT(refused(bad, BERTC_BAD_INPUT),
              HasSubstr("are 7, 8 and 4, expected tokens from 1 to 2^31 - 1"));
  bertc_status status;
  EXPECT_EQ(api().run_device(opened.session, &good.inputs, nullptr, 0, nullptr,
                             &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(api().run_device(opened.session, nullptr, good.outputs, 2, nullptr,
                             &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_EQ(StandIn::calls("cuLaunchKernel"), 0u);
}

TEST(RunDevice, MemoryOfAnotherDevice) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_80,sm_80"});
  DeviceOpened opened("cuda:1");
  Caller caller; // on the first
  OnDevice on(caller, Batch({3}));
  bertc_status status;
  EXPECT_EQ(api().run_device(opened.session, &on.inputs, on.outputs, 2, nullptr,
                             &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "bertc_device_inputs.input_ids is memory of cuda:0, expected "
               "cuda:1, where the model is");
}

TEST(RunDevice, OnTheProcessor) {
  Opened opened;
  bertc_device_inputs inputs = BERTC_INIT(bertc_device_inputs);
  bertc_status status;
  EXPECT_EQ(
      api().run_device(opened.session, &inputs, nullptr, 0, nullptr, &status),
      BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "run_device is for a model on a CUDA device, and this one runs "
               "on the processor\nhelp: open it with device cuda:0");
}

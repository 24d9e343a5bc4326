//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The stand-in driver refuses what a real one would, and what a real one might
// let pass by luck.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

namespace {

constexpr int invalidContext = 201, invalidHandle = 400, notReady = 600,
              illegalAddress = 700, captureUnsupported = 900,
              captureInvalidated = 901;

class StandInDriver : public testing::Test {
protected:
  void SetUp() override { start({}); }
  void start(std::vector<std::string> settings) {
    standIn = std::make_unique<StandIn>(std::move(settings));
    ASSERT_EQ(driver().cuInit(0), 0);
    ASSERT_EQ(driver().cuDevicePrimaryCtxRetain(&context, 0), 0);
    ASSERT_EQ(driver().cuCtxPushCurrent_v2(context), 0);
    ASSERT_EQ(driver().cuStreamCreate(&stream, 1), 0);
    testing::internal::CaptureStderr();
  }
  void TearDown() override {
    driver().cuStreamDestroy_v2(stream);
    driver().cuCtxPopCurrent_v2(&context);
    driver().cuDevicePrimaryCtxRelease_v2(0);
    testing::internal::GetCapturedStderr();
  }
  /// What was written to standard error until now.
  std::string talk() {
    std::string text = testing::internal::GetCapturedStderr();
    testing::internal::CaptureStderr();
    return text;
  }
  cuda::Function kernel(const char *name) {
    cuda::Module module;
    cuda::Function function = nullptr;
    EXPECT_EQ(driver().cuModuleLoadDataEx(&module, deviceVariant(0).ptx, 0,
                                          nullptr, nullptr),
              0);
    EXPECT_EQ(driver().cuModuleGetFunction(&function, module, name), 0);
    modules.push_back(module);
    return function;
  }
  cuda::Result launch(cuda::Function function, unsigned threads,
                      unsigned shared, std::vector<uint64_t> values) {
    std::vector<void *> params;
    for (uint64_t &value : values)
      params.push_back(&value);
    return driver().cuLaunchKernel(function, 1, 1, 1, threads, 1, 1, shared,
                                   stream, params.data(), nullptr);
  }

  std::unique_ptr<StandIn> standIn;
  cuda::Context context = nullptr;
  cuda::Stream stream = nullptr;
  std::vector<cuda::Module> modules;
};

} // namespace

TEST_F(StandInDriver, CopiesOfMemoryThatIsNotPinned) {
  cuda::DeviceAddress device;
  ASSERT_EQ(driver().cuMemAlloc_v2(&device, 64), 0);
  char plain[64];
  EXPECT_EQ(driver().cuMemcpyHtoDAsync_v2(device, plain, 64, stream),
            cuda::invalidValue);
  EXPECT_THAT(talk(), HasSubstr("which is not pinned memory"));
  void *pinned;
  ASSERT_EQ(driver().cuMemHostAlloc(&pinned, 64, 0), 0);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync_v2(device, pinned, 64, stream), 0);
  // One byte too many, on either side.
  EXPECT_EQ(driver().cuMemcpyHtoDAsync_v2(device, pinned, 65, stream),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuMemcpyDtoHAsync_v2(pinned, device + 1, 64, stream),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuMemFree_v2(device), 0);
  EXPECT_EQ(driver().cuMemFree_v2(device), cuda::invalidValue);
  EXPECT_EQ(driver().cuMemcpyHtoDAsync_v2(device, pinned, 64, stream),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuMemFreeHost(pinned), 0);
}

// A copy happens when its stream is waited for, and not before.
TEST_F(StandInDriver, WorkWaitsInItsStream) {
  cuda::DeviceAddress device;
  void *memory;
  ASSERT_EQ(driver().cuMemAlloc_v2(&device, 4), 0);
  ASSERT_EQ(driver().cuMemHostAlloc(&memory, 8, 0), 0);
  auto *pinned = static_cast<uint32_t *>(memory);
  pinned[0] = 1;
  ASSERT_EQ(driver().cuMemcpyHtoDAsync_v2(device, &pinned[0], 4, stream), 0);
  ASSERT_EQ(driver().cuMemcpyDtoHAsync_v2(&pinned[1], device, 4, stream), 0);
  pinned[0] = 2; // too early
  EXPECT_EQ(pinned[1], 0xffffffffu);
  ASSERT_EQ(driver().cuStreamSynchronize(stream), 0);
  EXPECT_EQ(pinned[1], 2u);
  ASSERT_EQ(driver().cuMemFree_v2(device), 0);
  ASSERT_EQ(driver().cuMemFreeHost(memory), 0);
}

TEST_F(StandInDriver, MemoryIsLimited) {
  cuda::DeviceAddress first, second;
  size_t free, total;
  ASSERT_EQ(driver().cuMemAlloc_v2(&first, 60 << 20), 0);
  ASSERT_EQ(driver().cuMemGetInfo_v2(&free, &total), 0);
  EXPECT_EQ(free, 4u << 20);
  EXPECT_EQ(total, 64u << 20);
  EXPECT_EQ(driver().cuMemAlloc_v2(&second, 5 << 20), cuda::outOfMemory);
  ASSERT_EQ(driver().cuMemFree_v2(first), 0);
}

TEST_F(StandInDriver, LaunchesThatCannotBe) {
  cuda::Function embed = kernel("embed"), rows = kernel("rows");
  EXPECT_EQ(launch(embed, 64, 0, {0, 0, 0}), cuda::invalidValue);
  EXPECT_THAT(talk(), HasSubstr("another number of threads than .reqntid"));
  EXPECT_EQ(launch(rows, 64, 49 << 10, std::vector<uint64_t>(7)),
            cuda::invalidValue);
  EXPECT_THAT(talk(), HasSubstr("more shared memory than its attribute"));
  EXPECT_EQ(driver().cuFuncSetAttribute(rows, 8, 164 << 10),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuFuncSetAttribute(rows, 8, 100 << 10), 0);
  EXPECT_EQ(launch(rows, 64, 100 << 10, std::vector<uint64_t>(7)), 0);
  EXPECT_EQ(launch(rows, 64, 101 << 10, std::vector<uint64_t>(7)),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuLaunchKernel(embed, 0, 1, 1, 32, 1, 1, 0, stream,
                                    nullptr, nullptr),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuLaunchKernel(embed, 1, 65536, 1, 32, 1, 1, 0, stream,
                                    nullptr, nullptr),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuLaunchKernel(embed, 1, 1, 1, 32, 1, 1, 0, stream,
                                    nullptr, nullptr),
            cuda::invalidValue);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), 0);
  for (cuda::Module module : modules)
    EXPECT_EQ(driver().cuModuleUnload(module), 0);
}

TEST_F(StandInDriver, AFailedKernelLosesTheContext) {
  cuda::Function embed = kernel("embed");
  cuda::DeviceAddress device;
  ASSERT_EQ(driver().cuMemAlloc_v2(&device, 12), 0);
  // 4 tokens in memory for 3.
  EXPECT_EQ(launch(embed, 32, 0, {device, device, 4}), 0);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), illegalAddress);
  EXPECT_THAT(talk(), HasSubstr("kernel embed failed"));
  EXPECT_EQ(driver().cuMemAlloc_v2(&device, 4), illegalAddress);
  EXPECT_EQ(launch(embed, 32, 0, {device, device, 1}), illegalAddress);
}

TEST_F(StandInDriver, FreedMemoryInAGraph) {
  cuda::Function embed = kernel("embed");
  cuda::DeviceAddress device;
  cuda::Graph graph;
  cuda::GraphExec exec;
  ASSERT_EQ(driver().cuMemAlloc_v2(&device, 12), 0);
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  ASSERT_EQ(launch(embed, 32, 0, {device, device, 3}), 0);
  ASSERT_EQ(driver().cuStreamEndCapture(stream, &graph), 0);
  ASSERT_EQ(driver().cuGraphInstantiateWithFlags(&exec, graph, 0), 0);
  EXPECT_EQ(driver().cuGraphLaunch(exec, stream), 0);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), 0);
  ASSERT_EQ(driver().cuMemFree_v2(device), 0);
  EXPECT_EQ(driver().cuGraphLaunch(exec, stream), 0);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), illegalAddress);
  EXPECT_EQ(driver().cuGraphExecDestroy(exec), 0);
  EXPECT_EQ(driver().cuGraphDestroy(graph), 0);
}

TEST_F(StandInDriver, WhatACaptureDoesNotAllow) {
  cuda::DeviceAddress device;
  cuda::Graph graph;
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  EXPECT_EQ(driver().cuMemAlloc_v2(&device, 12), captureUnsupported);
  EXPECT_EQ(driver().cuStreamEndCapture(stream, &graph), captureInvalidated);
  EXPECT_EQ(graph, nullptr);
  ASSERT_EQ(driver().cuStreamBeginCapture_v2(stream, 1), 0);
  EXPECT_EQ(driver().cuStreamSynchronize(stream), captureUnsupported);
  EXPECT_EQ(driver().cuStreamEndCapture(stream, &graph), captureInvalidated);
  EXPECT_EQ(driver().cuStreamBeginCapture_v2(nullptr, 1), captureUnsupported);
}

TEST_F(StandInDriver, NeedsItsContext) {
  cuda::Context popped;
  ASSERT_EQ(driver().cuCtxPopCurrent_v2(&popped), 0);
  cuda::DeviceAddress device;
  EXPECT_EQ(driver().cuMemAlloc_v2(&device, 12), invalidContext);
  EXPECT_EQ(driver().cuCtxPushCurrent_v2(nullptr), invalidContext);
  ASSERT_EQ(driver().cuCtxPushCurrent_v2(popped), 0);
  EXPECT_EQ(
      driver().cuStreamSynchronize(reinterpret_cast<cuda::Stream>(&popped)),
      invalidHandle);
}

TEST_F(StandInDriver, CountsWhatIsLeft) {
  cuda::DeviceAddress device;
  ASSERT_EQ(driver().cuMemAlloc_v2(&device, 12), 0);
  driver().cuStreamDestroy_v2(stream);
  driver().cuCtxPopCurrent_v2(&context);
  driver().cuDevicePrimaryCtxRelease_v2(0);
  EXPECT_EQ(StandIn::leaks(), 1u);
  ASSERT_EQ(driver().cuDevicePrimaryCtxRetain(&context, 0), 0);
  ASSERT_EQ(driver().cuCtxPushCurrent_v2(context), 0);
  ASSERT_EQ(driver().cuStreamCreate(&stream, 1), 0);
}

// The library of emulated kernels must be the one of the PTX.
TEST_F(StandInDriver, KernelsOfAnotherModel) {
  auto load = [&](const char *ptx) {
    cuda::Module module;
    char log[100] = "";
    int options[] = {cuda::jitErrorLogBuffer, cuda::jitErrorLogBufferSize};
    void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
    EXPECT_EQ(driver().cuModuleLoadDataEx(&module, ptx, 2, options, values),
              cuda::invalidPtx);
    return std::string(log);
  };
  EXPECT_EQ(load(".version 8.0\n.target sm_80\n.visible .entry embed(\n"
                 ".param .u64 a, .param .u64 b, .param .u64 c)\n{ }"),
            "the emulated kernel embed has other parameters");
  EXPECT_EQ(load(".version 8.0\n.target sm_80\n.visible .entry pool(.param "
                 ".u64 a, .param .u64 b,\n.param .f64 c, .param .align 4 .b8 "
                 "d[8])\n.reqntid 128, 1, 1\n{ }"),
            "the emulated kernel pool has blocks of 32 threads, expected 128");
  EXPECT_EQ(load(".version 8.0\n.target sm_80\n.entry embed(.param .u64 a, "
                 ".param .u64 b, .param .u32 c)\n.reqntid 32, 1, 1\n"
                 ".explicitcluster\n.reqnctapercluster 1, 2, 1\n{ }"),
            "the emulated kernel embed has clusters of 1 blocks, expected 2");
  EXPECT_THAT(load(".version 8.0\n.target sm_80\n.visible .entry other()\n{ }"),
              HasSubstr("has no kernel other"));
  EXPECT_THAT(load(".version 8.0 /* no target */"),
              HasSubstr("expected a .version and a .target"));
  EXPECT_THAT(load(".version 8.0\n.target sm_80\n.entry cut()"),
              HasSubstr("ends before the body of cut"));
}

TEST_F(StandInDriver, SettingsThatCannotBeUnderstood) {
  for (const char *bad :
       {"BERTC_EMULATED_GPU=sm_81", "BERTC_EMULATED_GPU_MEMORY=much",
        "BERTC_EMULATED_GPU_DRIVER=-1", "BERTC_EMULATED_GPU_FAIL=cuInit",
        "BERTC_EMULATED_GPU_FAIL=cuInit:0",
        "BERTC_EMULATED_GPU_FAIL=cuInit:1:x"}) {
    StandIn wrong({bad});
    EXPECT_EQ(driver().cuInit(0), cuda::invalidValue) << bad;
    EXPECT_THAT(talk(), HasSubstr("expected")) << bad;
  }
  EXPECT_EQ(driver().cuInit(0), 0);
}

TEST_F(StandInDriver, TimesOfEvents) {
  cuda::Event first, second, timeless;
  ASSERT_EQ(driver().cuEventCreate(&first, 0), 0);
  ASSERT_EQ(driver().cuEventCreate(&second, 0), 0);
  ASSERT_EQ(driver().cuEventCreate(&timeless, cuda::eventNoTiming), 0);
  float milliseconds = -1;
  ASSERT_EQ(driver().cuEventRecord(first, stream), 0);
  EXPECT_EQ(driver().cuEventElapsedTime(&milliseconds, first, second),
            invalidHandle);
  EXPECT_THAT(talk(), HasSubstr("was not recorded"));
  ASSERT_EQ(driver().cuEventRecord(timeless, stream), 0);
  EXPECT_EQ(driver().cuEventElapsedTime(&milliseconds, first, timeless),
            invalidHandle);
  ASSERT_EQ(driver().cuEventSynchronize(first), 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(3));
  ASSERT_EQ(driver().cuEventRecord(second, stream), 0);
  // The stream has not come by it.
  EXPECT_EQ(driver().cuEventElapsedTime(&milliseconds, first, second),
            notReady);
  EXPECT_EQ(milliseconds, -1);
  ASSERT_EQ(driver().cuEventSynchronize(second), 0);
  EXPECT_EQ(driver().cuEventElapsedTime(&milliseconds, first, second), 0);
  EXPECT_GE(milliseconds, 3);
  for (cuda::Event event : {first, second, timeless})
    EXPECT_EQ(driver().cuEventDestroy_v2(event), 0);
}

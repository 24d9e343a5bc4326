//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What becomes of each failure of the driver: every call is made to fail once,
// and nothing may be lost, or be left in use.
//
//===----------------------------------------------------------------------===//
#include "DeviceFailures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

namespace {

struct Attempt : RunAttempt {
  Attempt() : RunAttempt(0, 3, [](bertc_session *, bertc_code) {}) {}
};

} // namespace

TEST(DeviceErrors, EveryCallFailsOnce) {
  EXPECT_GT(failEveryCall<Attempt>(), 40);
}

TEST(DeviceErrors, NoMemoryForWeights) {
  StandIn standIn({"BERTC_EMULATED_GPU_FAIL=cuMemAlloc_v2:1"});
  Attempt attempt;
  EXPECT_EQ(attempt.code, BERTC_OUT_OF_MEMORY);
  EXPECT_EQ(attempt.message,
            "no memory on cuda:0 (Emulated GPU sm_80) for 4096 bytes of "
            "weights, 67108864 of 67108864 bytes are free");
}

TEST(DeviceErrors, NoMemoryForARun) {
  StandIn standIn({"BERTC_EMULATED_GPU_MEMORY=1"});
  DeviceOpened opened;
  Batch batch(std::vector<int64_t>(4000, 16));
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> pooled(batch.pooled.size());
  bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
  bertc_status status;
  EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
            BERTC_OUT_OF_MEMORY);
  EXPECT_THAT(
      status.message,
      testing::MatchesRegex(
          "no memory on cuda:0 .* for [0-9]+ bytes of a run, 1044480 of "
          "1048576 bytes are free"));
  // Smaller runs go on.
  runAndCompare(opened.session, Batch({3, 4}));
}

TEST(DeviceErrors, AKernelFails) {
  StandIn standIn;
  std::string output = quietly([] {
    DeviceOpened opened;
    runAndCompare(opened.session, Batch({3, 4}));
    deviceObserved.fault = Fault::OutOfBounds;
    Batch batch({3, 5});
    bertc_packed_inputs inputs = batch.packed();
    std::vector<float> pooled(batch.pooled.size());
    bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
    bertc_status status;
    EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
              BERTC_INTERNAL);
    EXPECT_STREQ(status.message,
                 "a kernel failed on cuda:0 (Emulated GPU sm_80)\n"
                 "help: BERTC_LOG=debug tells which; after such an error the "
                 "process has to be started again: CUDA_ERROR_ILLEGAL_ADDRESS "
                 "(an illegal memory access was encountered)");
    // The context is lost.
    deviceObserved.fault = Fault::None;
    EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
              BERTC_INTERNAL);
    EXPECT_THAT(status.message, HasSubstr("CUDA_ERROR_ILLEGAL_ADDRESS"));
  });
  EXPECT_THAT(output, HasSubstr("kernel embed failed"));
  EXPECT_THAT(output, HasSubstr("out of bounds"));
}

TEST(DeviceErrors, WhichKernelFails) {
  StandIn standIn({"BERTC_LOG=debug"});
  quietly([] {
    DeviceOpened opened;
    deviceObserved.fault = Fault::OutOfBounds;
    Batch batch({3, 5});
    bertc_packed_inputs inputs = batch.packed();
    std::vector<float> pooled(batch.pooled.size());
    bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
    bertc_status status;
    EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
              BERTC_INTERNAL);
    EXPECT_STREQ(status.message,
                 "kernel 'embed' failed on cuda:0 with a grid of 1 x 1 x 1 "
                 "blocks: CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access "
                 "was encountered)");
  });
}

TEST(DeviceErrors, HostCodeIsWrong) {
  StandIn standIn;
  auto message = [](Fault fault) {
    DeviceOpened opened;
    deviceObserved.fault = fault;
    Batch batch({3, 5});
    bertc_packed_inputs inputs = batch.packed();
    std::vector<float> pooled(batch.pooled.size());
    bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
    bertc_status status;
    std::string first;
    for (int repeat = 0; repeat < 2; ++repeat) { // launched, and captured
      EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
                BERTC_INTERNAL);
      if (repeat)
        EXPECT_EQ(status.message, first);
      first = status.message;
    }
    deviceObserved.fault = Fault::None;
    runAndCompare(opened.session, batch);
    return first;
  };
  EXPECT_EQ(message(Fault::NoSuchKernel),
            "the code of cuda:sm_80 launches kernel 8, expected 0 to 7");
  EXPECT_EQ(message(Fault::EmptyGrid),
            "kernel 'embed' failed on cuda:0 with a grid of 0 x 1 x 1 blocks: "
            "CUDA_ERROR_INVALID_VALUE (invalid argument)");
}

TEST(DeviceErrors, MoreBlocksThanAGridHas) {
  StandIn standIn;
  DeviceOpened opened;
  Batch batch({3, 5});
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> pooled(batch.pooled.size());
  bertc_output wanted = {"pooler_output", pooled.data(), pooled.size()};
  bertc_status status;
  deviceObserved.firstRows = 65536;
  EXPECT_EQ(api().run_packed(opened.session, &inputs, &wanted, 1, &status),
            BERTC_INVALID_ARGUMENT);
  EXPECT_STREQ(status.message,
               "the batch is too large for kernel 'embed' on cuda:0: its grid "
               "is 1 x 65536 x 1 blocks, expected at most 2147483647 x 65535 x "
               "65535\nhelp: run fewer sequences at a time");
  EXPECT_EQ(StandIn::calls("cuLaunchKernel"), 0u);
  deviceObserved.firstRows = 1;
  runAndCompare(opened.session, batch);
}

TEST(DeviceErrors, CodeAndKernelsDoNotAgree) {
  bertc_device_variant variant = deviceVariant(0);
  bertc_model_desc desc = deviceModel();
  desc.device_variants = &variant;
  desc.device_variant_count = 1;
  bertc_kernel_desc kernels[] = {{"attention", 32, 0, 0, 0, 0}};
  variant.kernels = kernels;
  variant.kernel_count = 1;
  StandIn standIn;
  EXPECT_EQ(tryOpen(desc, BERTC_INTERNAL),
            "the code of cuda:sm_80 has no kernel 'attention': "
            "CUDA_ERROR_NOT_FOUND (named symbol not found)");
  quietly([&] {
    variant.ptx = ".version 9.1\n.target sm_80\n";
    EXPECT_EQ(tryOpen(desc, BERTC_NO_DEVICE),
              "the driver cannot compile the PTX of cuda:sm_80 for cuda:0: PTX "
              "of version 91, expected at most 84: "
              "CUDA_ERROR_UNSUPPORTED_PTX_VERSION (the provided PTX was "
              "compiled with an unsupported toolchain.)\n"
              "help: install a newer NVIDIA driver, of CUDA 12.0 or later");
    variant.ptx = "text";
    EXPECT_EQ(tryOpen(desc, BERTC_INTERNAL),
              "the driver cannot compile the PTX of cuda:sm_80 for cuda:0: "
              "expected a .version and a .target sm_NN: CUDA_ERROR_INVALID_PTX "
              "(a PTX JIT compilation failed)");
  });
}

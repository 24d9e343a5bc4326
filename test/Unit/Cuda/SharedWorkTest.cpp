//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels whose blocks share the work: no more of them are launched than run at
// a time, which the driver is asked for when the model is opened.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"
#include "runtime/core/Model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

namespace {

/// The model with another first kernel, on an H100.
struct Sharing {
  explicit Sharing(const char *first, uint32_t cluster, uint32_t flags)
      : ptx(std::string(deviceVariant(1).ptx) +
            ".visible .entry pair(.param .u64 a, .param .u64 b, .param .u32 c)"
            "\n.reqntid 32\n.explicitcluster\n.reqnctapercluster 1, 2, 1\n"
            "{ ret; }\n"),
        variant(deviceVariant(1)),
        kernels(variant.kernels, variant.kernels + variant.kernel_count),
        desc(deviceModel()) {
    kernels[0].name = first;
    kernels[0].cluster = cluster;
    kernels[0].flags = flags;
    variant.ptx = ptx.c_str();
    variant.ptx_size = ptx.size();
    variant.kernels = kernels.data();
    desc.device_variants = &variant;
    desc.device_variant_count = 1;
  }

  /// The blocks of the first kernel, if `rows` are wanted along y.
  std::string launched(int64_t rows) {
    StandIn standIn({"BERTC_EMULATED_GPU=sm_90", "BERTC_EMULATED_GPU_LOG=1"});
    bertc_model *model = nullptr;
    bertc_session *session = nullptr;
    bertc_status status;
    testing::internal::CaptureStderr();
    EXPECT_EQ(openModel(desc, fullCpu(), nullptr, &model, &status), BERTC_OK)
        << status.message;
    EXPECT_EQ(api().session_create(model, nullptr, &session, &status),
              BERTC_OK);
    deviceObserved.firstRows = rows;
    runAndCompare(session, Batch({16, 16, 11}));
    api().session_destroy(session);
    api().model_close(model);
    EXPECT_EQ(StandIn::leaks(), 0u);
    std::string talk = testing::internal::GetCapturedStderr();
    std::string begin = std::string("driver: ") + kernels[0].name + ", ";
    size_t from = talk.find(begin);
    if (from == std::string::npos)
      return talk;
    from += begin.size();
    return talk.substr(from, talk.find(" blocks", from) - from);
  }

  std::string ptx;
  bertc_device_variant variant;
  std::vector<bertc_kernel_desc> kernels;
  bertc_model_desc desc;
};

} // namespace

// 43 tokens are two blocks along x; a processor has 64 blocks of 32 threads.
TEST(SharedWork, AsManyBlocksAsRunAtATime) {
  Sharing sharing("embed", 0, BERTC_KERNEL_SHARES_WORK);
  EXPECT_EQ(sharing.launched(1), "2 x 1 x 1");
  EXPECT_EQ(sharing.launched(132 * 64 / 2), "2 x 4224 x 1");
  EXPECT_EQ(sharing.launched(132 * 64 / 2 + 1), "2 x 4224 x 1");
  EXPECT_EQ(sharing.launched(100000), "2 x 4224 x 1");
  Sharing apart("embed", 0, 0);
  EXPECT_EQ(apart.launched(4300), "2 x 4300 x 1");
}

// Those of the stand-in: groups of 18 processors have 64 * 18 / 2 each.
TEST(SharedWork, WholeClusters) {
  Sharing sharing("pair", 2, BERTC_KERNEL_SHARES_WORK);
  EXPECT_EQ(sharing.launched(6), "2 x 6 x 1");
  EXPECT_EQ(sharing.launched(100000), "2 x 4224 x 1");
}

TEST(SharedWork, TheDriverDoesNotKnow) {
  for (const char *first : {"embed", "pair"}) {
    const bool isPair = !strcmp(first, "pair");
    const std::string function =
        isPair ? "cuOccupancyMaxActiveClusters"
               : "cuOccupancyMaxActiveBlocksPerMultiprocessor";
    StandIn standIn({"BERTC_EMULATED_GPU=sm_90",
                     "BERTC_EMULATED_GPU_FAIL=" + function + ":1:999"});
    Sharing sharing(first, isPair ? 2 : 0, BERTC_KERNEL_SHARES_WORK);
    EXPECT_THAT(tryOpen(sharing.desc, BERTC_INTERNAL),
                HasSubstr(std::string("cannot tell how many blocks of kernel "
                                      "'") +
                          first + "' run on cuda:0: CUDA_ERROR_UNKNOWN"));
    EXPECT_EQ(StandIn::leaks(), 0u);
  }
}

TEST(SharedWork, DriverWithoutClusters) {
  cuda::Driver old = driver();
  old.cuOccupancyMaxActiveClusters = nullptr;
  bertc_status status;
  EXPECT_EQ(cuda::checkFunctions(old, Sharing("embed", 0, 1).variant, &status),
            BERTC_OK);
  EXPECT_EQ(cuda::checkFunctions(old, Sharing("pair", 2, 0).variant, &status),
            BERTC_NO_DEVICE);
  EXPECT_THAT(status.message,
              HasSubstr("no function cuOccupancyMaxActiveClusters, which the "
                        "code of cuda:sm_90a needs\nhelp: "));
}

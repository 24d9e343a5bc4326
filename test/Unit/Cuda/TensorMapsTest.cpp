//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensor maps: what host code asks for, what the driver is told, and what
// becomes of its refusals.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"
#include "runtime/core/Model.h"
#include "tools/gpu-emulator/TensorMap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;
using bertc::emulator::Swizzle;
using bertc::emulator::TensorMap;
using testing::HasSubstr;

namespace {

/// Runs the model `runs` times with a change of the map it makes.
template <typename Change>
bertc_code run(Change change, std::string &message, int runs = 1) {
  DeviceOpened opened;
  deviceObserved.map.wanted = true;
  change(deviceObserved.map.tensor);
  Batch batch({3, 5});
  bertc_packed_inputs inputs = batch.packed();
  std::vector<float> hidden(batch.hidden.size());
  bertc_output wanted = {"last_hidden_state", hidden.data(), hidden.size()};
  bertc_code code = BERTC_OK;
  for (int i = 0; i < runs && !code; ++i)
    code =
        api().run_packed(opened.session, &inputs, &wanted, 1, &opened.status);
  message = opened.status.message;
  if (!code)
    EXPECT_EQ(hidden, batch.hidden);
  return code;
}

TensorMap madeMap() {
  TensorMap map;
  memcpy(&map, deviceObserved.map.map.data(), sizeof(map));
  return map;
}

/// The message of a run whose map is refused.
template <typename Change> std::string refusal(Change change) {
  StandIn standIn;
  std::string message;
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(change, message), BERTC_INTERNAL);
  testing::internal::GetCapturedStderr();
  EXPECT_EQ(StandIn::calls("cuLaunchKernel"), 0u) << "it went on";
  return message;
}

} // namespace

TEST(TensorMaps, SayWhatWasAsked) {
  StandIn standIn;
  std::string message;
  ASSERT_EQ(run([](bertc_tensor_desc &) {}, message), BERTC_OK) << message;
  TensorMap map = madeMap();
  EXPECT_EQ(map.magic, TensorMap::mark);
  EXPECT_EQ(map.address, deviceObserved.map.address);
  EXPECT_EQ(map.rank, 2u);
  EXPECT_EQ(map.elementBytes, 4u);
  EXPECT_EQ(map.sizes[0], uint32_t(deviceWidth));
  EXPECT_EQ(map.sizes[1], 5u);
  EXPECT_EQ(map.strides[0], 16u);
  EXPECT_EQ(map.box[0], 4u);
  EXPECT_EQ(map.box[1], 2u);
  EXPECT_EQ(map.swizzle, Swizzle::None);
  const std::pair<uint32_t, Swizzle> swizzles[] = {
      {32, Swizzle::Bytes32}, {64, Swizzle::Bytes64}, {128, Swizzle::Bytes128}};
  for (const auto &swizzle : swizzles)
    for (uint32_t element : {BERTC_ELEMENT_BF16, BERTC_ELEMENT_F16}) {
      ASSERT_EQ(run(
                    [&](bertc_tensor_desc &tensor) {
                      tensor.element = element;
                      tensor.columns = 8;
                      tensor.box_columns = 8;
                      tensor.swizzle = swizzle.first;
                    },
                    message),
                BERTC_OK)
          << message;
      EXPECT_EQ(madeMap().swizzle, swizzle.second);
      EXPECT_EQ(madeMap().elementBytes, 2u);
    }
}

// Maps are made while a graph is captured, and not when it is launched.
TEST(TensorMaps, InGraphs) {
  StandIn standIn;
  std::string message;
  ASSERT_EQ(run([](bertc_tensor_desc &) {}, message, 4), BERTC_OK) << message;
  EXPECT_EQ(StandIn::calls("cuGraphLaunch"), 3u);
  EXPECT_EQ(StandIn::calls("cuTensorMapEncodeTiled"), 2u);
}

TEST(TensorMaps, RefusedByTheDriver) {
  std::string message =
      refusal([](bertc_tensor_desc &tensor) { tensor.row_bytes = 24; });
  EXPECT_THAT(message, HasSubstr("no tensor map on cuda:0 of 5 x 4 elements of "
                                 "kind 2 at 0x"));
  EXPECT_THAT(message,
              HasSubstr(", rows of 24 bytes, in boxes of 2 x 4, permuted in 0 "
                        "bytes: CUDA_ERROR_INVALID_VALUE"));
  auto refused = [](auto change) {
    EXPECT_THAT(refusal(change), HasSubstr("no tensor map on cuda:0 of "));
  };
  refused([](bertc_tensor_desc &tensor) { tensor.address = 8; });
  refused([](bertc_tensor_desc &tensor) { tensor.box_rows = 257; });
  refused([](bertc_tensor_desc &tensor) { tensor.box_columns = 0; });
  refused([](bertc_tensor_desc &tensor) { tensor.rows = 0; });
  refused([](bertc_tensor_desc &tensor) { tensor.columns = -1; });
  refused([](bertc_tensor_desc &tensor) { tensor.element = 3; });
  refused([](bertc_tensor_desc &tensor) { tensor.swizzle = 16; });
  refused([](bertc_tensor_desc &tensor) {
    tensor.columns = tensor.box_columns = 64;
    tensor.swizzle = 128; // a box has rows of 256 bytes
  });
}

TEST(TensorMaps, FailureWhileCapturing) {
  StandIn standIn({"BERTC_EMULATED_GPU_FAIL=cuTensorMapEncodeTiled:2:999"});
  std::string message;
  EXPECT_EQ(run([](bertc_tensor_desc &) {}, message, 2), BERTC_INTERNAL);
  EXPECT_THAT(message, HasSubstr("no tensor map on cuda:0"));
  EXPECT_THAT(message, HasSubstr("CUDA_ERROR_UNKNOWN"));
  EXPECT_EQ(StandIn::leaks(), 0u);
}

TEST(TensorMaps, DriverWithoutThem) {
  cuda::Driver old = driver();
  old.cuTensorMapEncodeTiled = nullptr;
  bertc_device_variant variant = deviceVariant(1);
  bertc_status status;
  EXPECT_EQ(cuda::checkFunctions(old, variant, &status), BERTC_OK);
  variant.flags |= BERTC_DEVICE_TENSOR_MAPS;
  EXPECT_EQ(cuda::checkFunctions(driver(), variant, &status), BERTC_OK);
  EXPECT_EQ(cuda::checkFunctions(old, variant, &status), BERTC_NO_DEVICE);
  EXPECT_STREQ(status.message,
               "the CUDA driver has no function cuTensorMapEncodeTiled, which "
               "the code of cuda:sm_90a needs\n"
               "help: install a newer NVIDIA driver, of CUDA 12.0 or later");
}

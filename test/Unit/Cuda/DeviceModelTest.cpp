//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where a model is opened: devices, variants, and every reason not to.
//
//===----------------------------------------------------------------------===//
#include "DeviceTestModel.h"
#include "runtime/core/Model.h"
#include "runtime/cuda/Device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace bertc::test;
using namespace bertc::rt;
using testing::HasSubstr;

static std::string loadMessage(const char *library) {
  cuda::Driver driver;
  bertc_status status;
  EXPECT_EQ(cuda::loadDriver(library, driver, &status), BERTC_NO_DEVICE);
  return status.message;
}

TEST(Driver, NotThere) {
  std::string message = loadMessage("libbertc-no-such-driver.so.1");
  EXPECT_THAT(message, HasSubstr("cannot load the CUDA driver: "));
  EXPECT_THAT(message, HasSubstr("libbertc-no-such-driver.so.1"));
  EXPECT_THAT(message, HasSubstr("help: install the NVIDIA driver"));
}

TEST(Driver, AnotherLibrary) {
  EXPECT_THAT(loadMessage("libm.so.6"),
              HasSubstr("the CUDA driver (libm.so.6) has no function cuInit"));
}

TEST(Driver, TooOld) {
  StandIn standIn({"BERTC_EMULATED_GPU_DRIVER=11080"});
  EXPECT_EQ(loadMessage("libcuda.so.1"),
            "the CUDA driver is of CUDA 11.8, expected 12.0 or later\n"
            "help: install a newer NVIDIA driver, of CUDA 12.0 or later");
}

TEST(Driver, NoDevice) {
  StandIn standIn({"BERTC_EMULATED_GPU=none"});
  EXPECT_EQ(loadMessage("libcuda.so.1"),
            "cannot start the CUDA driver: CUDA_ERROR_NO_DEVICE (no "
            "CUDA-capable device is detected)\n"
            "help: CUDA_VISIBLE_DEVICES may hide the devices");
}

TEST(Driver, DoesNotMatchItsKernelModule) {
  StandIn standIn({"BERTC_EMULATED_GPU_FAIL=cuInit:1:803"});
  EXPECT_THAT(loadMessage("libcuda.so.1"),
              HasSubstr("CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"));
}

TEST(Device, ParsesNames) {
  auto parse = [](const char *text) {
    int ordinal = -2;
    return cuda::parseDevice(text, ordinal) ? ordinal : -3;
  };
  EXPECT_EQ(parse("cpu"), -1);
  EXPECT_EQ(parse("cuda"), 0);
  EXPECT_EQ(parse("cuda:0"), 0);
  EXPECT_EQ(parse("cuda:12"), 12);
  for (const char *bad : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda1",
                          "cuda:12345", "CUDA:0", "cpu:0"})
    EXPECT_EQ(parse(bad), -3) << bad;
}

TEST(DeviceModel, TheBestVariant) {
  bertc_model_desc desc = deviceModel();
  const std::pair<const char *, const char *> cases[] = {
      {"sm_80", "cuda:sm_80 on cuda:0"},
      {"sm_86", "cuda:sm_80 on cuda:0"},
      {"sm_90", "cuda:sm_90a on cuda:0"},
      // Code for exactly 9.0 does not run on what came later.
      {"sm_100", "cuda:sm_80 on cuda:0"}};
  for (const auto &[device, expected] : cases) {
    StandIn standIn({std::string("BERTC_EMULATED_GPU=") + device});
    EXPECT_EQ(tryOpen(desc, BERTC_OK), expected) << device;
  }
}

TEST(DeviceModel, TheSecondDevice) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_80,sm_90"});
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_OK, "cuda:1"),
            "cuda:sm_90a on cuda:1");
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_NO_DEVICE, "cuda:2"),
            "there is no device cuda:2, this machine has 2 CUDA devices");
}

TEST(DeviceModel, TheVariantOneAsksFor) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_90"});
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_OK, nullptr, "cuda:sm_80"),
            "cuda:sm_80 on cuda:0");
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_INVALID_ARGUMENT, nullptr, "x86-64"),
            "bertc_model_options.variant is 'x86-64', expected a variant for "
            "CUDA devices of this model: cuda:sm_80, cuda:sm_90a");
}

TEST(DeviceModel, NoVariantFits) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_75"});
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_NO_DEVICE),
            "cuda:0 (Emulated GPU sm_75, compute capability 7.5, 65536 bytes "
            "of shared memory) can run no variant of the model: cuda:sm_80 "
            "needs compute capability 8.0 or later; cuda:sm_90a needs compute "
            "capability 9.0\n"
            "help: compile the model with a --target for this device");
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_NO_DEVICE, nullptr, "cuda:sm_90a"),
            "the variant cuda:sm_90a needs compute capability 9.0, but this is "
            "cuda:0 (Emulated GPU sm_75, compute capability 7.5, 65536 bytes "
            "of shared memory)");
}

TEST(DeviceModel, TooLittleSharedMemory) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_86"});
  bertc_kernel_desc kernels[] = {{"embed", 32, 160 << 10, 0, 0, 0}};
  bertc_device_variant variant = deviceVariant(0);
  variant.kernels = kernels;
  variant.kernel_count = 1;
  bertc_model_desc desc = deviceModel();
  desc.device_variants = &variant;
  desc.device_variant_count = 1;
  EXPECT_THAT(
      tryOpen(desc, BERTC_NO_DEVICE),
      HasSubstr("cuda:sm_80 needs 163840 bytes of shared memory a block "
                "(kernel embed)"));
}

TEST(DeviceModel, ChoosesThePlace) {
  StandIn standIn;
  EXPECT_EQ(tryOpen(bothModel(), BERTC_OK), "future on cpu");
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_OK), "cuda:sm_80 on cuda:0");
  EXPECT_EQ(tryOpen(bothModel(), BERTC_OK, "cuda"), "cuda:sm_80 on cuda:0");
  {
    ScopedEnv device("BERTC_DEVICE", "cuda:0");
    EXPECT_EQ(tryOpen(bothModel(), BERTC_OK), "cuda:sm_80 on cuda:0");
    EXPECT_EQ(tryOpen(bothModel(), BERTC_OK, "cpu"), "future on cpu");
    EXPECT_EQ(tryOpen(fakeDescription(), BERTC_NO_DEVICE),
              "BERTC_DEVICE is cuda:0, but the model was compiled for "
              "processors only: first, second, future\n"
              "help: compile it with --target=cuda:sm_80, too");
  }
  EXPECT_EQ(tryOpen(deviceModel(), BERTC_UNSUPPORTED_CPU, "cpu"),
            "bertc_model_options.device is cpu, but the model was compiled for "
            "CUDA devices only: cuda:sm_80, cuda:sm_90a\n"
            "help: compile it with --target=x86-64-v3, too");
  ScopedEnv device("BERTC_DEVICE", "gpu");
  EXPECT_EQ(tryOpen(bothModel(), BERTC_INVALID_ARGUMENT),
            "BERTC_DEVICE is 'gpu', expected cpu, or cuda:0 and the like");
}

// Nothing else is tried when the device that was asked for cannot be had.
TEST(DeviceModel, DoesNotFallBack) {
  StandIn standIn({"BERTC_EMULATED_GPU=none", "BERTC_DEVICE=cuda:0"});
  EXPECT_THAT(tryOpen(bothModel(), BERTC_NO_DEVICE),
              HasSubstr("CUDA_ERROR_NO_DEVICE"));
}

TEST(DeviceModel, TellsAboutItself) {
  StandIn standIn({"BERTC_EMULATED_GPU=sm_86"});
  static bertc_model_desc desc = bothModel();
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.device = "cuda:0";
  bertc_model *model;
  bertc_status status;
  ASSERT_EQ(openModel(desc, fullCpu(), &options, &model, &status), BERTC_OK)
      << status.message;
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(model, &info, &status), BERTC_OK);
  EXPECT_STREQ(info.device, "cuda:0");
  EXPECT_STREQ(info.device_name, "Emulated GPU sm_86");
  EXPECT_EQ(info.variant_count, 5u);
  EXPECT_EQ(info.variant, 3u);
  EXPECT_EQ(info.phase_count, 8u); // its kernels
  bertc_variant_info variant = BERTC_INIT(bertc_variant_info);
  ASSERT_EQ(api().variant_info(model, 3, &variant, &status), BERTC_OK);
  EXPECT_STREQ(variant.name, "cuda:sm_80");
  EXPECT_EQ(variant.supported, 1u);
  EXPECT_STREQ(variant.missing, "");
  ASSERT_EQ(api().variant_info(model, 4, &variant, &status), BERTC_OK);
  EXPECT_STREQ(variant.name, "cuda:sm_90a");
  EXPECT_EQ(variant.supported, 0u);
  EXPECT_STREQ(variant.missing, "compute capability 9.0");
  ASSERT_EQ(api().variant_info(model, 1, &variant, &status), BERTC_OK);
  EXPECT_STREQ(variant.name, "second");
  EXPECT_EQ(api().variant_info(model, 5, &variant, &status),
            BERTC_INVALID_ARGUMENT);
  bertc_phase_info phase = BERTC_INIT(bertc_phase_info);
  ASSERT_EQ(api().phase_info(model, 0, &phase, &status), BERTC_OK);
  EXPECT_STREQ(phase.name, "embed");
  size_t bytes = 0;
  ASSERT_EQ(api().workspace_size(model, 8, 100, 4, 16, &bytes, &status),
            BERTC_OK);
  // 64 + 4 * 100 bytes, and the arrays, to 64 bytes each: independent of
  // threads.
  EXPECT_EQ(bytes, 512u + 4 * 448 + 64);
  api().model_close(model);
}

TEST(DeviceModel, OnTheProcessor) {
  StandIn standIn;
  static bertc_model_desc desc = bothModel();
  bertc_model *model;
  ASSERT_EQ(openModel(desc, fullCpu(), nullptr, &model, nullptr), BERTC_OK);
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  ASSERT_EQ(api().model_info(model, &info, nullptr), BERTC_OK);
  EXPECT_STREQ(info.device, "cpu");
  EXPECT_STREQ(info.device_name, "");
  bertc_variant_info variant = BERTC_INIT(bertc_variant_info);
  ASSERT_EQ(api().variant_info(model, 3, &variant, nullptr), BERTC_OK);
  EXPECT_EQ(variant.supported, 0u);
  EXPECT_STREQ(variant.missing, "the model is open on the processor");
  api().model_close(model);
}

TEST(DeviceModel, MachineCode) {
  // An ELF file of CUDA: two sections, the names and one kernel's code.
  struct {
    unsigned char ident[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 41, 8};
    uint16_t type = 2, machine = 190;
    uint32_t version = 1;
    uint64_t entry = 0, programs = 0, sections = 64;
    uint32_t flags = 0x6005004; // 80
    uint16_t size = 64, programSize = 0, programCount = 0, sectionSize = 64,
             sectionCount = 4, names = 0;
    struct {
      uint32_t name, type = 0;
      uint64_t flags = 0, address = 0, offset = 0, size = 0;
      uint32_t link = 0, info = 0;
      uint64_t alignment = 0, entry = 0;
    } table[4];
    char text[48] = "\0.text.embed\0.text.rows\0.text.pool";
  } cubin;
  cubin.table[0].name = 0;
  cubin.table[0].offset = 64 + 4 * 64;
  cubin.table[1].name = 1;
  cubin.table[2].name = 13;
  cubin.table[3].name = 24;
  bertc_device_variant variant = deviceVariant(0);
  variant.cubin = reinterpret_cast<const uint8_t *>(&cubin);
  variant.cubin_size = sizeof(cubin);
  variant.kernel_count = 3;
  bertc_model_desc desc = deviceModel();
  desc.device_variants = &variant;
  desc.device_variant_count = 1;
  const char *broken = ".version 8.0";
  {
    // It is taken in place of the PTX where it fits, 8.0 and 8.6.
    variant.ptx = broken;
    StandIn standIn({"BERTC_EMULATED_GPU=sm_86"});
    EXPECT_EQ(tryOpen(desc, BERTC_OK), "cuda:sm_80 on cuda:0");
    EXPECT_EQ(StandIn::calls("cuModuleLoadDataEx"), 1u);
  }
  StandIn standIn({"BERTC_EMULATED_GPU=sm_90"});
  EXPECT_THAT(tryOpen(desc, BERTC_INTERNAL),
              HasSubstr("the driver cannot compile the PTX of cuda:sm_80"));
  variant.ptx = deviceVariant(0).ptx;
  EXPECT_EQ(tryOpen(desc, BERTC_OK), "cuda:sm_80 on cuda:0");
  variant.ptx = nullptr;
  EXPECT_EQ(tryOpen(desc, BERTC_NO_DEVICE),
            "the model has machine code of cuda:sm_80 only, which cuda:0 "
            "(Emulated GPU sm_90) cannot run\nhelp: compile it with PTX");
}

TEST(DeviceModel, DamagedDescriptions) {
  StandIn standIn;
  bertc_device_variant variant = deviceVariant(0);
  bertc_model_desc desc = deviceModel();
  desc.device_variants = &variant;
  desc.device_variant_count = 1;
  auto refused = [&](auto damage) {
    variant = deviceVariant(0);
    damage();
    EXPECT_THAT(tryOpen(desc, BERTC_CORRUPT),
                HasSubstr("the description of the variant cuda:sm_80 is "
                          "damaged"));
  };
  refused([&] { variant.forward = nullptr; });
  refused([&] { variant.kernels = nullptr; });
  refused([&] { variant.kernel_count = 0; });
  refused([&] { variant.weights_offset = desc.weights_size + 1; });
  refused([&] { variant.weights_size = desc.weights_size; });
  desc.device_variants = nullptr;
  EXPECT_EQ(tryOpen(desc, BERTC_CORRUPT), "the model has no variants");
}

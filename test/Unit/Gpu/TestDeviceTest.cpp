//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How tests run kernels on a GPU, with the stand-in for its driver. Its kernels
// are not quite those of the programs, which tells where a result is from.
//
//===----------------------------------------------------------------------===//
#include "compiler/Pipelines/Pipelines.h"
#include "mlir/Parser/Parser.h"
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include "tools/gpu-emulator/Compile.h"
#include "tools/gpu-emulator/TensorMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <cstdlib>
#include <cstring>

using namespace bertc;
using namespace bertc::test;

namespace {

std::string named(std::string text, const std::string &name) {
  return text.replace(text.find("@test"), 5, "@" + name);
}

/// y[i] += x[i] + n + more.
std::string addKernel(const std::string &name, int more) {
  return named(kernelText(32, "%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %n: i32",
                          "%more = llvm.mlir.constant(" + std::to_string(more) +
                              " : i32) : i32\n" +
                              elementAt("%px", "%x", "%tid", "i32", 1) +
                              elementAt("%py", "%y", "%tid", "i32", 1) +
                              "%a = llvm.load %px : !llvm.ptr<1> -> i32\n"
                              "%b = llvm.load %py : !llvm.ptr<1> -> i32\n"
                              "%s0 = llvm.add %a, %b : i32\n"
                              "%s1 = llvm.add %s0, %n : i32\n"
                              "%s2 = llvm.add %s1, %more : i32\n"
                              "llvm.store %s2, %py : i32, !llvm.ptr<1>\n"),
               name);
}

/// y[i] = element i of the box at (0, row) of a map, + more.
std::string boxKernel(int more) {
  return named(
      kernelText(
          32,
          "%m: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = "
          "!llvm.array<128 x i8>, nvvm.grid_constant}, %y: !llvm.ptr<1>, "
          "%row: i32",
          "%ticks = llvm.mlir.constant(1000 : i32) : i32\n"
          "%more = llvm.mlir.constant(" +
              std::to_string(more) + ".0 : f32) : f32\n" +
              elementAt("%bar", "%shared", "%c32") +
              "%bytes = llvm.mlir.constant(128 : i32) : i32\n"
              "%first = llvm.icmp \"eq\" %tid, %c0 : i32\n"
              "llvm.cond_br %first, ^init, ^made\n^init:\n"
              "nvvm.mbarrier.init %bar, %c1 : !llvm.ptr<3>, i32\n"
              "nvvm.fence.mbarrier.init\n"
              "nvvm.mbarrier.arrive.expect_tx %bar, %bytes : "
              "!llvm.ptr<3>, i32\n"
              "nvvm.cp.async.bulk.tensor.shared.cluster.global %shared, "
              "%m, %bar, box[%c0, %row] {isCTAOnly = true} : "
              "!llvm.ptr<3>, !llvm.ptr\n"
              "llvm.br ^made\n^made:\nnvvm.barrier0\n"
              "nvvm.mbarrier.try_wait.parity %bar, %c0, %ticks : "
              "!llvm.ptr<3>, i32, i32\n" +
              elementAt("%from", "%shared", "%tid") +
              elementAt("%to", "%y", "%tid", "f32", 1) +
              "%v = llvm.load %from : !llvm.ptr<3> -> f32\n"
              "%w = llvm.fadd %v, %more : f32\n"
              "llvm.store %w, %to : f32, !llvm.ptr<1>\n"),
      "boxes");
}

/// The emulated kernels of the stand-in, a file each.
class Kernels : public testing::Environment {
public:
  void SetUp() override {
    std::string paths;
    for (const std::string &text : {addKernel("add", 1000), boxKernel(1000)})
      paths += (paths.empty() ? "" : ":") + write(text);
    setenv("BERTC_GPU_EMULATED", paths.c_str(), 1);
    setenv("BERTC_EMULATED_GPU", "sm_90", 1);
    setenv("BERTC_TEST_DEVICE", "cuda:0", 1);
  }
  void TearDown() override { files.clear(); }

private:
  std::string write(const std::string &text) {
    mlir::DialectRegistry registry;
    registerCompilerDialects(registry);
    mlir::MLIRContext context(registry);
    auto module = mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context));
    EXPECT_TRUE(module);
    auto object = emulator::compileEmulated(*module);
    llvm::SmallString<128> path;
    EXPECT_FALSE(
        llvm::sys::fs::createTemporaryFile("bertc-kernels", "so", path));
    files.push_back(std::make_unique<llvm::FileRemover>(path));
    llvm::Error error =
        object ? emulator::linkEmulated(*object, path) : object.takeError();
    EXPECT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
    return path.str().str();
  }
  std::vector<std::unique_ptr<llvm::FileRemover>> files;
};
const auto *const kernels = testing::AddGlobalTestEnvironment(new Kernels);

} // namespace

TEST(TestDevice, ResultsAreThoseOfTheDevice) {
  GpuProgram program(addKernel("add", 0));
  DeviceArray<int32_t> x(40, 7, "x", false), y(40, 5);
  // An address in the middle; what the emulator added to y is not there.
  EXPECT_CLEAN(program.launch("add", 1, 0, x.data() + 8, y.data() + 4, 3));
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(y[i], i < 4 || i >= 36 ? 5 : 1015) << i;
}

TEST(TestDevice, TensorMapsAreMadeByTheDriver) {
  GpuProgram program(boxKernel(0));
  DeviceArray<float> x(8 * 32), y(32);
  for (int i = 0; i < 8 * 32; ++i)
    x[i] = float(i);
  emulator::TensorMap map;
  map.address = reinterpret_cast<uint64_t>(x.data());
  map.rank = 2;
  map.elementBytes = 4;
  map.sizes[0] = 32;
  map.sizes[1] = 8;
  map.strides[0] = 128;
  map.box[0] = 32;
  map.box[1] = 1;
  ASSERT_EQ(emulator::problemOf(map), "");
  rt::cuda::TensorMapBytes argument = {};
  memcpy(&argument, &map, sizeof(map));
  EXPECT_CLEAN(program.launch("boxes", 1, 256, argument, y, 5));
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(y[i], float(5 * 32 + i + 1000)) << i;
}

TEST(TestDevice, WhatTheEmulatorRefusesIsNotLaunched) {
  GpuProgram program(addKernel("add", 0));
  DeviceArray<int32_t> x(31, 7), y(32, 5);
  EXPECT_REPORT(program.launch("add", 1, 0, x, y, 3), "out of bounds");
  for (int i = 0; i < 32; ++i)
    EXPECT_LT(y[i], 1000) << i;
}

TEST(TestDevice, ChangedKernelsStayInTheEmulator) {
  GpuProgram program(addKernel("add", 0), [](mlir::ModuleOp) {});
  DeviceArray<int32_t> x(32, 7), y(32, 5);
  EXPECT_CLEAN(program.launch("add", 1, 0, x, y, 3));
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(y[i], 15) << i;
}

TEST(TestDevice, SaysWhatTheDriverSays) {
  std::string error;
  EXPECT_EQ(TestDevice::open(BERTC_TEST_DRIVER, 1, error), nullptr);
  EXPECT_NE(error.find("CUDA_ERROR_INVALID_DEVICE"), std::string::npos)
      << error;
  EXPECT_EQ(TestDevice::open("/no/such/driver.so", 0, error), nullptr);
  EXPECT_NE(error.find("/no/such/driver.so"), std::string::npos) << error;
  const auto device = TestDevice::open(BERTC_TEST_DRIVER, 0, error);
  ASSERT_NE(device, nullptr) << error;
  EXPECT_EQ(device->capability(), 90);
  EXPECT_EQ(device->load("no PTX", error), nullptr);
  EXPECT_NE(error.find("CUDA_ERROR_INVALID_PTX"), std::string::npos) << error;
}

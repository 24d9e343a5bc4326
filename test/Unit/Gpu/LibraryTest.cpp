//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emulated kernels as a shared library, which calls the emulator that is in
// this program.
//
//===----------------------------------------------------------------------===//
#include "compiler/Pipelines/Pipelines.h"
#include "mlir/Parser/Parser.h"
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include "tools/gpu-emulator/Compile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"

using namespace bertc;
using namespace bertc::test;

/// A file that is removed in the end.
static llvm::SmallString<128> temporaryFile() {
  llvm::SmallString<128> path;
  EXPECT_FALSE(
      llvm::sys::fs::createTemporaryFile("bertc-gpu-test", "so", path));
  return path;
}

TEST(GpuLibrary, IsLoadedAndRun) {
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      kernelText(64, "%y: !llvm.ptr<1>, %n: i32",
                 "%v = llvm.add %tid, %n : i32\n" +
                     elementAt("%p", "%y", "%tid", "i32", 1) +
                     "llvm.store %v, %p : i32, !llvm.ptr<1>\n"),
      mlir::ParserConfig(&context));
  ASSERT_TRUE(module);
  auto object = emulator::compileEmulated(*module);
  ASSERT_TRUE(static_cast<bool>(object)) << llvm::toString(object.takeError());
  const auto path = temporaryFile();
  const llvm::FileRemover remover(path);
  llvm::Error error = emulator::linkEmulated(*object, path);
  ASSERT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));

  std::string problem;
  const emulator::KernelTable table =
      emulator::loadKernels(path.str().str(), problem);
  ASSERT_EQ(problem, "");
  ASSERT_EQ(table.count, 1u);
  EXPECT_EQ(table.find("other"), nullptr);
  emulator::Launch launch;
  launch.kernel = table.find("test");
  ASSERT_NE(launch.kernel, nullptr);
  EXPECT_EQ(launch.kernel->threads, 64u);
  ASSERT_EQ(launch.kernel->parameterCount, 2u);
  EXPECT_EQ(launch.kernel->parameterBytes[0], 8u);
  EXPECT_EQ(launch.kernel->parameterBytes[1], 4u);
  DeviceArray<int32_t> y(64);
  void *pointer = y.data();
  int32_t n = 7;
  void *params[] = {&pointer, &n};
  launch.params = params;
  EXPECT_CLEAN(emulator::launch(launch));
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(y[i], i + 7);
  launch.threads = 32;
  EXPECT_REPORT(emulator::launch(launch),
                "kernel 'test' has blocks of 64 threads, got 32");
}

TEST(GpuLibrary, AFileThatIsNoneIsRefused) {
  std::string problem;
  EXPECT_EQ(emulator::loadKernels("/no/such/file.so", problem).count, 0u);
  EXPECT_NE(problem.find("/no/such/file.so"), std::string::npos);
  const auto path = temporaryFile();
  const llvm::FileRemover remover(path);
  EXPECT_EQ(emulator::loadKernels(path.str().str(), problem).count, 0u);
  EXPECT_NE(problem.find(path.str().str()), std::string::npos);
}

TEST(GpuLibrary, RangesDoNotOverlap) {
  alignas(16) static char memory[64];
  EXPECT_TRUE(emulator::registerMemory(memory + 16, 16));
  EXPECT_FALSE(emulator::registerMemory(memory + 31, 1));
  EXPECT_FALSE(emulator::registerMemory(memory, 17));
  EXPECT_FALSE(emulator::registerMemory(memory, 64));
  EXPECT_FALSE(emulator::registerMemory(memory, 0));
  EXPECT_TRUE(emulator::registerMemory(memory, 16));
  EXPECT_TRUE(emulator::registerMemory(memory + 32, 1));
  EXPECT_FALSE(emulator::unregisterMemory(memory + 1));
  for (int start : {0, 16, 32})
    EXPECT_TRUE(emulator::unregisterMemory(memory + start));
  EXPECT_FALSE(emulator::unregisterMemory(memory));
}

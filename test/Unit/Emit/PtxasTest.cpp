//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What ptxas says, and what is said when it fails; programs of a few lines
// stand in for it. The real one is run by test/Tools/device-ptxas.test.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Ptxas.h"
#include "test/Unit/Import/TestModel.h"
#include "llvm/Support/FileSystem.h"
#include <gmock/gmock.h>

using namespace bertc;
using namespace bertc::test;
using testing::HasSubstr;

// As ptxas of CUDA 13.0 writes it.
static constexpr char report[] =
    "ptxas info    : 0 bytes gmem\n"
    "ptxas info    : Compiling entry function 'linear' for 'sm_80'\n"
    "ptxas info    : Function properties for linear\n"
    "    16 bytes stack frame, 24 bytes spill stores, 32 bytes spill loads\n"
    "ptxas info    : Used 168 registers, used 1 barriers, 16 bytes cumulative "
    "stack size, 376 bytes cmem[0]\n"
    "ptxas info    : Compile time = 17.363 ms\n"
    "ptxas info    : Compiling entry function 'pool' for 'sm_80'\n"
    "ptxas info    : Function properties for pool\n"
    "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads\n"
    "ptxas info    : Used 8 registers, used 0 barriers\n";

TEST(Ptxas, ReadsItsReport) {
  std::vector<AssembledKernel> kernels = parsePtxasReport(report);
  ASSERT_EQ(kernels.size(), 2u);
  EXPECT_EQ(kernels[0].name, "linear");
  EXPECT_EQ(kernels[0].resources.registers, 168);
  EXPECT_EQ(kernels[0].resources.stackBytes, 16);
  EXPECT_EQ(kernels[0].resources.spillStoreBytes, 24);
  EXPECT_EQ(kernels[0].resources.spillLoadBytes, 32);
  EXPECT_EQ(kernels[1].name, "pool");
  EXPECT_EQ(kernels[1].resources.registers, 8);
  EXPECT_EQ(kernels[1].resources.spillLoadBytes, 0);
  EXPECT_TRUE(parsePtxasReport("").empty());
  EXPECT_TRUE(parsePtxasReport("registers").empty());
}

/// A program in a folder; `body` is a shell's, whose arguments are ptxas's:
/// -v -arch=sm_80 INPUT -o OUTPUT.
static std::string program(TemporaryFolder &folder, const std::string &body) {
  folder.write("ptxas", "#!/bin/sh\n" + body + "\n");
  std::string path = folder.path("ptxas");
  EXPECT_FALSE(llvm::sys::fs::setPermissions(path, llvm::sys::fs::all_all));
  return path;
}

static std::string failure(const std::string &body) {
  TemporaryFolder folder;
  auto made = assemblePtx(program(folder, body), "text", "sm_80");
  if (!made)
    return llvm::toString(made.takeError());
  ADD_FAILURE() << "expected an error";
  return "";
}

TEST(Ptxas, IsGivenTheText) {
  TemporaryFolder folder;
  std::string path =
      program(folder, "[ \"$1 $2\" = '-v -arch=sm_90a' ] || exit 3\n"
                      "printf '\\177ELF' > \"$5\"; cat \"$3\" >> \"$5\"\n"
                      "echo \"Compiling entry function 'pool' for\" >&2\n"
                      "echo 'Used 9 registers'");
  DeviceVariantCode code;
  code.ptx = ".version 8.0";
  code.kernels = {{"embed"}, {"pool"}};
  llvm::Error error = assembleVariant(path, "sm_90a", code);
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  EXPECT_EQ(code.cubin, "\x7f"
                        "ELF.version 8.0");
  EXPECT_EQ(code.kernels[0].resources.registers, -1);
  EXPECT_EQ(code.kernels[1].resources.registers, 9);
}

TEST(Ptxas, Fails) {
  std::string message = failure("echo \"ptxas $3, line 4; error : Not a name\" "
                                ">&2; exit 255");
  EXPECT_THAT(message, HasSubstr("cannot assemble for sm_80\n"
                                 "ptxas PTX, line 4; error : Not a name\n"
                                 "command: "));
  EXPECT_THAT(failure("true"), HasSubstr("wrote no machine code for sm_80"));
  EXPECT_THAT(failure("kill -9 $$"), HasSubstr("cannot assemble for sm_80"));
}

TEST(Ptxas, IsLookedFor) {
  auto message = [](llvm::StringRef given) {
    auto found = findPtxas(given);
    return found ? *found : llvm::toString(found.takeError());
  };
  EXPECT_THAT(message("/no/such/ptxas"),
              HasSubstr("--ptxas=/no/such/ptxas is no program"));
  EXPECT_THAT(message("no-such-ptxas"),
              HasSubstr("--ptxas=no-such-ptxas is not in PATH"));
  EXPECT_THAT(message("sh"), testing::EndsWith("/sh"));
  TemporaryFolder folder;
  std::string path = program(folder, "true");
  EXPECT_EQ(message(path), path);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scalar optimisations only, and no fusion of products and sums: what a kernel
// computes in float32 has the bits that it has on a GPU.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Compile.h"

#include "compiler/Emit/Object.h"
#include "compiler/Lowering/EmulateGpu.h"
#include "compiler/Lowering/LowerToLLVM.h"
#include "lld/Common/Driver.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Path.h"

LLD_HAS_DRIVER(elf)

using namespace bertc;

llvm::Expected<std::string>
bertc::emulator::compileEmulated(mlir::ModuleOp module) {
  if (mlir::failed(emulateGpu(module)))
    return llvm::createStringError("the emulation of the kernels failed");
  llvm::LLVMContext context;
  auto translated = translateToLLVM(module, context);
  if (!translated)
    return translated.takeError();
  return emitObject(**translated, "x86-64-v3");
}

llvm::Error bertc::emulator::linkEmulated(llvm::StringRef object,
                                          llvm::StringRef path) {
  llvm::SmallString<128> input;
  int descriptor = -1;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile(
          "bertc-emulated", "o", descriptor, input))
    return llvm::createStringError(error, "cannot write a temporary file: " +
                                              error.message());
  const llvm::FileRemover remover(input);
  {
    llvm::raw_fd_ostream stream(descriptor, /*shouldClose=*/true);
    stream << object;
    stream.flush();
    if (stream.has_error())
      return llvm::createStringError(stream.error(),
                                     "cannot write " + input.str() + ": " +
                                         stream.error().message());
  }
  const std::string output = path.str(),
                    name = llvm::sys::path::filename(path).str();
  const char *arguments[] = {
      "ld.lld",      "-shared", "--hash-style=gnu", "-zundefs", "-znoexecstack",
      "--threads=1", "-soname", name.c_str(),       "-o",       output.c_str(),
      input.c_str()};
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  const lld::Result linked =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (linked.retCode != 0)
    return llvm::createStringError("the link of " + output + " failed\n" +
                                   messages);
  return llvm::Error::success();
}

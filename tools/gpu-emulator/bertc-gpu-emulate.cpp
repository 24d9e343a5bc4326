//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes a shared library of kernels at nvvm level, for the emulator to run.
//
//===----------------------------------------------------------------------===//
#include "compiler/Pipelines/Pipelines.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/FileUtilities.h"
#include "tools/gpu-emulator/Compile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace bertc;

static llvm::cl::OptionCategory category("bertc-gpu-emulate options");
static llvm::cl::opt<std::string> input(llvm::cl::Positional,
                                        llvm::cl::desc("FILE.mlir, or -"),
                                        llvm::cl::Required,
                                        llvm::cl::cat(category));
static llvm::cl::opt<std::string> output("o", llvm::cl::desc("the library"),
                                         llvm::cl::value_desc("FILE.so"),
                                         llvm::cl::Required,
                                         llvm::cl::cat(category));

static int fail(const llvm::Twine &message) {
  llvm::errs() << "bertc-gpu-emulate: error: " << message << "\n";
  return 1;
}

int main(int argc, char **argv) {
  llvm::cl::HideUnrelatedOptions(category);
  llvm::cl::ParseCommandLineOptions(
      argc, argv, "a library of emulated kernels from a gpu.module\n");
  std::string problem;
  std::unique_ptr<llvm::MemoryBuffer> file =
      mlir::openInputFile(input, &problem);
  if (!file)
    return fail(problem);
  mlir::DialectRegistry registry;
  registerCompilerDialects(registry);
  mlir::MLIRContext context(registry);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), llvm::SMLoc());
  const mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return 1;
  llvm::Expected<std::string> object = emulator::compileEmulated(*module);
  if (!object)
    return fail(llvm::toString(object.takeError()));
  if (llvm::Error error = emulator::linkEmulated(*object, output))
    return fail(llvm::toString(std::move(error)));
  return 0;
}

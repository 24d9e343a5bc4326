//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/PtxOf.h"

#include "compiler/Emit/Ptx.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

std::string bertc::test::ptxOf(const std::function<void(GpuBuilder &)> &fill,
                               const std::string &processor,
                               const std::string &features) {
  DialectRegistry registry;
  registerNVVMTranslations(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<arith::ArithDialect, cf::ControlFlowDialect,
                      gpu::GPUDialect, LLVM::LLVMDialect, math::MathDialect,
                      NVVM::NVVMDialect, scf::SCFDialect>();
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  GpuBuilder k(*module);
  fill(k);
  PassManager pm(&context);
  buildGpuToNVVMPipeline(pm);
  if (failed(pm.run(*module))) {
    ADD_FAILURE() << "lowering failed";
    return "";
  }
  llvm::LLVMContext llvmContext;
  auto device = translateDeviceModule(*module, llvmContext);
  auto ptx = device ? emitPtx(**device, processor, features)
                    : llvm::Expected<std::string>(device.takeError());
  if (ptx)
    return *ptx;
  ADD_FAILURE() << llvm::toString(ptx.takeError());
  return "";
}

static int numberBefore(llvm::StringRef text, llvm::StringRef what) {
  llvm::SmallVector<llvm::StringRef> found;
  int sum = 0;
  llvm::Regex pattern(("([0-9]+) " + what).str());
  while (pattern.match(text, &found)) {
    sum += std::stoi(found[1].str());
    text = text.substr(found[0].end() - text.begin());
  }
  return sum;
}

std::optional<Assembled> bertc::test::assemble(const std::string &ptx,
                                               const std::string &processor) {
  auto program = llvm::sys::findProgramByName("ptxas");
  if (!program)
    program = llvm::sys::findProgramByName("ptxas", {"/usr/local/cuda/bin"});
  if (!program)
    return std::nullopt;
  llvm::SmallString<128> source, log;
  if (llvm::sys::fs::createTemporaryFile("kernel", "ptx", source) ||
      llvm::sys::fs::createTemporaryFile("kernel", "log", log)) {
    ADD_FAILURE() << "no temporary file";
    return std::nullopt;
  }
  llvm::FileRemover removeSource(source), removeLog(log);
  std::error_code error;
  llvm::raw_fd_ostream(source, error) << ptx;
  std::string architecture = "-arch=" + processor;
  llvm::StringRef arguments[] = {*program, "-v", architecture,
                                 source,   "-o", "/dev/null"};
  int status = llvm::sys::ExecuteAndWait(*program, arguments, std::nullopt,
                                         {std::nullopt, log.str(), log.str()});
  auto text = llvm::MemoryBuffer::getFile(log);
  std::string output = text ? (*text)->getBuffer().str() : "";
  EXPECT_EQ(status, 0) << output;
  Assembled result;
  result.registers = numberBefore(output, "registers");
  result.spillBytes = numberBefore(output, "bytes spill");
  result.stackBytes = numberBefore(output, "bytes stack frame");
  return result;
}

int bertc::test::count(const std::string &text, const std::string &what) {
  return static_cast<int>(llvm::StringRef(text).count(what));
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops that the kernels did not unroll stay loops, and sums are not
// contracted, as on the CPU: the emulator computes what a GPU does.
//
//===----------------------------------------------------------------------===//

#include "compiler/Emit/Ptx.h"
#include "compiler/Emit/Object.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

using namespace bertc;

static void initializeNVPTX() {
  static const bool done = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)done;
}

llvm::Expected<std::string> bertc::emitPtx(llvm::Module &module,
                                           llvm::StringRef processor,
                                           llvm::StringRef features) {
  initializeNVPTX();
  auto machine = createTargetMachine(llvm::Triple("nvptx64-nvidia-cuda"),
                                     processor, features, std::nullopt);
  if (!machine)
    return machine.takeError();
  optimize(module, **machine);
  return emitCode(module, **machine, CodeFormat::Assembly);
}

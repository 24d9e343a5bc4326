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
#include "llvm/ADT/STLExtras.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
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

// Powers and quotients that may be approximations take the forms that flush
// subnormals: one instruction, where others scale what goes in and comes out.
// What is divided by nears no limit of the range, and a power that small is 0.
static void approximate(llvm::Module &module) {
  using namespace llvm;
  for (Function &function : module)
    for (Instruction &i : make_early_inc_range(instructions(function))) {
      if (!isa<FPMathOperator>(i) || !i.hasApproxFunc() ||
          !i.getType()->isFloatTy())
        continue;
      IRBuilder<> b(&i);
      Value *result = nullptr;
      if (auto *power = dyn_cast<IntrinsicInst>(&i);
          power && power->getIntrinsicID() == Intrinsic::exp2)
        result = b.CreateIntrinsic(Intrinsic::nvvm_ex2_approx_ftz,
                                   {i.getType()}, {power->getArgOperand(0)});
      else if (i.getOpcode() == Instruction::FDiv)
        result = b.CreateFMul(
            i.getOperand(0), b.CreateIntrinsic(Intrinsic::nvvm_rcp_approx_ftz_f,
                                               {}, {i.getOperand(1)}));
      if (!result)
        continue;
      i.replaceAllUsesWith(result);
      i.eraseFromParent();
    }
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
  approximate(module);
  return emitCode(module, **machine, CodeFormat::Assembly);
}

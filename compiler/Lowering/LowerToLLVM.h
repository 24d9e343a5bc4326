//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The last MLIR stage and the translation to LLVM IR.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_LOWERTOLLVM_H
#define BERTC_COMPILER_LOWERING_LOWERTOLLVM_H

#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir {
class DialectRegistry;
class ModuleOp;
class OpPassManager;
} // namespace mlir

namespace bertc {

/// Passes from scf + vector + memref + arith to the llvm dialect.
void buildKernelsToLLVMPipeline(mlir::OpPassManager &pm);

/// Registers what translateToLLVM needs.
void registerLLVMTranslations(mlir::DialectRegistry &registry);

llvm::Expected<std::unique_ptr<llvm::Module>>
translateToLLVM(mlir::ModuleOp module, llvm::LLVMContext &context);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_LOWERTOLLVM_H

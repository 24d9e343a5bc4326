//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From kernels of a GPU (arith, scf, gpu, llvm, nvvm ops in a gpu.module) to
// the LLVM and NVVM dialects, and from those to LLVM IR.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_LOWERTONVVM_H
#define BERTC_COMPILER_LOWERING_LOWERTONVVM_H

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

/// Passes over a module with a gpu.module: its kernels become functions of the
/// LLVM dialect whose special instructions are NVVM ops.
void buildGpuToNVVMPipeline(mlir::OpPassManager &pm);

/// Registers what translateDeviceModule needs.
void registerNVVMTranslations(mlir::DialectRegistry &registry);

/// LLVM IR of the one gpu.module in `module`, which has passed the pipeline.
llvm::Expected<std::unique_ptr<llvm::Module>>
translateDeviceModule(mlir::ModuleOp module, llvm::LLVMContext &context);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_LOWERTONVVM_H

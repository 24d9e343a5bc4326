//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The stages of compilation as functions, and the order of the passes in each.
// Stage names are those of `--emit`.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PIPELINES_PIPELINES_H
#define BERTC_COMPILER_PIPELINES_PIPELINES_H

#include "compiler/Lowering/ForwardLowering.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace llvm {
class LLVMContext;
class Module;
} // namespace llvm

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace bertc {

struct TargetInfo;

/// enc -> fused. `required` names fusions ("attention", "feed-forward", ...)
/// whose misses are errors. With `training`, the function ends in a loss.
void buildFusionPipeline(mlir::OpPassManager &pm,
                         llvm::ArrayRef<std::string> required = {},
                         bool training = false);
/// Names that `required` may hold.
llvm::ArrayRef<llvm::StringRef> fusionNames();

/// fused -> backward: adds `@train`. Options as of enc-generate-backward.
void buildBackwardPipeline(mlir::OpPassManager &pm,
                           llvm::ArrayRef<std::string> freeze,
                           int64_t activationMemory);

/// fused -> plan, for one target and precisions as of --precision, of inference
/// and of training.
void buildPlanPipeline(mlir::OpPassManager &pm, llvm::StringRef target,
                       llvm::StringRef precision,
                       llvm::StringRef trainPrecision = "f32");

/// plan -> kernels.
using Kernels = LoweredForward;
mlir::FailureOr<Kernels> lowerToKernels(mlir::ModuleOp planned,
                                        llvm::StringRef variant);

/// kernels -> llvm: consumes `kernels.kernels`. Plain code stands in for the
/// instructions of the BERTC_CPU_* bits `emulated`.
llvm::Expected<std::unique_ptr<llvm::Module>>
lowerToLLVM(Kernels &kernels, llvm::LLVMContext &context,
            uint64_t emulated = 0);

/// Of a device, kernels -> llvm: changes the gpu.module in `kernels`.
llvm::LogicalResult lowerDeviceToNVVM(mlir::ModuleOp kernels);

/// The same of the code that launches them, which is changed.
llvm::Expected<std::unique_ptr<llvm::Module>>
lowerHostToLLVM(mlir::ModuleOp host, llvm::LLVMContext &context);

/// Everything the stages need to be loadable in a context.
void registerCompilerDialects(mlir::DialectRegistry &registry);

} // namespace bertc

#endif // BERTC_COMPILER_PIPELINES_PIPELINES_H

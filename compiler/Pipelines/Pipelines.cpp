//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Order of passes, with the reason for each order-sensitive line.
//
//===----------------------------------------------------------------------===//

#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Lowering/EmulateIsa.h"
#include "compiler/Lowering/LowerToLLVM.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Plan/Passes.h"
#include "dialects/Enc/IR/EncDialect.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace bertc;

llvm::ArrayRef<llvm::StringRef> bertc::fusionNames() {
  static const llvm::StringRef names[] = {"embeddings", "qkv", "attention",
                                          "linear-add-norm", "feed-forward"};
  return names;
}

void bertc::buildFusionPipeline(OpPassManager &pm,
                                llvm::ArrayRef<std::string> required,
                                bool training) {
  OpPassManager &function = pm.nest<func::FuncOp>();
  // Views that cancel out would hide the fusions' shapes.
  function.addPass(createCanonicalizerPass());
  auto add = [&](auto create, auto options, llvm::StringRef name) {
    options.require = llvm::is_contained(required, name);
    function.addPass(create(options));
  };
  add([](auto o) { return enc::createFuseEmbeddingsPass(o); },
      enc::FuseEmbeddingsPassOptions(), "embeddings");
  add([](auto o) { return enc::createFuseQKVPass(o); },
      enc::FuseQKVPassOptions(), "qkv");
  // Reads the parts of one fused_qkv.
  add([](auto o) { return enc::createFuseAttentionPass(o); },
      enc::FuseAttentionPassOptions(), "attention");
  add([](auto o) { return enc::createFuseLinearAddNormPass(o); },
      enc::FuseLinearAddNormPassOptions(), "linear-add-norm");
  // Grows a fused_linear_add_norm.
  add([](auto o) { return enc::createFuseFeedForwardPass(o); },
      enc::FuseFeedForwardPassOptions(), "feed-forward");
  function.addPass(createCSEPass());
  enc::VerifyFusedPassOptions verify;
  verify.training = training;
  function.addPass(enc::createVerifyFusedPass(verify));
}

void bertc::buildBackwardPipeline(OpPassManager &pm,
                                  llvm::ArrayRef<std::string> freeze,
                                  int64_t activationMemory) {
  enc::GenerateBackwardPassOptions options;
  options.freeze.assign(freeze.begin(), freeze.end());
  options.activationMemory = activationMemory;
  pm.addPass(enc::createGenerateBackwardPass(options));
  // A rule asks for what it reads by itself, so two may make the same op.
  OpPassManager &function = pm.nest<func::FuncOp>();
  function.addPass(createCSEPass());
  function.addPass(enc::createVerifyBackwardPass());
}

void bertc::buildPlanPipeline(OpPassManager &pm, llvm::StringRef target,
                              llvm::StringRef precision,
                              llvm::StringRef trainPrecision) {
  PlanPassOptions options;
  options.trainPrecision = trainPrecision.str();
  options.precision = precision.str();
  options.target = target.str();
  pm.addPass(createPlanPass(options));
}

FailureOr<Kernels> bertc::lowerToKernels(ModuleOp planned,
                                         llvm::StringRef variant) {
  FailureOr<Kernels> kernels = lowerForward(planned, variant);
  if (failed(kernels))
    return failure();
  PassManager pm(planned.getContext());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  if (failed(pm.run(*kernels->kernels)))
    return failure();
  return kernels;
}

llvm::Expected<std::unique_ptr<llvm::Module>>
bertc::lowerToLLVM(Kernels &kernels, llvm::LLVMContext &context,
                   uint64_t emulated) {
  if (failed(emulateIsa(*kernels.kernels, emulated)))
    return llvm::createStringError("emulation of special instructions failed");
  PassManager pm(kernels.kernels->getContext());
  buildKernelsToLLVMPipeline(pm);
  if (failed(pm.run(*kernels.kernels)))
    return llvm::createStringError("lowering of the kernels to LLVM failed");
  return translateToLLVM(*kernels.kernels, context);
}

LogicalResult bertc::lowerDeviceToNVVM(ModuleOp kernels) {
  PassManager pm(kernels.getContext());
  buildGpuToNVVMPipeline(pm);
  return pm.run(kernels);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
bertc::lowerHostToLLVM(ModuleOp host, llvm::LLVMContext &context) {
  PassManager pm(host.getContext());
  buildKernelsToLLVMPipeline(pm);
  if (failed(pm.run(host)))
    return llvm::createStringError("lowering of the host code to LLVM failed");
  return translateToLLVM(host, context);
}

void bertc::registerCompilerDialects(DialectRegistry &registry) {
  registry.insert<affine::AffineDialect, arith::ArithDialect,
                  cf::ControlFlowDialect, enc::EncDialect, func::FuncDialect,
                  gpu::GPUDialect, LLVM::LLVMDialect, math::MathDialect,
                  memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                  vector::VectorDialect>();
  registerLLVMTranslations(registry);
  registerNVVMTranslations(registry);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Upstream conversions only, and of the vendor's library nothing: what kernels
// use of `math` are instructions.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Lowering/Passes.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/GPUToNVVM/GPUToNVVMPass.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/Module.h"

namespace bertc {
#define GEN_PASS_DEF_GPUTONVVMPASS
#include "compiler/Lowering/Passes.h.inc"
} // namespace bertc

using namespace mlir;

// A limit, `select(limit > x, limit, x)`, is two instructions, unless it is
// known that the limit is no zero: then it is the one that passes NaN through.
static void makeLimits(Operation *kernels) {
  kernels->walk([](arith::SelectOp op) {
    auto compare = op.getCondition().getDefiningOp<arith::CmpFOp>();
    if (!compare || compare.getLhs() != op.getTrueValue() ||
        compare.getRhs() != op.getFalseValue())
      return;
    FloatAttr limit;
    if (!matchPattern(op.getTrueValue(), m_Constant(&limit)) ||
        limit.getValue().isZero() || limit.getValue().isNaN())
      return;
    OpBuilder b(op);
    Value value;
    if (compare.getPredicate() == arith::CmpFPredicate::OGT)
      value = LLVM::MaximumOp::create(b, op.getLoc(), op.getTrueValue(),
                                      op.getFalseValue());
    else if (compare.getPredicate() == arith::CmpFPredicate::OLT)
      value = LLVM::MinimumOp::create(b, op.getLoc(), op.getTrueValue(),
                                      op.getFalseValue());
    else
      return;
    op.replaceAllUsesWith(value);
    op.erase();
  });
}

namespace {
struct GpuToNVVMPass : public bertc::impl::GpuToNVVMPassBase<GpuToNVVMPass> {
  using Base::Base;

  void runOnOperation() override {
    makeLimits(getOperation());
    LowerToLLVMOptions options(&getContext());
    // Ids of threads and blocks, the only indices, have 32 bits.
    options.overrideIndexBitwidth(32);
    LLVMTypeConverter converter(&getContext(), options);
    configureGpuToNVVMTypeConverter(converter);
    RewritePatternSet patterns(&getContext());
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    // Before those of the gpu dialect, which call the device library.
    populateMathToLLVMConversionPatterns(converter, patterns,
                                         /*approximateLog1p=*/false,
                                         /*benefit=*/2);
    populateGpuToNVVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<gpu::GPUModuleOp>();
    llvm::StringMap<SmallVector<Attribute>> byValue;
    StringRef byValueName = LLVM::LLVMDialect::getByValAttrName();
    for (auto function : getOperation().getOps<gpu::GPUFuncOp>())
      for (unsigned i = 0; i < function.getNumArguments(); ++i)
        byValue[function.getName()].push_back(
            function.getArgAttr(i, byValueName));
    if (failed(
            applyFullConversion(getOperation(), target, std::move(patterns))))
      return signalPassFailure();
    // Blocks have that size, not at most that size.
    getOperation().walk([&](LLVM::LLVMFuncOp function) {
      StringRef most = NVVM::NVVMDialect::getMaxntidAttrName();
      if (Attribute size = function->removeAttr(most))
        function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(), size);
      // The conversion forgets what is passed by value: tensor maps, which are
      // read where they are.
      for (auto [i, type] : llvm::enumerate(byValue.lookup(function.getName())))
        if (type) {
          function.setArgAttr(i, byValueName, type);
          function.setArgAttr(i, NVVM::NVVMDialect::getGridConstantAttrName(),
                              UnitAttr::get(&getContext()));
        }
    });
  }
};
} // namespace

void bertc::buildGpuToNVVMPipeline(OpPassManager &pm) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createLoopInvariantCodeMotionPass());
  OpPassManager &device = pm.nest<gpu::GPUModuleOp>();
  device.addPass(createSCFToControlFlowPass());
  device.addPass(bertc::createGpuToNVVMPass());
  device.addPass(createCanonicalizerPass());
  device.addPass(createCSEPass());
}

void bertc::registerNVVMTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

llvm::Expected<std::unique_ptr<llvm::Module>>
bertc::translateDeviceModule(ModuleOp module, llvm::LLVMContext &context) {
  auto modules = module.getOps<gpu::GPUModuleOp>();
  if (!llvm::hasSingleElement(modules))
    return llvm::createStringError("expected one gpu.module of kernels");
  // Some instructions have no intrinsic and become inline assembly.
  PassManager pm(module.getContext());
  pm.nest<gpu::GPUModuleOp>().addPass(createConvertNVVMToLLVMPass());
  if (failed(pm.run(module)))
    return llvm::createStringError(
        "conversion of the kernels to LLVM IR failed");
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(*modules.begin(), context);
  if (!result)
    return llvm::createStringError(
        "translation of the kernels to LLVM IR failed");
  return result;
}

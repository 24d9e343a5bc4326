//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// MLIR to machine code in memory with LLVM's own JIT; no optimisation passes
// run, so that what is measured is what Math.cpp wrote.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Kernels/MathJit.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace bertc::test;

constexpr int64_t lanes = 16;

/// func @apply(in, out, count): out[i] = function(in[i]) in steps of 16.
static OwningOpRef<ModuleOp> buildLoop(MLIRContext &context,
                                       MathFunction function) {
  OpBuilder b(&context);
  Location loc = b.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  b.setInsertionPointToStart(module->getBody());

  Type pointer = LLVM::LLVMPointerType::get(&context);
  Type vector = VectorType::get({lanes}, b.getF32Type());
  Type i64 = b.getI64Type();
  auto func = func::FuncOp::create(
      b, loc, "apply", b.getFunctionType({pointer, pointer, i64}, {}));
  b.setInsertionPointToStart(func.addEntryBlock());
  Value zero = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(0));
  Value step = arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(lanes));
  auto loop = scf::ForOp::create(b, loc, zero, func.getArgument(2), step);
  b.setInsertionPointToStart(loop.getBody());
  auto address = [&](Value base) -> Value {
    return LLVM::GEPOp::create(b, loc, pointer, b.getF32Type(), base,
                               ValueRange{loop.getInductionVar()});
  };
  Value x = LLVM::LoadOp::create(b, loc, vector, address(func.getArgument(0)),
                                 /*alignment=*/4);
  LLVM::StoreOp::create(b, loc, function(b, loc, x),
                        address(func.getArgument(1)), /*alignment=*/4);
  b.setInsertionPointAfter(loop);
  func::ReturnOp::create(b, loc);
  return module;
}

static LogicalResult lower(ModuleOp module) {
  PassManager pm(module.getContext());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  return pm.run(module);
}

CompiledFunction::CompiledFunction(MathFunction function,
                                   const std::string &cpu) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                      math::MathDialect, scf::SCFDialect>();
  OwningOpRef<ModuleOp> module = buildLoop(context, function);
  if (failed(lower(*module))) {
    message = "lowering failed";
    return;
  }
  auto llvmContext = std::make_unique<llvm::LLVMContext>();
  std::unique_ptr<llvm::Module> llvmModule =
      translateModuleToLLVMIR(*module, *llvmContext);
  if (!llvmModule) {
    message = "translation to LLVM IR failed";
    return;
  }
  llvm::orc::JITTargetMachineBuilder target{
      llvm::Triple(llvm::sys::getProcessTriple())};
  target.setCPU(cpu);
  auto made =
      llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(target).create();
  if (!made) {
    message = llvm::toString(made.takeError());
    return;
  }
  jit = std::move(*made);
  llvmModule->setDataLayout(jit->getDataLayout());
  if (llvm::Error error = jit->addIRModule(llvm::orc::ThreadSafeModule(
          std::move(llvmModule), std::move(llvmContext)))) {
    message = llvm::toString(std::move(error));
    return;
  }
  auto symbol = jit->lookup("apply");
  if (!symbol) {
    message = llvm::toString(symbol.takeError());
    return;
  }
  entry = symbol->toPtr<void(const float *, float *, int64_t)>();
}

CompiledFunction::~CompiledFunction() = default;

std::vector<float> CompiledFunction::run(std::vector<float> inputs) const {
  size_t count = inputs.size();
  inputs.resize((count + lanes - 1) / lanes * lanes);
  std::vector<float> outputs(inputs.size());
  entry(inputs.data(), outputs.data(), inputs.size());
  outputs.resize(count);
  return outputs;
}

bool bertc::test::hostRunsV3() {
  auto features = llvm::sys::getHostCPUFeatures();
  return features.lookup("avx2") && features.lookup("fma");
}

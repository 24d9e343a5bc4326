//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A memref argument becomes five of the machine's: the pointer twice, offset,
// size and stride.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Kernels/IsaJit.h"

#include "compiler/Lowering/EmulateIsa.h"
#include "compiler/Lowering/LowerToLLVM.h"
#include "compiler/Target/Target.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "runtime/cpu/CpuFeatures.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

static llvm::Expected<std::unique_ptr<llvm::Module>>
build(const IsaBody &body, uint64_t emulated, llvm::LLVMContext &llvmContext) {
  DialectRegistry registry;
  registerLLVMTranslations(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                      math::MathDialect, memref::MemRefDialect, scf::SCFDialect,
                      vector::VectorDialect>();
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(UnknownLoc::get(&context), "isa");
  KernelBuilder k(*module);
  k.b.setInsertionPointToStart(module->getBody());
  SmallVector<Type> buffers(3, k.bufferType());
  auto function = func::FuncOp::create(k.b, k.loc, "apply",
                                       k.b.getFunctionType(buffers, {}));
  k.b.setInsertionPointToStart(function.addEntryBlock());
  body(k, function.getArguments());
  func::ReturnOp::create(k.b, k.loc);
  PassManager pm(&context);
  buildKernelsToLLVMPipeline(pm);
  if (failed(emulateIsa(*module, emulated)) || failed(pm.run(*module)))
    return llvm::createStringError("lowering failed");
  return translateToLLVM(*module, llvmContext);
}

Value bertc::test::asIntegers(KernelBuilder &k, Value floats, int64_t first) {
  // Descriptors of both types are the same struct.
  MLIRContext *context = k.b.getContext();
  Type pointer = LLVM::LLVMPointerType::get(context), i64 = k.b.getI64Type();
  Type one = LLVM::LLVMArrayType::get(i64, 1);
  auto type = LLVM::LLVMStructType::getLiteral(
      context, {pointer, pointer, i64, one, one});
  auto cast = [&](Type to, Value from) {
    return UnrealizedConversionCastOp::create(k.b, k.loc, to, from)
        .getResult(0);
  };
  Value descriptor = cast(type, floats);
  Value data = LLVM::ExtractValueOp::create(k.b, k.loc, descriptor, 1);
  data = LLVM::GEPOp::create(k.b, k.loc, pointer, k.b.getI32Type(), data,
                             ArrayRef<LLVM::GEPArg>{int32_t(first)});
  descriptor = LLVM::InsertValueOp::create(k.b, k.loc, descriptor, data, 1);
  return cast(k.intBufferType(), descriptor);
}

static llvm::orc::JITTargetMachineBuilder machineFor(const TargetInfo &target) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  llvm::orc::JITTargetMachineBuilder machine{
      llvm::Triple("x86_64-unknown-linux-gnu")};
  machine.setCPU(target.cpu.str());
  machine.addFeatures({llvmFeatures(target)});
  machine.setRelocationModel(llvm::Reloc::PIC_);
  return machine;
}

static llvm::Expected<std::string> assemble(const IsaBody &body,
                                            const TargetInfo &target) {
  llvm::LLVMContext context;
  auto module = build(body, 0, context);
  if (!module)
    return module.takeError();
  auto machine = machineFor(target).createTargetMachine();
  if (!machine)
    return machine.takeError();
  (*module)->setTargetTriple((*machine)->getTargetTriple());
  (*module)->setDataLayout((*machine)->createDataLayout());
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if ((*machine)->addPassesToEmitFile(passes, stream, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return llvm::createStringError("no assembly for this target");
  passes.run(**module);
  return std::string(text);
}

std::string bertc::test::assembly(const IsaBody &body,
                                  const std::string &target) {
  auto text = assemble(body, *findTarget(target));
  if (text)
    return *text;
  std::string message = llvm::toString(text.takeError());
  ADD_FAILURE() << message;
  return message;
}

std::vector<Way> bertc::test::waysToRun(const std::string &target) {
  rt::CpuFeatures cpu = rt::detectCpu();
  if ((cpu.bits & BERTC_CPU_AMX_TILE) && !rt::askForAmx())
    rt::withoutAmx(cpu);
  std::vector<Way> ways;
  if (cpu.bits & BERTC_CPU_X86_64_V3)
    ways.push_back(Way::Emulated);
  if ((findTarget(target)->features & ~cpu.bits) == 0)
    ways.push_back(Way::Native);
  return ways;
}

IsaProgram::IsaProgram(const IsaBody &body, const std::string &target,
                       Way way) {
  TargetInfo info = emulate(*findTarget(target),
                            way == Way::Native ? 0 : findEmulation("all"));
  auto context = std::make_unique<llvm::LLVMContext>();
  auto prepare = [&]() -> llvm::Error {
    auto module = build(body, info.emulated, *context);
    if (!module)
      return module.takeError();
    auto made = llvm::orc::LLJITBuilder()
                    .setJITTargetMachineBuilder(machineFor(info))
                    .create();
    if (!made)
      return made.takeError();
    jit = std::move(*made);
    (*module)->setDataLayout(jit->getDataLayout());
    if (llvm::Error error = jit->addIRModule(llvm::orc::ThreadSafeModule(
            std::move(*module), std::move(context))))
      return error;
    auto symbol = jit->lookup("apply");
    if (!symbol)
      return symbol.takeError();
    entry = symbol->toPtr<void *>();
    return llvm::Error::success();
  };
  if (llvm::Error error = prepare())
    ADD_FAILURE() << llvm::toString(std::move(error));
}

IsaProgram::~IsaProgram() = default;

void IsaProgram::run(void *a, void *b, void *c) const {
  ASSERT_NE(entry, nullptr);
  constexpr int64_t size = INT64_MAX, stride = 1;
  using Entry = void(void *, void *, int64_t, int64_t, int64_t, // a
                     void *, void *, int64_t, int64_t, int64_t, // b
                     void *, void *, int64_t, int64_t, int64_t);
  reinterpret_cast<Entry *>(entry)(a, a, 0, size, stride, b, b, 0, size, stride,
                                   c, c, 0, size, stride);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels become functions that run one thread. Address spaces collapse: shared
// memory lies below 2 GiB, so even 32-bit addresses of it survive.
//
//===----------------------------------------------------------------------===//
#include "compiler/Lowering/EmulateGpu.h"

#include "compiler/Lowering/EmulatedGpu.h"
#include "compiler/Lowering/Passes.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"

namespace bertc {
#define GEN_PASS_DEF_EMULATEGPUPASS
#include "compiler/Lowering/Passes.h.inc"
} // namespace bertc

using namespace mlir;
using namespace bertc;

namespace {

/// The gpu.module's way to the host.
class GpuModule {
public:
  explicit GpuModule(ModuleOp host) : host(host), e(host) {}

  LogicalResult run();

private:
  LogicalResult checkGlobals(gpu::GPUModuleOp device);
  LogicalResult moveKernel(LLVM::LLVMFuncOp kernel);
  LogicalResult moveFunction(LLVM::LLVMFuncOp function);
  void collapseAddressSpaces();
  void defineTable();
  LLVM::GlobalOp define(llvm::StringRef name, Type type, Attribute value,
                        LLVM::Linkage linkage = LLVM::Linkage::Internal);

  ModuleOp host;
  GpuEmulation e;
  struct Kernel {
    LLVM::LLVMFuncOp function;
    uint32_t threads = 0;
    SmallVector<int32_t> parameterBytes;
    SmallVector<int32_t> cluster;
  };
  std::vector<Kernel> kernels;
};

} // namespace

static bool isKernel(LLVM::LLVMFuncOp function) {
  return function->hasAttr(NVVM::NVVMDialect::getKernelFuncAttrName());
}

/// Threads of a block, which must be known and lie in one dimension. The
/// conversion of gpu.func writes a known size as the most that there may be.
static FailureOr<uint32_t> blockSize(LLVM::LLVMFuncOp kernel) {
  auto size = kernel->getAttrOfType<DenseI32ArrayAttr>(
      NVVM::NVVMDialect::getReqntidAttrName());
  if (!size)
    size = kernel->getAttrOfType<DenseI32ArrayAttr>(
        NVVM::NVVMDialect::getMaxntidAttrName());
  if (!size || size.empty())
    return kernel.emitError("the size of the kernel's blocks is not known")
               .attachNote()
           << "help: set the attribute nvvm.reqntid";
  constexpr int32_t most = 1024;
  if (size[0] < 1 || size[0] > most)
    return kernel.emitError("expected blocks of 1 to ")
           << most << " threads, got " << size[0];
  for (int32_t other : size.asArrayRef().drop_front())
    if (other != 1)
      return kernel.emitError(
          "expected blocks of one dimension, [threads, 1, 1]");
  return static_cast<uint32_t>(size[0]);
}

LogicalResult GpuModule::checkGlobals(gpu::GPUModuleOp device) {
  constexpr unsigned shared = 3;
  for (auto global : device.getOps<LLVM::GlobalOp>()) {
    auto array = dyn_cast<LLVM::LLVMArrayType>(global.getGlobalType());
    if (global.getAddrSpace() == shared &&
        (!array || array.getNumElements() != 0))
      return global.emitError("shared memory of a fixed size is not emulated")
                 .attachNote()
             << "help: take a part of the dynamic shared memory, a global of "
                "type !llvm.array<0 x i8>";
  }
  return success();
}

LLVM::GlobalOp GpuModule::define(llvm::StringRef name, Type type,
                                 Attribute value, LLVM::Linkage linkage) {
  OpBuilder b = OpBuilder::atBlockEnd(host.getBody());
  return LLVM::GlobalOp::create(b, e.loc, type, /*isConstant=*/true, linkage,
                                name, value);
}

/// void name(void **params), for a kernel with arguments.
LogicalResult GpuModule::moveKernel(LLVM::LLVMFuncOp kernel) {
  FailureOr<uint32_t> threads = blockSize(kernel);
  if (failed(threads))
    return failure();
  Kernel row;
  row.threads = *threads;
  if (auto size = kernel->getAttrOfType<DenseI32ArrayAttr>(
          NVVM::NVVMDialect::getClusterDimAttrName()))
    llvm::append_range(row.cluster, size.asArrayRef());
  OpBuilder &b = e.b;
  b.setInsertionPoint(host.getBody(), host.getBody()->end());
  e.loc = kernel.getLoc();
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(b.getContext()), {e.pointer});
  row.function = LLVM::LLVMFuncOp::create(b, e.loc, kernel.getName(), type);
  row.function.getBody().takeBody(kernel.getBody());
  Block &entry = row.function.getBody().front();
  Value params = entry.addArgument(e.pointer, e.loc);
  b.setInsertionPointToStart(&entry);
  Value thread = e.call("thread", {}, e.pointer);
  if (failed(e.emulateBody(row.function, thread)))
    return failure();
  const DataLayout layout(host);
  b.setInsertionPointAfterValue(thread);
  for (unsigned i = 0; i < kernel.getNumArguments(); ++i) {
    BlockArgument argument = entry.getArgument(0);
    Type type = argument.getType();
    auto byValue = kernel.getArgAttrOfType<TypeAttr>(
        i, LLVM::LLVMDialect::getByValAttrName());
    Value value = LLVM::LoadOp::create(
        b, e.loc, e.pointer,
        LLVM::GEPOp::create(b, e.loc, e.pointer, e.pointer, params,
                            ArrayRef<LLVM::GEPArg>{int32_t(i)}));
    if (byValue)
      type = byValue.getValue();
    else
      value = LLVM::LoadOp::create(b, e.loc, type, value);
    row.parameterBytes.push_back(
        static_cast<int32_t>(layout.getTypeSize(type).getFixedValue()));
    argument.replaceAllUsesWith(value);
    entry.eraseArgument(0);
  }
  kernels.push_back(row);
  return success();
}

/// A function that kernels call gets the thread as its first argument.
LogicalResult GpuModule::moveFunction(LLVM::LLVMFuncOp function) {
  OpBuilder &b = e.b;
  b.setInsertionPoint(host.getBody(), host.getBody()->end());
  LLVM::LLVMFunctionType old = function.getFunctionType();
  SmallVector<Type> arguments = {e.pointer};
  llvm::append_range(arguments, old.getParams());
  auto type = LLVM::LLVMFunctionType::get(old.getReturnType(), arguments);
  auto moved = LLVM::LLVMFuncOp::create(
      b, function.getLoc(), function.getName(), type, LLVM::Linkage::Internal);
  moved.getBody().takeBody(function.getBody());
  Value thread =
      moved.getBody().front().insertArgument(0u, e.pointer, function.getLoc());
  return e.emulateBody(moved, thread);
}

void GpuModule::collapseAddressSpaces() {
  AttrTypeReplacer replacer;
  Type pointer = e.pointer;
  replacer.addReplacement(
      [pointer](LLVM::LLVMPointerType) -> Type { return pointer; });
  replacer.recursivelyReplaceElementsIn(host, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  host.walk([](LLVM::AddrSpaceCastOp op) {
    op.replaceAllUsesWith(op.getArg());
    op.erase();
  });
  for (auto global : host.getOps<LLVM::GlobalOp>())
    global.setAddrSpace(0);
}

void GpuModule::defineTable() {
  OpBuilder &b = e.b;
  e.loc = host.getLoc();
  MLIRContext *context = b.getContext();
  auto row = LLVM::LLVMStructType::getLiteral(
      context, {e.pointer, e.pointer, e.i32, e.i32, e.pointer,
                LLVM::LLVMArrayType::get(e.i32, 3)});
  auto type = LLVM::LLVMArrayType::get(row, kernels.size());
  SmallVector<LLVM::GlobalOp> names, bytes;
  for (Kernel &kernel : kernels) {
    std::string name = kernel.function.getName().str();
    const std::string text = name + '\0';
    names.push_back(define("bertc_emulated_name_" + name,
                           LLVM::LLVMArrayType::get(b.getI8Type(), text.size()),
                           b.getStringAttr(text)));
    // An array of nothing has no attribute.
    SmallVector<int32_t> sizes = kernel.parameterBytes;
    if (sizes.empty())
      sizes.push_back(0);
    bytes.push_back(define("bertc_emulated_parameters_" + name,
                           LLVM::LLVMArrayType::get(e.i32, sizes.size()),
                           b.getI32TensorAttr(sizes)));
  }
  LLVM::GlobalOp table =
      define(emulator::kernelTableSymbol, type, {}, LLVM::Linkage::External);
  b.createBlock(&table.getInitializerRegion());
  Value all = LLVM::UndefOp::create(b, e.loc, type);
  for (size_t i = 0; i < kernels.size(); ++i) {
    const Kernel &kernel = kernels[i];
    auto putAt = [&](Value value, ArrayRef<int64_t> place) {
      all = LLVM::InsertValueOp::create(b, e.loc, all, value, place);
    };
    auto put = [&](Value value, int64_t field) {
      putAt(value, {int64_t(i), field});
    };
    put(LLVM::AddressOfOp::create(b, e.loc, names[i]), 0);
    put(LLVM::AddressOfOp::create(b, e.loc, kernel.function), 1);
    put(e.constant(kernel.threads), 2);
    put(e.constant(static_cast<uint32_t>(kernel.parameterBytes.size())), 3);
    put(LLVM::AddressOfOp::create(b, e.loc, bytes[i]), 4);
    for (int64_t axis = 0; axis < 3; ++axis) {
      bool known = axis < int64_t(kernel.cluster.size());
      putAt(e.constant(known ? uint32_t(kernel.cluster[axis]) : 0),
            {int64_t(i), 5, axis});
    }
  }
  LLVM::ReturnOp::create(b, e.loc, all);
  define(emulator::kernelCountSymbol, e.i64,
         b.getI64IntegerAttr(static_cast<int64_t>(kernels.size())),
         LLVM::Linkage::External);
}

LogicalResult GpuModule::run() {
  SmallVector<mlir::gpu::GPUModuleOp> devices(
      host.getOps<mlir::gpu::GPUModuleOp>());
  if (devices.empty())
    return host.emitError("there is no gpu.module to emulate");
  for (mlir::gpu::GPUModuleOp device : devices) {
    if (failed(checkGlobals(device)))
      return failure();
    for (auto function : device.getOps<LLVM::LLVMFuncOp>())
      if (!function.isExternal() && !isKernel(function))
        e.functions.insert(function.getName());
    for (Operation &op :
         llvm::make_early_inc_range(device.getBodyRegion().front())) {
      if (auto function = dyn_cast<LLVM::LLVMFuncOp>(op)) {
        // A declaration is an error where it is called.
        if (!function.isExternal() &&
            failed(isKernel(function) ? moveKernel(function)
                                      : moveFunction(function)))
          return failure();
      } else if (auto global = dyn_cast<LLVM::GlobalOp>(op)) {
        if (!cast<LLVM::LLVMArrayType>(global.getGlobalType()).getNumElements())
          continue;
        global->moveBefore(host.getBody(), host.getBody()->end());
      } else {
        return op.emitError("expected llvm.func at nvvm level, got ")
               << op.getName();
      }
    }
    device.erase();
  }
  defineTable();
  collapseAddressSpaces();
  return success();
}

LogicalResult bertc::emulateGpu(ModuleOp module) {
  return GpuModule(module).run();
}

namespace {
struct EmulateGpuPass : public bertc::impl::EmulateGpuPassBase<EmulateGpuPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(emulateGpu(getOperation())))
      signalPassFailure();
  }
};
} // namespace

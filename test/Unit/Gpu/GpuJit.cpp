//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The emulator's functions are given to the linker one by one, so that they
// need not be exported by the test program.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"

#include "compiler/Emit/Ptx.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Pipelines/Pipelines.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "tools/gpu-emulator/Compile.h"
#include "tools/gpu-emulator/Ranges.h"
#include "llvm/ExecutionEngine/Orc/AbsoluteSymbols.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
#include <regex>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;

static DialectRegistry &registry() {
  static DialectRegistry registry = [] {
    DialectRegistry registry;
    registerCompilerDialects(registry);
    return registry;
  }();
  return registry;
}

static llvm::Expected<std::unique_ptr<llvm::orc::LLJIT>> createJit() {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto jit = llvm::orc::LLJITBuilder().create();
  if (!jit)
    return jit.takeError();
  llvm::orc::SymbolMap symbols;
  for (const emulator::Symbol &symbol : emulator::emulatorSymbols())
    symbols[(*jit)->mangleAndIntern(symbol.name)] = {
        llvm::orc::ExecutorAddr::fromPtr(symbol.address),
        llvm::JITSymbolFlags::Exported};
  if (llvm::Error error = (*jit)->getMainJITDylib().define(
          llvm::orc::absoluteSymbols(std::move(symbols))))
    return error;
  return jit;
}

/// Whether a module has instructions that only Hopper executes.
static bool needsHopper(ModuleOp module) {
  static const std::regex names(
      "nvvm\\.(wgmma|setmaxregister|elect|cp\\.async\\.bulk|mapa|cluster|"
      "stmatrix|"
      "mbarrier\\.(try_wait|arrive\\.expect_tx)|fence\\.mbarrier).*");
  return module
      ->walk([](Operation *op) {
        const std::string name = op->getName().getStringRef().str();
        return std::regex_match(name, names) || op->hasAttr("nvvm.cluster_dim")
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

void GpuProgram::emitForDevice(ModuleOp module, const TestDevice &device) {
  const bool hopper = needsHopper(module);
  if (hopper && device.capability() != 90)
    return;
  const OwningOpRef<ModuleOp> copy(module.clone());
  llvm::LLVMContext context;
  auto translated = translateDeviceModule(*copy, context);
  // Tests of the emulator have copies of boxes that PTX 8.0 does not have yet.
  auto emitted = translated
                     ? emitPtx(**translated, hopper ? "sm_90a" : "sm_80",
                               hopper ? "+ptx86" : "+ptx80")
                     : llvm::Expected<std::string>(translated.takeError());
  if (emitted)
    ptx = *emitted;
  else
    ADD_FAILURE() << llvm::toString(emitted.takeError());
}

void GpuProgram::compile(ModuleOp module, const Change &change) {
  PassManager pm(module.getContext());
  buildGpuToNVVMPipeline(pm);
  ASSERT_TRUE(succeeded(pm.run(module)));
  if (change)
    change(module);
  else if (TestDevice *device = TestDevice::fromEnvironment())
    emitForDevice(module, *device);
  auto prepare = [&]() -> llvm::Error {
    auto object = emulator::compileEmulated(module);
    if (!object)
      return object.takeError();
    auto made = createJit();
    if (!made)
      return made.takeError();
    jit = std::move(*made);
    if (llvm::Error error = jit->addObjectFile(
            llvm::MemoryBuffer::getMemBufferCopy(*object, "emulated")))
      return error;
    auto table = jit->lookup(emulator::kernelTableSymbol);
    if (!table)
      return table.takeError();
    auto count = jit->lookup(emulator::kernelCountSymbol);
    if (!count)
      return count.takeError();
    kernels = {table->toPtr<const emulator::EmulatedKernel *>(),
               *count->toPtr<const uint64_t *>()};
    return llvm::Error::success();
  };
  if (llvm::Error error = prepare())
    ADD_FAILURE() << llvm::toString(std::move(error));
}

GpuProgram::GpuProgram(const Fill &fill, const Change &change) {
  MLIRContext context(registry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(UnknownLoc::get(&context), "gpu");
  fill(*module);
  compile(*module, change);
}

GpuProgram::GpuProgram(const std::string &text, const Change &change) {
  MLIRContext context(registry(), MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  EXPECT_TRUE(module);
  if (module)
    compile(*module, change);
}

GpuProgram::~GpuProgram() = default;

namespace {
/// What registered memory holds.
class MemoryImage {
public:
  MemoryImage() {
    for (const auto &[start, range] : emulator::globalRanges())
      if (range.writable)
        parts.emplace_back(start, std::string(at(start), range.end - start));
  }
  void restore() const {
    for (const auto &[start, bytes] : parts)
      std::copy(bytes.begin(), bytes.end(), at(start));
  }

private:
  static char *at(uint64_t start) { return reinterpret_cast<char *>(start); }
  std::vector<std::pair<uint64_t, std::string>> parts;
};
} // namespace

emulator::Report GpuProgram::launchWith(const std::string &name, Grid grid,
                                        uint32_t sharedBytes,
                                        const std::vector<uint32_t> &sizes,
                                        void **params) {
  emulator::Report failed;
  failed.errors = {"no kernel '" + name + "'"};
  const emulator::EmulatedKernel *kernel = kernels.find(name);
  if (!kernel)
    return failed;
  const std::vector<uint32_t> expected(
      kernel->parameterBytes, kernel->parameterBytes + kernel->parameterCount);
  if (expected != sizes) {
    failed.errors = {"kernel '" + name + "' has arguments of other sizes: " +
                     testing::PrintToString(expected) + ", got " +
                     testing::PrintToString(sizes)};
    return failed;
  }
  emulator::Launch launch;
  launch.kernel = kernel;
  std::copy(grid.size.begin(), grid.size.end(), launch.grid);
  launch.sharedBytes = sharedBytes;
  launch.params = params;
  launch.order = order;
  if (ptx.empty())
    return emulator::launch(launch);
  // The emulator changes the memory that the device is to find.
  const MemoryImage before;
  emulator::Report report = emulator::launch(launch);
  if (!report.ok())
    return report;
  before.restore();
  std::string error;
  if (!deviceCode)
    deviceCode = TestDevice::fromEnvironment()->load(ptx, error);
  if (deviceCode)
    error = deviceCode->launch(launch);
  if (!error.empty())
    report.errors.push_back(error);
  return report;
}

testing::AssertionResult bertc::test::hasError(const emulator::Report &report,
                                               const std::string &text) {
  static const std::regex place(" \\(-:[0-9]+:[0-9]+\\)");
  for (const std::string &error : report.errors)
    if (std::regex_replace(error, place, "").find(text) != std::string::npos)
      return testing::AssertionSuccess();
  return testing::AssertionFailure() << "no error with '" << text << "' in:\n"
                                     << report.text();
}

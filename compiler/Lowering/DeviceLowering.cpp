//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The host function of a device and its kernels. A first emission, which is
// thrown away, registers weights and memory; only then are their places known.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceLowering.h"
#include "compiler/Kernels/GPU/Optimizer.h"
#include "compiler/Lowering/DeviceTrainProgram.h"
#include "compiler/Lowering/ForwardLowering.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace bertc;

namespace {
/// The training function of a module, if it has one.
struct DeviceTraining {
  explicit DeviceTraining(ModuleOp module)
      : function(module.lookupSymbol<func::FuncOp>("train")) {}

  LogicalResult assign(const DeviceTarget &target, DevicePrecision precision,
                       WeightLayoutBuilder &weights,
                       WeightLayoutBuilder *parameters) {
    if (!function)
      return success();
    FailureOr<std::vector<LoweredOutput>> outputs = verifyTraining(function);
    if (failed(outputs))
      return failure();
    // Gradients would need a scale to be in the range of f16.
    if (precision.type == HalfType::F16 || precision.int8)
      return function.emitOpError("cannot be lowered for ")
             << (precision.int8 ? "int8" : "f16");
    lowered.outputs = std::move(*outputs);
    lowered.frozenOutput = frozenPrefix(function).output;
    gradients.add(function);
    program.emplace(function, target, precision, weights, parameters,
                    gradients);
    return success();
  }

  func::FuncOp function;
  GradientLayout gradients;
  std::optional<DeviceTrainProgram> program;
  LoweredDeviceTraining lowered;
};

/// All that is emitted, twice.
struct DeviceModule {
  Location loc;
  DeviceProgram &forward;
  DeviceTraining &training;
  const WeightLayout *weights; // null in the first emission
  LoweredDevice &result;

  LogicalResult emit();

private:
  LogicalResult emitTraining(KernelBuilder &k, GpuBuilder &device);
};
} // namespace

LogicalResult DeviceModule::emitTraining(KernelBuilder &k, GpuBuilder &device) {
  LoweredDeviceTraining &lowered = training.lowered;
  LogicalResult valid = success();
  emitEntry(k, lowered.entry, {}, [&](ValueRange arguments) {
    DeviceTrainFrame frame(k, arguments[0]);
    valid = training.program->emit(k, frame, device);
    result.tensorMaps |= frame.makesMaps();
  });
  if (failed(valid) || !weights)
    return valid;
  emitEntry(k, lowered.refreshEntry, {}, [&](ValueRange arguments) {
    DeviceTrainFrame frame(k, arguments[0]);
    training.program->emitRefresh(k, frame, device, *weights);
  });
  DeviceKernel sums = sumOfSquaresKernel(device), adamW = adamWKernel(device);
  lowered.sumOfSquares = sums.number;
  lowered.adamW = adamW.number;
  training.program->noteOptimizer(sums, 4);
  // Weights, moments and gradients, which are cleared, to and fro.
  training.program->noteOptimizer(adamW, 2 * 4 * 4);
  return success();
}

LogicalResult DeviceModule::emit() {
  result.kernels = ModuleOp::create(loc);
  result.host = ModuleOp::create(loc);
  GpuBuilder device(*result.kernels);
  KernelBuilder k(*result.host);
  LogicalResult valid = success();
  emitEntry(k, result.entry, {}, [&](ValueRange arguments) {
    DeviceFrame frame(k, arguments[0]);
    valid = forward.emit(k, frame, device);
    result.tensorMaps = frame.makesMaps();
  });
  if (failed(valid) || (training.function && failed(emitTraining(k, device))))
    return failure();
  result.table.clear();
  for (const DeviceKernel &kernel : device.kernels())
    result.table.push_back({kernel.name, kernel.threads, kernel.sharedBytes});
  forward.describe(result.table);
  if (training.program)
    training.program->describe(result.table);
  return success();
}

DevicePrecision bertc::devicePrecision(Precision precision) {
  switch (precision) {
  case Precision::F32:
    return {3, HalfType::BF16, false};
  case Precision::F32Fast:
    return {2, HalfType::BF16, false};
  case Precision::F16:
    return {1, HalfType::F16, false};
  case Precision::Int8:
    return {1, HalfType::BF16, true};
  default:
    return {1, HalfType::BF16, false};
  }
}

FailureOr<LoweredDevice> bertc::lowerDevice(ModuleOp module,
                                            const DeviceTarget &target,
                                            DevicePrecision precision,
                                            const WeightLayout *parameters) {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (!forward)
    return module.emitError("has no function @forward");
  LoweredDevice result;
  FailureOr<std::vector<LoweredOutput>> outputs = verifyForward(forward);
  if (failed(outputs))
    return failure();
  result.outputs = std::move(*outputs);
  std::string suffix = target.name.str();
  llvm::replace(suffix, ':', '_');
  result.entry = "bertc_forward_" + suffix;

  WeightLayoutBuilder weights, trained;
  DeviceTraining training(module);
  bool isOwn = training.function && !parameters;
  WeightLayoutBuilder *own = isOwn ? &trained : nullptr;
  DeviceProgram program(forward, target, precision, weights, own);
  if (failed(training.assign(target, precision, weights, own)))
    return failure();
  training.lowered.entry = "bertc_train_" + suffix;
  training.lowered.refreshEntry = "bertc_refresh_" + suffix;
  DeviceModule first{module.getLoc(), program, training, nullptr, result};
  if (failed(first.emit()))
    return failure();
  weights.finish();
  result.weights = weights.layout();
  if (training.function) {
    trained.finish();
    LoweredDeviceTraining &lowered = training.lowered;
    lowered.weights = isOwn ? trained.layout() : *parameters;
    if (failed(training.gradients.finish(module, lowered.weights)))
      return failure();
    lowered.parameters = training.gradients.parameters();
    lowered.gradientsSize = training.gradients.size();
  }
  DeviceModule second{module.getLoc(), program, training, &result.weights,
                      result};
  if (failed(second.emit()))
    return failure();
  result.workspace = program.workspaceFormula();
  if (training.function) {
    training.lowered.workspace = training.program->workspaceFormula();
    result.training = std::move(training.lowered);
  }
  if (failed(verify(*result.kernels)) || failed(verify(*result.host)))
    return failure();
  return result;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Driver/Devices.h"
#include "compiler/Emit/Object.h"
#include "compiler/Emit/Ptx.h"
#include "compiler/Lowering/DeviceLowering.h"
#include "compiler/Lowering/LowerToNVVM.h"
#include "compiler/Pipelines/Pipelines.h"
#include "compiler/Plan/PlanAttributes.h"
#include "mlir/IR/Builders.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace bertc;

/// The host code as an object for any processor.
static llvm::Expected<std::string> hostObject(mlir::ModuleOp host) {
  llvm::LLVMContext context;
  auto module = lowerHostToLLVM(host, context);
  if (!module)
    return module.takeError();
  return emitObject(**module, "x86-64");
}

static llvm::Expected<DeviceVariantCode> generate(LoweredDevice &lowered,
                                                  const DeviceTarget &target,
                                                  PhaseTimes &times) {
  DeviceVariantCode code;
  code.name = target.name.str();
  code.computeCapability = target.capability;
  code.exact = target.exact;
  code.tensorMaps = lowered.tensorMaps;
  code.entry = lowered.entry;
  code.workspace = lowered.workspace;
  for (const LoweredKernel &kernel : lowered.table) {
    KernelInfo &info = code.kernels.emplace_back();
    info.name = kernel.name;
    info.threads = kernel.threads;
    info.sharedBytes = kernel.sharedBytes;
    info.flopsPerToken = kernel.flopsPerToken;
    info.flopsPerSequence = kernel.flopsPerSequence;
    info.flopsPerPair = kernel.flopsPerPair;
    info.weightBytes = kernel.weightBytes;
    info.cluster = static_cast<uint32_t>(kernel.cluster);
    info.sharesWork = kernel.sharesWork;
    info.models = kernel.models;
  }
  PhaseTimes::Scope scope(times, "codegen " + code.name);
  llvm::LLVMContext context;
  auto module = translateDeviceModule(*lowered.kernels, context);
  if (!module)
    return module.takeError();
  auto ptx = emitPtx(**module, target.processor, target.features);
  if (!ptx)
    return ptx.takeError();
  code.ptx = std::move(*ptx);
  auto object = hostObject(*lowered.host);
  if (!object)
    return object.takeError();
  code.object = std::move(*object);
  return std::move(code);
}

/// What a trainer knows, of the first that trains; others agree with it.
static llvm::Error placeTraining(const LoweredDeviceTraining &lowered,
                                 Variants &variants, DeviceVariantCode &code) {
  code.training = {lowered.entry, lowered.refreshEntry, lowered.workspace,
                   lowered.sumOfSquares, lowered.adamW};
  if (variants.training)
    return sameTraining(lowered, *variants.training);
  variants.training = trainingInputs(lowered);
  variants.training->parametersSize = lowered.weights.size;
  variants.parameters = lowered.weights;
  variants.layout = lowered.weights;
  return llvm::Error::success();
}

/// The weights of `added` from a new page on; those of all devices are the
/// same.
static llvm::Error placeWeights(const WeightLayout &added, Variants &variants,
                                DeviceVariantCode &code) {
  if (!variants.deviceLayout) {
    variants.deviceLayout = added;
    int64_t offset = variants.layout.size;
    for (PackedWeight weight : added.weights) {
      weight.offset += offset;
      variants.layout.weights.push_back(std::move(weight));
    }
    variants.layout.size = offset + added.size;
  } else if (llvm::Error error = sameLayout(*variants.deviceLayout, added)) {
    return error;
  }
  code.weightsOffset = variants.layout.size - added.size;
  code.weightsSize = added.size;
  return llvm::Error::success();
}

/// Says of a module whose plans its ops have, as the pass of processors does.
static void notePlanned(mlir::ModuleOp module, const DeviceTarget &target,
                        Precision precision) {
  mlir::Builder b(module.getContext());
  module->setAttr(targetName, b.getStringAttr(target.name));
  if (precision != Precision::F32)
    module->setAttr(precisionAttributeName,
                    b.getStringAttr(precisionName(precision)));
}

llvm::Error bertc::lowerDevices(mlir::ModuleOp fused,
                                llvm::ArrayRef<const DeviceTarget *> targets,
                                Precision precision, Stage stage,
                                PhaseTimes &times, const std::string &problems,
                                Variants &variants) {
  for (const DeviceTarget *target : targets) {
    mlir::OwningOpRef<mlir::ModuleOp> planned = fused.clone();
    notePlanned(*planned, *target, precision);
    mlir::FailureOr<LoweredDevice> lowered = mlir::failure();
    {
      PhaseTimes::Scope scope(times, "kernels " + target->name.str());
      lowered =
          lowerDevice(*planned, *target, devicePrecision(precision),
                      variants.parameters ? &*variants.parameters : nullptr);
      if (mlir::failed(lowered))
        return stageFailed(target->name, "kernels", problems);
    }
    if (stage == Stage::Plan) {
      appendArtefact(variants.artefact, printModule(*planned), "//",
                     target->name);
      continue;
    }
    if (stage == Stage::Kernels) {
      appendArtefact(variants.artefact,
                     printModule(*lowered->kernels) +
                         printModule(*lowered->host),
                     "//", target->name);
      continue;
    }
    {
      PhaseTimes::Scope scope(times, "llvm " + target->name.str());
      if (mlir::failed(lowerDeviceToNVVM(*lowered->kernels)))
        return stageFailed(target->name, "llvm", problems);
    }
    if (stage == Stage::LLVM) {
      appendArtefact(variants.artefact, printModule(*lowered->kernels), "//",
                     target->name);
      continue;
    }
    auto code = generate(*lowered, *target, times);
    if (!code)
      return stageFailed(target->name, "codegen",
                         llvm::toString(code.takeError()));
    if (stage == Stage::Ptx) {
      appendArtefact(variants.artefact, code->ptx, "//", target->name);
      continue;
    }
    if (variants.outputs.empty())
      variants.outputs = outputInfos(lowered->outputs);
    if (lowered->training)
      if (llvm::Error error =
              placeTraining(*lowered->training, variants, *code))
        return error;
    if (llvm::Error error = placeWeights(lowered->weights, variants, *code))
      return error;
    variants.deviceCode.push_back(std::move(*code));
  }
  return llvm::Error::success();
}

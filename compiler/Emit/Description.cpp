//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The structs of abi.h are built field by field as LLVM constants, whose layout
// is that of C. The result is checked against sizeof, so that a field that was
// added on one side only is noticed at once.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Description.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DerivedTypes.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

using namespace bertc;
using llvm::Constant;

namespace {

class Builder {
public:
  explicit Builder(llvm::Module &module)
      : module(module), context(module.getContext()),
        pointer(llvm::PointerType::get(context, 0)) {}

  Constant *i32(uint64_t value) {
    return llvm::ConstantInt::get(llvm::Type::getInt32Ty(context), value);
  }
  Constant *i64(uint64_t value) {
    return llvm::ConstantInt::get(llvm::Type::getInt64Ty(context), value);
  }
  Constant *f32(double value) {
    return llvm::ConstantFP::get(llvm::Type::getFloatTy(context), value);
  }
  Constant *null() { return llvm::ConstantPointerNull::get(pointer); }

  llvm::GlobalVariable *global(llvm::StringRef name, Constant *value,
                               uint64_t alignment) {
    auto *result = new llvm::GlobalVariable(
        module, value->getType(), /*isConstant=*/true,
        llvm::GlobalValue::PrivateLinkage, value, name);
    result->setAlignment(llvm::Align(alignment));
    return result;
  }
  Constant *string(const llvm::Twine &text) {
    return global("text",
                  llvm::ConstantDataArray::getString(context, text.str()), 1);
  }
  /// Bytes in a section of their own.
  llvm::GlobalVariable *bytes(llvm::StringRef name, llvm::StringRef section,
                              llvm::StringRef data, uint64_t alignment) {
    llvm::GlobalVariable *result = global(
        name,
        llvm::ConstantDataArray::getString(context, data, /*AddNull=*/false),
        alignment);
    result->setSection(section);
    return result;
  }
  Constant *external(llvm::StringRef name, llvm::Type *type) {
    Constant *result = module.getOrInsertGlobal(name, type);
    llvm::cast<llvm::GlobalVariable>(result)->setVisibility(
        llvm::GlobalValue::HiddenVisibility);
    return result;
  }
  Constant *function(llvm::StringRef name) {
    auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context),
                                         /*isVarArg=*/false);
    auto *result = llvm::cast<llvm::Function>(
        module.getOrInsertFunction(name, type).getCallee());
    result->setVisibility(llvm::GlobalValue::HiddenVisibility);
    return result;
  }
  /// A struct, whose size must be that of the C one.
  Constant *record(llvm::ArrayRef<Constant *> fields, size_t size) {
    Constant *result = llvm::ConstantStruct::getAnon(context, fields);
    if (module.getDataLayout().getTypeAllocSize(result->getType()) != size)
      consistent = false;
    return result;
  }
  Constant *array(llvm::StringRef name, llvm::ArrayRef<Constant *> records) {
    auto *type =
        llvm::ArrayType::get(records.front()->getType(), records.size());
    return global(name, llvm::ConstantArray::get(type, records), 8);
  }

  bool consistent = true;

private:
  llvm::Module &module;
  llvm::LLVMContext &context;
  llvm::PointerType *pointer;
};

} // namespace

static Constant *buildPhases(Builder &b, llvm::ArrayRef<PhaseInfo> phases) {
  if (phases.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const PhaseInfo &phase : phases)
    records.push_back(
        b.record({b.string(phase.name), b.i64(phase.flopsPerToken),
                  b.i64(phase.flopsPerSequence), b.i64(phase.flopsPerPair),
                  b.i64(phase.weightBytes)},
                 sizeof(bertc_phase_desc)));
  return b.array("phases", records);
}

static Constant *buildWorkspace(Builder &b, const bertc_workspace &w) {
  return b.record({b.i64(w.fixed), b.i64(w.per_token), b.i64(w.per_sequence),
                   b.i64(w.per_thread), b.i64(w.per_thread_key)},
                  sizeof(bertc_workspace));
}

static Constant *buildVariants(Builder &b, const LibraryInputs &inputs) {
  if (inputs.variants.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const VariantCode &variant : inputs.variants)
    records.push_back(b.record(
        {b.string(variant.name), b.i64(variant.features),
         b.function(variant.entry), buildWorkspace(b, variant.workspace),
         buildPhases(b, variant.phases), b.i64(variant.phases.size())},
        sizeof(bertc_variant)));
  return b.array("variants", records);
}

static Constant *buildKernels(Builder &b, llvm::ArrayRef<KernelInfo> kernels) {
  if (kernels.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const KernelInfo &kernel : kernels)
    records.push_back(
        b.record({b.string(kernel.name), b.i32(kernel.threads),
                  b.i32(kernel.sharedBytes), b.i64(kernel.flopsPerToken),
                  b.i64(kernel.flopsPerSequence), b.i64(kernel.flopsPerPair),
                  b.i32(kernel.cluster),
                  b.i32(kernel.sharesWork ? BERTC_KERNEL_SHARES_WORK : 0),
                  b.i64(kernel.weightBytes)},
                 sizeof(bertc_kernel_desc)));
  return b.array("kernels", records);
}

static Constant *buildDeviceVariants(Builder &b, const LibraryInputs &inputs) {
  if (inputs.deviceVariants.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const DeviceVariantCode &variant : inputs.deviceVariants) {
    uint64_t weights = variant.weightsSize ? variant.weightsSize
                                           : uint64_t(inputs.layout.size) -
                                                 variant.weightsOffset;
    // Texts end with a NUL, which the driver needs.
    Constant *ptx = variant.ptx.empty()
                        ? b.null()
                        : b.bytes("ptx", deviceSection,
                                  llvm::StringRef(variant.ptx.c_str(),
                                                  variant.ptx.size() + 1),
                                  1);
    Constant *cubin =
        variant.cubin.empty()
            ? b.null()
            : b.bytes("cubin", deviceSection, variant.cubin, BERTC_ALIGNMENT);
    records.push_back(b.record(
        {b.string(variant.name), b.i32(variant.computeCapability),
         b.i32((variant.exact ? BERTC_DEVICE_EXACT : 0) |
               (variant.tensorMaps ? BERTC_DEVICE_TENSOR_MAPS : 0)),
         ptx, b.i64(variant.ptx.size()), cubin, b.i64(variant.cubin.size()),
         b.function(variant.entry), buildWorkspace(b, variant.workspace),
         buildKernels(b, variant.kernels), b.i64(variant.kernels.size()),
         b.i64(variant.weightsOffset), b.i64(weights)},
        sizeof(bertc_device_variant)));
  }
  return b.array("device_variants", records);
}

static Constant *buildOutputs(Builder &b, llvm::ArrayRef<OutputInfo> outputs) {
  std::vector<Constant *> records;
  for (const OutputInfo &output : outputs)
    records.push_back(b.record(
        {b.string(output.name), b.i32(output.kind), b.i32(output.width)},
        sizeof(bertc_output_desc)));
  return b.array("outputs", records);
}

static Constant *buildDeviceTrainVariants(Builder &b,
                                          const LibraryInputs &inputs) {
  if (inputs.deviceVariants.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const DeviceVariantCode &variant : inputs.deviceVariants) {
    const DeviceTrainingCode &code = variant.training;
    records.push_back(
        b.record({b.function(code.entry), b.function(code.refreshEntry),
                  buildWorkspace(b, code.workspace), b.i64(code.sumOfSquares),
                  b.i64(code.adamW)},
                 sizeof(bertc_device_train_variant)));
  }
  return b.array("device_train_variants", records);
}

static Constant *buildTrainVariants(Builder &b, const LibraryInputs &inputs) {
  if (inputs.variants.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const VariantCode &variant : inputs.variants) {
    const TrainingCode &code = variant.training;
    records.push_back(
        b.record({b.function(code.entry), buildWorkspace(b, code.workspace),
                  buildPhases(b, code.phases), b.i64(code.phases.size())},
                 sizeof(bertc_train_variant)));
  }
  return b.array("train_variants", records);
}

static Constant *buildParameter(Builder &b, const LoweredParameter &p,
                                uint32_t flags) {
  bool matrix = p.shape.size() == 2;
  bool frozen = p.gradientOffset < 0;
  const Grouping none;
  const Grouping &depth = p.panels ? p.depth : none;
  return b.record(
      {b.string(p.tensor),
       b.i32(p.panels ? BERTC_PARAMETER_PANELS : BERTC_PARAMETER_ROWS),
       b.i32(flags), b.i32(p.shape.size()), b.i32(matrix ? p.shape[0] : 1),
       b.i32(p.shape.back()), b.i32(p.columns.size), b.i32(p.columns.stride),
       b.i32(depth.size), b.i32(depth.stride), b.i32(p.layers),
       b.i32(p.firstTrained), b.i32(p.lastFrozen), b.i64(p.packed),
       b.i64(p.weightOffset), b.i64(p.weightStride),
       b.i64(frozen ? BERTC_FROZEN : p.gradientOffset),
       b.i64(p.gradientStride)},
      sizeof(bertc_parameter_desc));
}

static Constant *buildTraining(Builder &b, const LibraryInputs &inputs) {
  if (!inputs.training)
    return b.null();
  const TrainingInputs &training = *inputs.training;
  std::vector<Constant *> parameters, files;
  for (size_t i = 0; i < training.parameters.size(); ++i)
    parameters.push_back(
        buildParameter(b, training.parameters[i], training.flags[i]));
  for (const auto &[name, data] : training.files)
    files.push_back(
        b.record({b.string(name), b.bytes("file", filesSection, data, 1),
                  b.i64(data.size())},
                 sizeof(bertc_file_desc)));
  Constant *record = b.record(
      {b.i32(sizeof(bertc_train_desc)), b.i32(training.labelKind),
       b.i32(training.labelWidth), b.i32(training.outputs.size()),
       buildOutputs(b, training.outputs), buildTrainVariants(b, inputs),
       b.array("parameters", parameters), b.i64(parameters.size()),
       b.i64(training.gradientsSize), b.f32(inputs.config.initializerRange),
       b.i32(0), b.array("files", files), b.i64(files.size()),
       training.frozenOutput.empty() ? b.null()
                                     : b.string(training.frozenOutput),
       buildDeviceTrainVariants(b, inputs), b.i64(training.parametersSize)},
      sizeof(bertc_train_desc));
  return b.global("training", record, 8);
}

llvm::Expected<std::string> bertc::emitDescription(const LibraryInputs &inputs,
                                                   const WeightsPlace &place,
                                                   llvm::StringRef manifest) {
  auto machine = createTargetMachine("x86-64");
  if (!machine)
    return machine.takeError();
  llvm::LLVMContext context;
  llvm::Module module("description", context);
  module.setDataLayout((*machine)->createDataLayout());
  Builder b(module);

  const ModelConfig &c = inputs.config;
  Constant *weights =
      place.inside ? b.external(weightsSymbol, llvm::Type::getInt8Ty(context))
                   : b.null();
  Constant *file = place.file.empty() ? b.null() : b.string(place.file);
  Constant *tokenizer = inputs.tokenizer.empty()
                            ? b.null()
                            : b.bytes("tokenizer", tokenizerSection,
                                      inputs.tokenizer, BERTC_ALIGNMENT);
  Constant *text = b.bytes("manifest", manifestSection, manifest, 1);
  Constant *record = b.record({b.i32(BERTC_ABI_VERSION),
                               b.i32(sizeof(bertc_model_desc)),
                               text,
                               b.i64(manifest.size()),
                               b.i32(c.hiddenSize),
                               b.i32(c.numHiddenLayers),
                               b.i32(c.numAttentionHeads),
                               b.i32(c.intermediateSize),
                               b.i32(c.vocabSize),
                               b.i32(c.maxPositionEmbeddings),
                               b.i32(c.typeVocabSize),
                               b.i32(c.padTokenId),
                               weights,
                               b.i64(inputs.layout.size),
                               b.i64(place.hash),
                               file,
                               buildVariants(b, inputs),
                               b.i32(inputs.variants.size()),
                               b.i32(inputs.outputs.size()),
                               buildOutputs(b, inputs.outputs),
                               tokenizer,
                               b.i64(inputs.tokenizer.size()),
                               buildTraining(b, inputs),
                               buildDeviceVariants(b, inputs),
                               b.i64(inputs.deviceVariants.size())},
                              sizeof(bertc_model_desc));
  if (!b.consistent)
    return llvm::createStringError(
        "the description of the model does not have the layout of abi.h");
  llvm::GlobalVariable *model = b.global("bertc_model", record, 8);
  model->setLinkage(llvm::GlobalValue::ExternalLinkage);
  model->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return emitCode(module, **machine, CodeFormat::Object);
}

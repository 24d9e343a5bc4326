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

static Constant *buildPhases(Builder &b, const VariantCode &variant) {
  if (variant.phases.empty())
    return b.null();
  std::vector<Constant *> records;
  for (const PhaseInfo &phase : variant.phases)
    records.push_back(
        b.record({b.string(phase.name), b.i64(phase.flopsPerToken),
                  b.i64(phase.flopsPerSequence), b.i64(phase.flopsPerPair),
                  b.i64(phase.weightBytes)},
                 sizeof(bertc_phase_desc)));
  return b.array("phases", records);
}

static Constant *buildVariants(Builder &b, const LibraryInputs &inputs) {
  std::vector<Constant *> records;
  for (const VariantCode &variant : inputs.variants) {
    const bertc_workspace &w = variant.workspace;
    Constant *workspace =
        b.record({b.i64(w.fixed), b.i64(w.per_token), b.i64(w.per_sequence),
                  b.i64(w.per_thread), b.i64(w.per_thread_key)},
                 sizeof(bertc_workspace));
    records.push_back(
        b.record({b.string(variant.name), b.i64(variant.features),
                  b.function(variant.entry), workspace, buildPhases(b, variant),
                  b.i64(variant.phases.size())},
                 sizeof(bertc_variant)));
  }
  return b.array("variants", records);
}

static Constant *buildOutputs(Builder &b, const LibraryInputs &inputs) {
  std::vector<Constant *> records;
  for (const OutputInfo &output : inputs.outputs)
    records.push_back(b.record(
        {b.string(output.name), b.i32(output.kind), b.i32(output.width)},
        sizeof(bertc_output_desc)));
  return b.array("outputs", records);
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
                               buildOutputs(b, inputs),
                               tokenizer,
                               b.i64(inputs.tokenizer.size()),
                               b.null()},
                              sizeof(bertc_model_desc));
  if (!b.consistent)
    return llvm::createStringError(
        "the description of the model does not have the layout of abi.h");
  llvm::GlobalVariable *model = b.global("bertc_model", record, 8);
  model->setLinkage(llvm::GlobalValue::ExternalLinkage);
  model->setVisibility(llvm::GlobalValue::HiddenVisibility);
  return emitCode(module, **machine, CodeFormat::Object);
}

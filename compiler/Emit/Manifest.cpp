//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing here may depend on when, where or by whom a model is compiled: the
// same inputs give the same bytes.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Manifest.h"
#include "compiler/Emit/DeviceManifest.h"
#include "compiler/Emit/TrainingManifest.h"
#include "runtime/abi/hash.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/JSON.h"

using namespace bertc;

static const std::pair<uint64_t, const char *> featureNames[] = {
    {BERTC_CPU_X86_64_V3, "x86-64-v3"},
    {BERTC_CPU_X86_64_V4, "x86-64-v4"},
    {BERTC_CPU_AVX512_BF16, "avx512bf16"},
    {BERTC_CPU_AVX512_VNNI, "avx512vnni"},
    {BERTC_CPU_AVX_VNNI, "avxvnni"},
    {BERTC_CPU_AMX_TILE, "amx-tile"},
    {BERTC_CPU_AMX_BF16, "amx-bf16"},
    {BERTC_CPU_AMX_INT8, "amx-int8"},
};

std::vector<llvm::StringRef> bertc::cpuFeatureNames(uint64_t features) {
  std::vector<llvm::StringRef> result;
  for (const auto &[bit, name] : featureNames)
    if (features & bit)
      result.push_back(name);
  return result;
}

std::string bertc::hashText(uint64_t hash) {
  std::string digits = llvm::utohexstr(hash, /*LowerCase=*/true);
  return std::string(16 - digits.size(), '0') + digits;
}

llvm::StringRef bertc::compilerVersion() { return BERTC_VERSION; }

std::string bertc::hashOf(llvm::StringRef bytes) {
  return hashText(bertc_hash64(bytes.data(), bytes.size()));
}

static void writeConfig(llvm::json::OStream &json, const ModelConfig &config) {
  json.attribute("model_type", config.modelType);
  json.attribute("hidden_size", config.hiddenSize);
  json.attribute("num_hidden_layers", config.numHiddenLayers);
  json.attribute("num_attention_heads", config.numAttentionHeads);
  json.attribute("intermediate_size", config.intermediateSize);
  json.attribute("hidden_act", config.hiddenActName);
  json.attribute("layer_norm_eps", config.layerNormEps);
  json.attribute("vocab_size", config.vocabSize);
  json.attribute("max_position_embeddings", config.maxPositionEmbeddings);
  json.attribute("type_vocab_size", config.typeVocabSize);
  json.attribute("pad_token_id", config.padTokenId);
}

void bertc::writeWorkspace(llvm::json::OStream &json,
                           const bertc_workspace &workspace) {
  json.attribute("formula",
                 "fixed + per_token * tokens + per_sequence * sequences + "
                 "threads * (per_thread + per_thread_key * "
                 "round_up(longest, 16))");
  json.attribute("fixed", int64_t(workspace.fixed));
  json.attribute("per_token", int64_t(workspace.per_token));
  json.attribute("per_sequence", int64_t(workspace.per_sequence));
  json.attribute("per_thread", int64_t(workspace.per_thread));
  json.attribute("per_thread_key", int64_t(workspace.per_thread_key));
}

static llvm::Error writeVariant(llvm::json::OStream &json,
                                const VariantCode &variant) {
  auto functions = listFunctions(variant.object);
  if (!functions)
    return functions.takeError();
  json.attribute("name", variant.name);
  json.attributeArray("features", [&] {
    for (llvm::StringRef name : cpuFeatureNames(variant.features))
      json.value(name);
  });
  if (variant.emulated)
    json.attributeArray("emulated", [&] {
      for (llvm::StringRef name : cpuFeatureNames(variant.emulated))
        json.value(name);
    });
  json.attribute("entry", variant.entry);
  json.attributeObject("workspace",
                       [&] { writeWorkspace(json, variant.workspace); });
  if (const TrainingCode &training = variant.training; !training.entry.empty())
    json.attributeObject("training", [&] {
      json.attribute("entry", training.entry);
      json.attributeObject("workspace",
                           [&] { writeWorkspace(json, training.workspace); });
    });
  json.attribute("code_hash", hashOf(variant.object));
  json.attributeArray("kernels", [&] {
    for (const FunctionCode &function : *functions)
      json.object([&] {
        json.attribute("name", function.name);
        json.attribute("bytes", int64_t(function.bytes));
      });
  });
  return llvm::Error::success();
}

/// What a number of the packed weight is.
static llvm::StringRef elementName(const PackedWeight &weight) {
  if (weight.derived == PackedWeight::Derived::ColumnSum)
    return "i32";
  switch (weight.element) {
  case PackedWeight::Element::F32:
    return "f32";
  case PackedWeight::Element::BF16:
    return "bf16";
  case PackedWeight::Element::BF16Split:
    return "bf16_split";
  case PackedWeight::Element::Int8:
    return "int8";
  case PackedWeight::Element::F16:
    return "f16";
  }
  return "";
}

static llvm::StringRef layoutName(PackedWeight::Layout layout) {
  switch (layout) {
  case PackedWeight::Layout::Panels16:
    return "panels16";
  case PackedWeight::Layout::Planes:
    return "planes";
  case PackedWeight::Layout::Rows:
    return "rows";
  }
  return "";
}

static void writeWeights(llvm::json::OStream &json, const LibraryInputs &inputs,
                         const WeightsPlace &place) {
  json.attribute("bytes", inputs.layout.size);
  json.attribute("hash", hashText(place.hash));
  json.attribute("inside", place.inside);
  if (!place.file.empty())
    json.attribute("file", place.file);
  json.attributeArray("tensors", [&] {
    for (const PackedWeight &weight : inputs.layout.weights)
      json.object([&] {
        json.attribute("name", weight.name);
        json.attribute("element", elementName(weight));
        json.attribute("layout", layoutName(weight.layout));
        json.attribute("columns", weight.columns.padded() *
                                      int64_t(weight.sources.size()));
        if (weight.layout == PackedWeight::Layout::Rows)
          json.attribute("rows", weight.rows);
        else
          json.attribute("depth", weight.layout == PackedWeight::Layout::Planes
                                      ? weight.depth.padded()
                                      : weight.panelDepth());
        if (weight.layout == PackedWeight::Layout::Planes)
          json.attribute("planes", weight.planes);
        json.attribute("layers", weight.layers);
        json.attribute("offset", weight.offset);
        json.attribute("bytes", weight.bytes());
        json.attribute("layer_stride", weight.layerStride);
      });
  });
}

static llvm::StringRef rowsOf(const OutputInfo &output) {
  switch (output.kind) {
  case BERTC_PER_TOKEN:
    return "tokens";
  case BERTC_PER_PAIR:
    return "pairs";
  default:
    return "sequences";
  }
}

llvm::Expected<std::string> bertc::writeManifest(const LibraryInputs &inputs,
                                                 const WeightsPlace &place) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/1);
  llvm::Error error = llvm::Error::success();
  json.object([&] {
    json.attribute("bertc", compilerVersion());
    json.attribute("llvm", LLVM_VERSION_STRING);
    json.attribute("abi", BERTC_ABI_VERSION);
    json.attribute("precision", precisionName(inputs.precision));
    if (inputs.precision == Precision::Int8)
      json.attribute("calibrated", !inputs.calibration.empty());
    json.attributeObject("config", [&] { writeConfig(json, inputs.config); });
    if (!inputs.tokenizer.empty())
      json.attributeObject("tokenizer", [&] {
        json.attribute("kind", "wordpiece");
        json.attribute("bytes", int64_t(inputs.tokenizer.size()));
        json.attribute("hash", hashOf(inputs.tokenizer));
      });
    json.attributeArray("inputs", [&] {
      for (llvm::StringRef name :
           {"input_ids", "attention_mask", "token_type_ids", "position_ids"})
        json.value(name);
    });
    json.attributeArray("outputs", [&] {
      for (const OutputInfo &output : inputs.outputs)
        json.object([&] {
          json.attribute("name", output.name);
          json.attribute("rows", rowsOf(output));
          json.attribute("width", output.width);
        });
    });
    json.attributeArray("variants", [&] {
      for (const VariantCode &variant : inputs.variants)
        json.object([&] {
          if (!error)
            error = writeVariant(json, variant);
        });
    });
    if (!inputs.deviceVariants.empty())
      json.attributeArray("device_variants", [&] {
        for (const DeviceVariantCode &variant : inputs.deviceVariants)
          json.object([&] { writeDeviceVariant(json, variant); });
      });
    json.attributeObject("weights", [&] { writeWeights(json, inputs, place); });
    if (inputs.training)
      json.attributeObject("training", [&] {
        writeTraining(json, *inputs.training, inputs.layout.size);
      });
    json.attributeArray("passes", [&] {
      for (const std::string &pass : inputs.passes)
        json.value(pass);
    });
  });
  if (error)
    return error;
  text += '\n';
  return text;
}

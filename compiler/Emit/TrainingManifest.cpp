//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First one part for each layer, then neighbours that are alike become one.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/TrainingManifest.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace bertc;

static constexpr llvm::StringRef labelNames[] = {"class", "multi", "number",
                                                 "token", "span"};

/// "pooler" of "bert.pooler.dense.weight".
static std::string partName(llvm::StringRef tensor) {
  tensor.consume_front("bert.");
  return tensor.split('.').first.str();
}

static void add(TrainingPart &part, const LoweredParameter &p, bool trained) {
  uint64_t elements = 1;
  for (int64_t size : p.shape)
    elements *= size;
  ++part.tensors;
  part.parameters += elements;
  part.bytes += 4 * p.packed;
  if (!trained)
    return;
  part.trainedParameters += elements;
  part.gradientBytes += llvm::alignTo(4 * p.packed, BERTC_ALIGNMENT);
}

static bool alike(const TrainingPart &a, const TrainingPart &b) {
  return a.parameters == b.parameters &&
         a.trainedParameters == b.trainedParameters &&
         a.gradientBytes == b.gradientBytes;
}

/// Layers, in their order, as ranges of such that are alike.
static void joinLayers(llvm::ArrayRef<TrainingPart> layers,
                       std::vector<TrainingPart> &parts) {
  for (size_t first = 0, end; first < layers.size(); first = end) {
    TrainingPart part = layers[first];
    for (end = first + 1;
         end < layers.size() && alike(layers[first], layers[end]); ++end) {
      part.tensors += layers[end].tensors;
      part.parameters += layers[end].parameters;
      part.bytes += layers[end].bytes;
      part.trainedParameters += layers[end].trainedParameters;
      part.gradientBytes += layers[end].gradientBytes;
    }
    part.name = "layers[" + std::to_string(first);
    if (end - first > 1)
      part.name += "-" + std::to_string(end - 1);
    part.name += "]";
    parts.push_back(std::move(part));
  }
}

std::vector<TrainingPart> bertc::trainingParts(const TrainingInputs &training) {
  std::vector<TrainingPart> before, layers, behind;
  for (const LoweredParameter &p : training.parameters) {
    bool learns = p.gradientOffset >= 0;
    if (llvm::StringRef(p.tensor).contains("{layer}")) {
      layers.resize(std::max(layers.size(), size_t(p.layers)));
      for (int64_t layer = 0; layer < p.layers; ++layer)
        add(layers[layer], p,
            learns && layer >= p.firstTrained &&
                layer < p.layers - p.lastFrozen);
      continue;
    }
    std::string name = partName(p.tensor);
    auto &parts = name == "embeddings" ? before : behind;
    auto named = [&](const TrainingPart &part) { return part.name == name; };
    auto it = llvm::find_if(parts, named);
    if (it == parts.end()) {
      it = parts.emplace(it);
      it->name = name;
    }
    add(*it, p, learns);
  }
  joinLayers(layers, before);
  llvm::append_range(before, behind);
  return before;
}

static void writeMemory(llvm::json::OStream &json, const TrainingPart &part) {
  json.attribute("tensors", int64_t(part.tensors));
  json.attribute("parameters", int64_t(part.parameters));
  json.attribute("parameter_bytes", int64_t(part.bytes));
  json.attribute("trained_parameters", int64_t(part.trainedParameters));
  json.attribute("gradient_bytes", int64_t(part.gradientBytes));
  json.attribute("optimizer_bytes", int64_t(part.optimizerBytes()));
}

void bertc::writeTraining(llvm::json::OStream &json,
                          const TrainingInputs &training,
                          uint64_t weightsBytes) {
  std::vector<TrainingPart> parts = trainingParts(training);
  TrainingPart all;
  for (const TrainingPart &part : parts) {
    all.tensors += part.tensors;
    all.parameters += part.parameters;
    all.trainedParameters += part.trainedParameters;
  }
  all.bytes = weightsBytes;
  all.gradientBytes = training.gradientsSize;
  json.attribute("labels", labelNames[training.labelKind]);
  json.attribute("num_labels", training.labelWidth);
  writeMemory(json, all);
  if (!training.frozenOutput.empty())
    json.attribute("frozen_output", training.frozenOutput);
  json.attributeArray("parts", [&] {
    for (const TrainingPart &part : parts)
      json.object([&] {
        json.attribute("name", part.name);
        writeMemory(json, part);
      });
  });
  json.attributeArray("files", [&] {
    for (const auto &[name, data] : training.files)
      json.value(name);
  });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Names are those of transformers' models with a head: what comes from the
// encoder is under "bert.".
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Training.h"
#include "compiler/Import/BertWeights.h"
#include "compiler/Import/Json.h"
#include "compiler/Import/Outputs.h"
#include "compiler/Lowering/FrozenPrefix.h"
#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace bertc;

void bertc::replaceForward(mlir::ModuleOp training,
                           mlir::OwningOpRef<mlir::ModuleOp> inference) {
  training.lookupSymbol("forward")->erase();
  mlir::Operation *train = training.lookupSymbol("train");
  for (mlir::Operation &op :
       llvm::make_early_inc_range(inference->getBody()->getOperations())) {
    auto weight = llvm::dyn_cast<mlir::enc::WeightOp>(op);
    if (!weight || !training.lookupSymbol(weight.getSymName()))
      op.moveBefore(train);
  }
}

/// As --outputs has it.
static std::string textOf(const OutputSpec &output) {
  if (output.kind == OutputSpec::HiddenState)
    return "hidden_states[" + std::to_string(output.index) + "]";
  if (output.kind == OutputSpec::Attentions)
    return "attentions[" + std::to_string(output.index) + "]";
  return output.name();
}

/// The output of inference that is called so; a pooler that is not in the
/// checkpoint is drawn by a trainer, so that inference has no output of it.
static std::optional<OutputSpec> outputCalled(llvm::StringRef name,
                                              const ModelDirectory &model) {
  if (name == "last_hidden_state")
    return OutputSpec{OutputSpec::LastHiddenState};
  int64_t index;
  if (name.consume_front("hidden_states.") && !name.getAsInteger(10, index))
    return OutputSpec{OutputSpec::HiddenState, index};
  if (name == "pooler_output" && model.hasPooler())
    return OutputSpec{OutputSpec::PoolerOutput};
  return std::nullopt;
}

llvm::Expected<std::string>
bertc::outputsOfTraining(mlir::ModuleOp training, const ModelDirectory &model,
                         const HeadSpec &head, llvm::StringRef requested) {
  auto outputs = parseOutputs(requested, model, head);
  if (!outputs)
    return outputs.takeError();
  auto add = [&](const OutputSpec &output) {
    if (!llvm::is_contained(*outputs, output))
      outputs->push_back(output);
  };
  add({OutputSpec::Logits});
  auto train = training.lookupSymbol<mlir::func::FuncOp>("train");
  for (FrozenPrefix &prefix : llvm::reverse(findFrozenPrefixes(train)))
    if (auto output = outputCalled(prefix.output, model)) {
      add(*output);
      train->setAttr(frozenOutputName,
                     mlir::StringAttr::get(train.getContext(), prefix.output));
      break;
    }
  return llvm::join(llvm::map_range(*outputs, textOf), ",");
}

static bool isOfHead(const HeadSpec &head, const ModelConfig &config,
                     llvm::StringRef symbol) {
  return llvm::any_of(headWeights(head, config), [&](const WeightSpec &spec) {
    return spec.symbol == symbol;
  });
}

bool bertc::isNewWeight(const ModelDirectory &model, const HeadSpec &head,
                        llvm::StringRef symbol) {
  if (isOfHead(head, model.config, symbol))
    return llvm::none_of(headWeights(head, model.config),
                         [&](const WeightSpec &spec) {
                           return model.weights.find(spec.tensorName());
                         });
  return symbol.starts_with("pooler_") && !model.hasPooler();
}

static uint32_t labelKind(const HeadSpec &head) {
  switch (head.kind) {
  case HeadSpec::Classify:
    return BERTC_LABEL_CLASS;
  case HeadSpec::MultiLabel:
    return BERTC_LABEL_MULTI;
  case HeadSpec::Regress:
    return BERTC_LABEL_NUMBER;
  case HeadSpec::Tag:
    return BERTC_LABEL_TOKEN;
  case HeadSpec::Answer:
    return BERTC_LABEL_SPAN;
  }
  llvm_unreachable("unknown head");
}

/// config.json as transformers writes it for a model with this head.
static llvm::Expected<std::string> configWithHead(const ModelConfig &config,
                                                  const HeadSpec &head) {
  auto document = JsonDocument::load(config.file);
  if (!document)
    return document.takeError();
  llvm::json::Object object = *(*document)->getRoot().getAsObject();
  object["architectures"] = llvm::json::Array{headArchitecture(head).str()};
  if (llvm::StringRef type = headProblemType(head); !type.empty())
    object["problem_type"] = type.str();
  else
    object.erase("problem_type");
  object.erase("num_labels");
  // Weights are saved as float32.
  for (llvm::StringRef key : {"torch_dtype", "dtype"})
    if (object.get(key))
      object[key] = "float32";
  const llvm::json::Object *names = object.getObject("id2label");
  if (!names || int64_t(names->size()) != head.labels) {
    llvm::json::Object ids, labels;
    for (int64_t i = 0; i < head.labels; ++i) {
      std::string name = "LABEL_" + std::to_string(i);
      ids[std::to_string(i)] = name;
      labels[name] = i;
    }
    object["id2label"] = std::move(ids);
    object["label2id"] = std::move(labels);
  }
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::formatv("{0:2}", llvm::json::Value(std::move(object))) << "\n";
  return text;
}

llvm::Error bertc::describeTraining(const ModelDirectory &model,
                                    const HeadSpec &head,
                                    TrainingInputs &training) {
  training.labelKind = labelKind(head);
  training.labelWidth = uint32_t(head.labels);
  for (LoweredParameter &parameter : training.parameters) {
    llvm::StringRef tensor = parameter.tensor;
    bool decays = !tensor.ends_with(".bias") && !tensor.contains("LayerNorm");
    bool isNew = isNewWeight(model, head, parameter.symbol);
    training.flags.push_back((decays ? BERTC_PARAMETER_DECAYS : 0) |
                             (isNew ? BERTC_PARAMETER_NEW : 0));
    if (!isOfHead(head, model.config, parameter.symbol))
      parameter.tensor = "bert." + parameter.tensor;
  }
  auto config = configWithHead(model.config, head);
  if (!config)
    return config.takeError();
  training.files.push_back({"config.json", std::move(*config)});
  constexpr uint64_t mostBytes = uint64_t(1) << 28;
  for (llvm::StringRef name :
       {"tokenizer.json", "tokenizer_config.json", "vocab.txt",
        "special_tokens_map.json", "added_tokens.json"}) {
    llvm::SmallString<128> path(model.encoderFolder);
    llvm::sys::path::append(path, name);
    if (!llvm::sys::fs::exists(path))
      continue;
    auto text = readTextFile(path, mostBytes);
    if (!text)
      return text.takeError();
    training.files.push_back({name.str(), std::move(*text)});
  }
  return llvm::Error::success();
}

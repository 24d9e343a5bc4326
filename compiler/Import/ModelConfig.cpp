//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and checks config.json. Every size is bounded so that no product of
// them overflows 64 bits; a field that would change the result and that is not
// implemented is an error, never ignored.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/ModelConfig.h"

#include "compiler/Import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;

llvm::StringRef bertc::activationName(Activation activation) {
  switch (activation) {
  case Activation::Gelu:
    return "gelu";
  case Activation::GeluTanh:
    return "gelu_tanh";
  case Activation::Relu:
    return "relu";
  case Activation::Silu:
    return "silu";
  case Activation::Tanh:
    return "tanh";
  }
  return "";
}

bool ModelConfig::architectureHasPooler() const {
  for (llvm::StringRef name : architectures)
    if (name.ends_with("ForMaskedLM") ||
        name.ends_with("ForQuestionAnswering") ||
        name.ends_with("ForTokenClassification"))
      return false;
  return true;
}

namespace {
/// Smallest and largest head that attention kernels are made for.
constexpr int64_t minHeadSize = 16, maxHeadSize = 128;

struct SizeField {
  llvm::StringLiteral key;
  int64_t ModelConfig::*field;
  int64_t least, most;
};
} // namespace

static constexpr SizeField sizeFields[] = {
    {"vocab_size", &ModelConfig::vocabSize, 1, 1 << 24},
    {"hidden_size", &ModelConfig::hiddenSize, minHeadSize, 1 << 15},
    {"num_hidden_layers", &ModelConfig::numHiddenLayers, 1, 1000},
    {"num_attention_heads", &ModelConfig::numAttentionHeads, 1, 2048},
    {"intermediate_size", &ModelConfig::intermediateSize, 1, 1 << 18},
    {"max_position_embeddings", &ModelConfig::maxPositionEmbeddings, 1,
     1 << 20},
    {"type_vocab_size", &ModelConfig::typeVocabSize, 1, 1 << 16},
};

/// gelu_fast is gelu_new with the constant rounded to ten digits: the same in
/// float32. gelu_10, quick_gelu, mish and others are different functions.
static llvm::Error readActivation(JsonCursor root, ModelConfig &config) {
  std::optional<JsonCursor> cursor = root.find("hidden_act");
  if (!cursor)
    return llvm::Error::success();
  llvm::Expected<llvm::StringRef> name = cursor->asString();
  if (!name)
    return name.takeError();
  static constexpr std::pair<llvm::StringLiteral, Activation> table[] = {
      {"gelu", Activation::Gelu},
      {"gelu_python", Activation::Gelu},
      {"gelu_new", Activation::GeluTanh},
      {"gelu_fast", Activation::GeluTanh},
      {"gelu_pytorch_tanh", Activation::GeluTanh},
      {"gelu_python_tanh", Activation::GeluTanh},
      {"relu", Activation::Relu},
      {"silu", Activation::Silu},
      {"swish", Activation::Silu},
      {"tanh", Activation::Tanh},
  };
  for (const auto &[known, activation] : table) {
    if (*name != known)
      continue;
    config.hiddenAct = activation;
    config.hiddenActName = name->str();
    return llvm::Error::success();
  }
  return cursor->error("unsupported activation " + quoted(*name) +
                       " for 'hidden_act', expected gelu, gelu_new, "
                       "gelu_pytorch_tanh, relu, silu or tanh");
}

/// Fields that must have one value, because nothing else is implemented.
static llvm::Error rejectUnsupported(JsonCursor root) {
  for (llvm::StringRef key :
       {"is_decoder", "add_cross_attention", "is_encoder_decoder"}) {
    std::optional<JsonCursor> cursor = root.find(key);
    if (!cursor)
      continue;
    llvm::Expected<bool> on = cursor->asBool();
    if (!on)
      return on.takeError();
    if (*on)
      return cursor->error("'" + key + "' is true, expected an encoder",
                           "decoders and cross attention are not supported");
  }
  if (std::optional<JsonCursor> cursor = root.find("position_embedding_type")) {
    llvm::Expected<llvm::StringRef> kind = cursor->asString();
    if (!kind)
      return kind.takeError();
    if (*kind != "absolute")
      return cursor->error("unsupported 'position_embedding_type', expected "
                           "'absolute', got " +
                           quoted(*kind));
  }
  if (std::optional<JsonCursor> cursor = root.find("quantization_config"))
    return cursor->error(
        "the checkpoint is quantized, expected floating-point weights",
        "use the unquantized checkpoint; bertc quantizes by --precision=int8",
        /*atKey=*/true);
  if (std::optional<JsonCursor> cursor = root.find("pruned_heads")) {
    if (llvm::Error error = cursor->expectObject())
      return error;
    if (!cursor->get().getAsObject()->empty())
      return cursor->error("pruned attention heads are not supported, expected "
                           "'pruned_heads' to be empty");
  }
  return llvm::Error::success();
}

static llvm::Error readModelType(JsonCursor root, ModelConfig &config) {
  std::optional<JsonCursor> cursor = root.find("model_type");
  if (!cursor)
    return root.error("missing key 'model_type'",
                      "add \"model_type\": \"bert\" if this is a BERT encoder");
  llvm::Expected<llvm::StringRef> type = cursor->asString();
  if (!type)
    return type.takeError();
  if (*type != "bert")
    return cursor->error("unsupported 'model_type', expected 'bert', got " +
                         quoted(*type));
  config.modelType = type->str();
  if (std::optional<JsonCursor> list = root.find("architectures")) {
    llvm::Expected<std::vector<JsonCursor>> items = list->asArray();
    if (!items)
      return items.takeError();
    for (const JsonCursor &item : *items) {
      llvm::Expected<llvm::StringRef> name = item.asString();
      if (!name)
        return name.takeError();
      config.architectures.push_back(name->str());
    }
  }
  return llvm::Error::success();
}

static llvm::Error readSizes(JsonCursor root, ModelConfig &config,
                             std::vector<Diagnostic> &notes) {
  llvm::SmallVector<llvm::StringRef> absent;
  for (const SizeField &size : sizeFields) {
    std::optional<JsonCursor> cursor =
        root.find(size.key, /*nullIsAbsent=*/false);
    if (!cursor) {
      absent.push_back(size.key);
      continue;
    }
    llvm::Expected<int64_t> value = cursor->asInteger(size.least, size.most);
    if (!value)
      return value.takeError();
    config.*size.field = *value;
  }
  if (!absent.empty()) {
    Diagnostic &note = notes.emplace_back(
        ExitCode::BadModel, root.location(),
        "no value for " + llvm::join(absent, ", ") +
            "; taking the defaults of transformers' BertConfig");
    note.severity = Severity::Note;
  }
  // Point at the heads if they are given, else at whatever is there.
  JsonCursor at = root;
  for (llvm::StringRef key : {"hidden_size", "num_attention_heads"})
    if (std::optional<JsonCursor> cursor = root.find(key))
      at = *cursor;
  int64_t hidden = config.hiddenSize, heads = config.numAttentionHeads;
  if (hidden % heads != 0)
    return at.error("'hidden_size' is not a multiple of 'num_attention_heads', "
                    "got " +
                    llvm::Twine(hidden) + " and " + llvm::Twine(heads));
  if (config.headSize() < minHeadSize || config.headSize() > maxHeadSize)
    return at.error("unsupported head size, expected hidden_size / "
                    "num_attention_heads to be " +
                    llvm::Twine(minHeadSize) + " to " +
                    llvm::Twine(maxHeadSize) + ", got " + llvm::Twine(hidden) +
                    " / " + llvm::Twine(heads) + " = " +
                    llvm::Twine(config.headSize()));
  return llvm::Error::success();
}

static llvm::Error readRate(JsonCursor root, llvm::StringRef key,
                            std::optional<double> &rate) {
  std::optional<JsonCursor> cursor = root.find(key);
  if (!cursor)
    return llvm::Error::success();
  llvm::Expected<double> value = cursor->asNumber();
  if (!value)
    return value.takeError();
  if (!(*value >= 0 && *value < 1))
    return cursor->error("'" + key +
                         "' is out of range, expected at least 0 and less "
                         "than 1, got " +
                         cursor->describeValue());
  rate = *value;
  return llvm::Error::success();
}

/// Dropout and the head, as transformers reads them.
static llvm::Error readTraining(JsonCursor root, ModelConfig &config) {
  std::optional<double> hidden, attention;
  if (llvm::Error error = readRate(root, "hidden_dropout_prob", hidden))
    return error;
  if (llvm::Error error =
          readRate(root, "attention_probs_dropout_prob", attention))
    return error;
  if (llvm::Error error =
          readRate(root, "classifier_dropout", config.classifierDropout))
    return error;
  config.hiddenDropout = hidden.value_or(config.hiddenDropout);
  config.attentionDropout = attention.value_or(config.attentionDropout);
  if (std::optional<JsonCursor> cursor = root.find("initializer_range")) {
    llvm::Expected<double> range = cursor->asNumber();
    if (!range)
      return range.takeError();
    if (!(*range > 0 && *range <= 1))
      return cursor->error("'initializer_range' is out of range, expected more "
                           "than 0 and at most 1, got " +
                           cursor->describeValue());
    config.initializerRange = *range;
  }
  constexpr int64_t mostLabels = 1 << 20;
  if (std::optional<JsonCursor> cursor = root.find("id2label")) {
    if (llvm::Error error = cursor->expectObject())
      return error;
    config.numLabels = cursor->get().getAsObject()->size();
    if (config.numLabels < 1 || config.numLabels > mostLabels)
      return cursor->error("expected 1 to " + llvm::Twine(mostLabels) +
                           " labels in 'id2label', got " +
                           llvm::Twine(config.numLabels));
  } else if (std::optional<JsonCursor> cursor = root.find("num_labels")) {
    llvm::Expected<int64_t> labels = cursor->asInteger(1, mostLabels);
    if (!labels)
      return labels.takeError();
    config.numLabels = *labels;
  }
  if (std::optional<JsonCursor> cursor = root.find("problem_type")) {
    llvm::Expected<llvm::StringRef> type = cursor->asString();
    if (!type)
      return type.takeError();
    static constexpr llvm::StringRef known[] = {"regression",
                                                "single_label_classification",
                                                "multi_label_classification"};
    if (!llvm::is_contained(known, *type))
      return cursor->error("unknown 'problem_type' " + quoted(*type) +
                           ", expected one of " +
                           llvm::join(llvm::ArrayRef(known), ", "));
    config.problemType = type->str();
  }
  return llvm::Error::success();
}

llvm::Expected<ModelConfig>
bertc::loadModelConfig(llvm::StringRef path, std::vector<Diagnostic> &notes) {
  llvm::Expected<std::unique_ptr<JsonDocument>> document =
      JsonDocument::load(path, uint64_t(1) << 24);
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  if (llvm::Error error = root.expectObject())
    return std::move(error);

  ModelConfig config;
  config.file = path.str();
  if (llvm::Error error = readModelType(root, config))
    return std::move(error);
  if (llvm::Error error = rejectUnsupported(root))
    return std::move(error);
  if (llvm::Error error = readSizes(root, config, notes))
    return std::move(error);
  if (llvm::Error error = readActivation(root, config))
    return std::move(error);

  if (std::optional<JsonCursor> cursor = root.find("layer_norm_eps")) {
    llvm::Expected<double> epsilon = cursor->asNumber();
    if (!epsilon)
      return epsilon.takeError();
    if (*epsilon <= 0 || *epsilon > 1)
      return cursor->error("'layer_norm_eps' is out of range, expected more "
                           "than 0 and at most 1, got " +
                           cursor->describeValue());
    config.layerNormEps = *epsilon;
  }
  if (std::optional<JsonCursor> cursor = root.find("pad_token_id")) {
    llvm::Expected<int64_t> id = cursor->asInteger(0, config.vocabSize - 1);
    if (!id)
      return id.takeError();
    config.padTokenId = *id;
  }
  if (llvm::Error error = llvm::handleErrors(
          readTraining(root, config), [&](const ModelError &problem) {
            config.trainingProblem = problem.getDiagnostic();
          }))
    return std::move(error);
  return config;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// problem_type decides between the losses of a classification head; without it,
// one label means a regression, as in transformers.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Heads.h"

#include "llvm/ADT/STLExtras.h"

using namespace bertc;

namespace {
struct Name {
  llvm::StringLiteral name;
  HeadSpec::Kind kind;
  bool counted; ///< Followed by ":N".
};
} // namespace

static constexpr Name names[] = {
    {"classify", HeadSpec::Classify, true},
    {"multilabel", HeadSpec::MultiLabel, true},
    {"regress", HeadSpec::Regress, false},
    {"tag", HeadSpec::Tag, true},
    {"answer", HeadSpec::Answer, false},
};
static constexpr llvm::StringLiteral examples =
    "write classify:3, multilabel:5, regress, tag:9 or answer";

static llvm::Expected<HeadSpec> headOf(const ModelDirectory &model) {
  const ModelConfig &config = model.config;
  for (llvm::StringRef name : config.architectures) {
    if (name.ends_with("ForSequenceClassification")) {
      HeadSpec::Kind kind = HeadSpec::Classify;
      if (config.problemType == "regression" ||
          (config.problemType.empty() && config.numLabels == 1))
        kind = HeadSpec::Regress;
      else if (config.problemType == "multi_label_classification")
        kind = HeadSpec::MultiLabel;
      return HeadSpec{kind, config.numLabels};
    }
    if (name.ends_with("ForTokenClassification"))
      return HeadSpec{HeadSpec::Tag, config.numLabels};
    if (name.ends_with("ForQuestionAnswering"))
      return HeadSpec{HeadSpec::Answer, 2};
  }
  return makeError(ExitCode::BadModel, config.file,
                   "the model has no head to train, its 'architectures' name "
                   "an encoder",
                   "add --head: " + examples);
}

llvm::Expected<HeadSpec> bertc::parseHead(llvm::StringRef text,
                                          const ModelDirectory &model) {
  if (model.config.trainingProblem)
    return makeError(*model.config.trainingProblem);
  if (text.empty())
    return headOf(model);
  auto [word, count] = text.split(':');
  const Name *name = llvm::find_if(
      names, [&, word = word](const Name &each) { return each.name == word; });
  if (name == std::end(names)) {
    llvm::SmallVector<llvm::StringRef> known;
    for (const Name &each : names)
      known.push_back(each.name);
    std::string help = suggestion(word, known);
    return makeUsageError("unknown head " + quoted(word) + " for --head",
                          help.empty() ? examples.str() : help);
  }
  if (!name->counted) {
    if (!text.contains(':'))
      return HeadSpec{name->kind, name->kind == HeadSpec::Answer ? 2 : 1};
    return makeUsageError(
        "--head=" + word + " takes no number, got " + quoted(text), examples);
  }
  int64_t labels = 0;
  int64_t least = name->kind == HeadSpec::MultiLabel ? 1 : 2;
  if (count.getAsInteger(10, labels) || labels < least || labels > 1 << 20)
    return makeUsageError(
        "expected " + llvm::Twine(least) + " to " + llvm::Twine(1 << 20) +
            " labels for --head=" + word + ", got " + quoted(count),
        examples);
  return HeadSpec{name->kind, labels};
}

std::optional<HeadSpec> bertc::findHead(const ModelDirectory &model) {
  if (model.config.trainingProblem)
    return std::nullopt;
  auto head = headOf(model);
  if (!head) {
    llvm::consumeError(head.takeError());
    return std::nullopt;
  }
  if (head->hasPooler() && !model.hasPooler())
    return std::nullopt;
  for (const WeightSpec &spec : headWeights(*head, model.config))
    if (model.weights.hasWeights() && !model.weights.find(spec.tensorName()))
      return std::nullopt;
  return *head;
}

llvm::Error bertc::verifyHead(const ModelDirectory &model,
                              const HeadSpec &head) {
  const TensorInfo *present = nullptr;
  std::string missing;
  for (const WeightSpec &spec : headWeights(head, model.config)) {
    const TensorInfo *tensor = model.weights.find(spec.tensorName());
    if (!tensor) {
      missing = spec.tensorName();
      continue;
    }
    present = tensor;
    if (llvm::ArrayRef<int64_t>(tensor->shape) !=
        llvm::ArrayRef<int64_t>(spec.shape))
      return makeError(Diagnostic(
          ExitCode::BadModel, tensor->file->locate(*tensor, "shape"),
          "tensor " + quoted(tensor->name) +
              " has the wrong shape for the head, expected " +
              formatShape(spec.shape) + ", got " + formatShape(tensor->shape),
          "the head of a checkpoint keeps its number of labels; remove its "
          "tensors to train a new one"));
    if (!tensor->type.isFloat())
      return makeError(Diagnostic(ExitCode::BadModel,
                                  tensor->file->locate(*tensor, "dtype"),
                                  "tensor " + quoted(tensor->name) +
                                      " has an unsupported dtype, expected "
                                      "F32, F16, BF16 or F64, got " +
                                      tensor->type.name.str()));
  }
  if (present && !missing.empty())
    return makeError(
        Diagnostic(ExitCode::BadModel, present->file->locate(*present),
                   "half of a head: tensor " + quoted(present->name) +
                       " is there, " + quoted(missing) + " is missing",
                   "remove it to train a new head"));
  return llvm::Error::success();
}

llvm::StringRef bertc::headArchitecture(const HeadSpec &head) {
  switch (head.kind) {
  case HeadSpec::Classify:
  case HeadSpec::MultiLabel:
  case HeadSpec::Regress:
    return "BertForSequenceClassification";
  case HeadSpec::Tag:
    return "BertForTokenClassification";
  case HeadSpec::Answer:
    return "BertForQuestionAnswering";
  }
  llvm_unreachable("unknown head");
}

llvm::StringRef bertc::headProblemType(const HeadSpec &head) {
  switch (head.kind) {
  case HeadSpec::Classify:
    return "single_label_classification";
  case HeadSpec::MultiLabel:
    return "multi_label_classification";
  case HeadSpec::Regress:
    return "regression";
  default:
    return "";
  }
}

std::vector<WeightSpec> bertc::headWeights(const HeadSpec &head,
                                           const ModelConfig &config) {
  std::vector<WeightSpec> weights(2);
  bool answer = head.kind == HeadSpec::Answer;
  weights[0].symbol = answer ? "qa_outputs_weight" : "classifier_weight";
  weights[0].tensor = answer ? "qa_outputs.weight" : "classifier.weight";
  weights[0].shape = {head.labels, config.hiddenSize};
  weights[1].symbol = answer ? "qa_outputs_bias" : "classifier_bias";
  weights[1].tensor = answer ? "qa_outputs.bias" : "classifier.bias";
  weights[1].shape = {head.labels};
  return weights;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Splits the list at commas outside of brackets. An output given twice is an
// error rather than dropped, so that results can be counted from the list. A
// list that is wrong for any model is bad usage; one that only this model
// cannot serve, for want of a pooler or of modules.json, is a bad model.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Outputs.h"

#include "runtime/abi/abi.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;

std::string OutputSpec::name() const {
  switch (kind) {
  case LastHiddenState:
    return "last_hidden_state";
  case PoolerOutput:
    return "pooler_output";
  case HiddenState:
    return "hidden_states." + std::to_string(index);
  case Attentions:
    return "attentions." + std::to_string(index);
  case SentenceEmbedding:
    return "sentence_embedding";
  case Logits:
    return "logits";
  }
  return "";
}

std::vector<OutputSpec>
bertc::defaultOutputs(const ModelDirectory &model,
                      const std::optional<HeadSpec> &head) {
  std::vector<OutputSpec> outputs{{OutputSpec::LastHiddenState}};
  if (model.hasPooler())
    outputs.push_back({OutputSpec::PoolerOutput});
  if (model.sentence.available())
    outputs.push_back({OutputSpec::SentenceEmbedding});
  if (head && model.weights.hasWeights())
    outputs.push_back({OutputSpec::Logits});
  return outputs;
}

namespace {
class OutputParser {
public:
  OutputParser(llvm::StringRef text, const ModelDirectory &model,
               const std::optional<HeadSpec> &head)
      : text(text), model(model), head(head) {}
  llvm::Error run();
  std::vector<OutputSpec> outputs;

private:
  llvm::Error fail(llvm::StringRef at, const llvm::Twine &message,
                   const llvm::Twine &help = "",
                   ExitCode category = ExitCode::Usage) {
    return makeError(Diagnostic(
        category, locationAt("--outputs", text, at.data() - text.data()),
        message.str(), help.str()));
  }
  llvm::Error item(llvm::StringRef piece);
  /// Numbers of `kind`, 0 to `last`.
  llvm::Error numbered(llvm::StringRef piece, llvm::StringRef list,
                       OutputSpec::Kind kind, int64_t last);
  llvm::Error sentenceEmbedding(llvm::StringRef piece);
  llvm::Error add(llvm::StringRef piece, OutputSpec output);

  llvm::StringRef text;
  const ModelDirectory &model;
  const std::optional<HeadSpec> &head;
};
} // namespace

llvm::Error OutputParser::add(llvm::StringRef piece, OutputSpec output) {
  if (llvm::is_contained(outputs, output))
    return fail(piece, "output " + quoted(output.name()) + " is given twice");
  if (outputs.size() == BERTC_MAX_OUTPUTS)
    return fail(piece, "too many outputs, expected at most " +
                           llvm::Twine(BERTC_MAX_OUTPUTS));
  outputs.push_back(output);
  return llvm::Error::success();
}

llvm::Error OutputParser::numbered(llvm::StringRef piece, llvm::StringRef list,
                                   OutputSpec::Kind kind, int64_t last) {
  if (list.trim() == "all") {
    for (int64_t i = 0; i <= last; ++i)
      if (llvm::Error error = add(piece, {kind, i}))
        return error;
    return llvm::Error::success();
  }
  bool ofStates = kind == OutputSpec::HiddenState;
  llvm::SmallVector<llvm::StringRef> numbers;
  list.split(numbers, ',');
  for (llvm::StringRef number : numbers) {
    number = number.trim();
    int64_t index = 0;
    if (number.empty() || number.getAsInteger(10, index) || index < 0 ||
        index > last)
      return fail(number,
                  llvm::Twine("expected 'all' or a ") +
                      (ofStates ? "hidden state" : "layer") + " from 0 to " +
                      llvm::Twine(last) + ", got " + quoted(number),
                  ofStates ? "0 is the embeddings, " + llvm::Twine(last) +
                                 " the output of the last layer"
                           : llvm::Twine("0 is the first layer"));
    if (llvm::Error error = add(number, {kind, index}))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error OutputParser::sentenceEmbedding(llvm::StringRef piece) {
  if (!model.sentence.present)
    return fail(piece,
                "'sentence_embedding' is not defined, " + model.directory +
                    " has no modules.json",
                "a sentence-transformers model says there how to pool",
                ExitCode::BadModel);
  if (model.sentence.unsupported) {
    Diagnostic diagnostic = *model.sentence.unsupported;
    diagnostic.message =
        "cannot compute 'sentence_embedding': " + diagnostic.message;
    return makeError(std::move(diagnostic));
  }
  return add(piece, {OutputSpec::SentenceEmbedding});
}

llvm::Error OutputParser::item(llvm::StringRef piece) {
  llvm::StringRef name = piece.take_until([](char c) { return c == '['; });
  llvm::StringRef list = piece.drop_front(name.size());
  bool bracketed = list.consume_front("[");
  if (bracketed && !list.consume_back("]"))
    return fail(piece, "expected ']' at the end of " + quoted(piece));
  name = name.rtrim();

  bool states = name == "hidden_states";
  if (states || name == "attentions") {
    if (!bracketed)
      return fail(piece,
                  llvm::Twine("expected the numbers of the ") +
                      (states ? "hidden states" : "layers"),
                  "write " + name + "[all] or, for example, " + name + "[0,6]");
    int64_t layers = model.config.numHiddenLayers;
    return numbered(piece, list,
                    states ? OutputSpec::HiddenState : OutputSpec::Attentions,
                    states ? layers : layers - 1);
  }
  if (name == "loss")
    return fail(piece, "output 'loss' is of training only",
                "compile with --train");
  static constexpr llvm::StringRef known[] = {
      "last_hidden_state", "pooler_output",      "hidden_states",
      "attentions",        "sentence_embedding", "logits"};
  if (!llvm::is_contained(known, name)) {
    std::string help = suggestion(name, known);
    return fail(piece,
                "unknown output " + quoted(name) +
                    ", expected last_hidden_state, pooler_output, "
                    "hidden_states[...], attentions[...], sentence_embedding "
                    "or logits",
                help);
  }
  if (bracketed)
    return fail(piece, "output " + quoted(name) + " takes no list");
  if (name == "last_hidden_state")
    return add(piece, {OutputSpec::LastHiddenState});
  if (name == "sentence_embedding")
    return sentenceEmbedding(piece);
  if (name == "logits") {
    if (head)
      return add(piece, {OutputSpec::Logits});
    return fail(piece, "'logits' are not there, the model has no head",
                "'architectures' of " + model.config.file +
                    " names none, or its tensors are missing",
                ExitCode::BadModel);
  }
  if (!model.hasPooler())
    return fail(piece, "'pooler_output' is not there, the model has no pooler",
                "the checkpoint has no tensor 'pooler.dense.weight'",
                ExitCode::BadModel);
  return add(piece, {OutputSpec::PoolerOutput});
}

llvm::Error OutputParser::run() {
  size_t start = 0;
  bool inside = false;
  for (size_t i = 0; i <= text.size(); ++i) {
    char c = i < text.size() ? text[i] : ',';
    if (c == '[')
      inside = true;
    else if (c == ']')
      inside = false;
    if (i < text.size() && (c != ',' || inside))
      continue;
    llvm::StringRef piece = text.slice(start, i).trim();
    if (piece.empty())
      return fail(text.substr(start, 0), "expected the name of an output");
    if (llvm::Error error = item(piece))
      return error;
    start = i + 1;
  }
  return llvm::Error::success();
}

llvm::Expected<std::vector<OutputSpec>>
bertc::parseOutputs(llvm::StringRef text, const ModelDirectory &model,
                    const std::optional<HeadSpec> &head) {
  if (text.empty())
    return defaultOutputs(model, head);
  OutputParser parser(text, model, head);
  if (llvm::Error error = parser.run())
    return std::move(error);
  return std::move(parser.outputs);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `bertc tokenize`: the tokens of each text. Offsets are bytes of the text.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Tokenize.h"
#include "tools/bertc/Commands.h"
#include "tools/bertc/Texts.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::tool;

namespace {

struct Flags {
  std::string model, pair;
  TextSource source;
  uint32_t maxTokens = 0;
  bool json = false, noSpecial = false, noTruncation = false;
};

} // namespace

llvm::Expected<Tokens> tool::tokenize(const Model &model, llvm::StringRef text,
                                      std::optional<llvm::StringRef> pair,
                                      uint32_t maxTokens, uint32_t flags) {
  bertc_tokenize_options options = BERTC_INIT(bertc_tokenize_options);
  options.max_tokens = maxTokens;
  options.flags = flags;
  bertc_encoding encoding = BERTC_INIT(bertc_encoding);
  bertc_status status;
  Tokens tokens;
  // Once to count, once to fill.
  for (int pass = 0; pass < 2; ++pass) {
    if (model.api().tokenize(model.handle(), text.data(), text.size(),
                             pair ? pair->data() : nullptr,
                             pair ? pair->size() : 0, &options, &encoding,
                             &status) != BERTC_OK)
      return tool::makeError(status, model.path());
    size_t count = encoding.count;
    if (count == 0)
      break;
    tokens.ids.resize(count);
    tokens.types.resize(count);
    tokens.begin.resize(count);
    tokens.end.resize(count);
    tokens.special.resize(count);
    encoding.capacity = count;
    encoding.ids = tokens.ids.data();
    encoding.type_ids = tokens.types.data();
    encoding.begin = tokens.begin.data();
    encoding.end = tokens.end.data();
    encoding.special = tokens.special.data();
  }
  tokens.dropped = encoding.dropped;
  return tokens;
}

llvm::Error tool::expectTokenizer(const Model &model) {
  if (model.info().has_tokenizer)
    return llvm::Error::success();
  return bertc::makeError(ExitCode::Usage, model.path(),
                          "the model has no tokenizer",
                          "compile a directory that has vocab.txt or "
                          "tokenizer.json");
}

static std::string tokenText(const Model &model, int32_t id) {
  const char *text = nullptr;
  size_t length = 0;
  if (model.api().token_text(model.handle(), id, &text, &length, nullptr) !=
      BERTC_OK)
    return "?";
  return std::string(text, length);
}

static void printJson(const Model &model, const Tokens &tokens) {
  llvm::json::Array names, offsets;
  for (auto [i, id] : llvm::enumerate(tokens.ids)) {
    names.push_back(llvm::json::fixUTF8(tokenText(model, id)));
    offsets.push_back(llvm::json::Array{tokens.begin[i], tokens.end[i]});
  }
  llvm::json::Array special;
  for (uint8_t flag : tokens.special)
    special.push_back(int(flag));
  llvm::outs() << llvm::json::Value(llvm::json::Object{
                      {"tokens", std::move(names)},
                      {"ids", llvm::json::Array(tokens.ids)},
                      {"type_ids", llvm::json::Array(tokens.types)},
                      {"offsets", std::move(offsets)},
                      {"special", std::move(special)},
                      {"dropped", int64_t(tokens.dropped)}})
               << "\n";
}

/// One token a line: id, offsets, token.
static void printTable(const Model &model, const Tokens &tokens) {
  for (auto [i, id] : llvm::enumerate(tokens.ids)) {
    llvm::outs() << id << '\t';
    if (tokens.special[i])
      llvm::outs() << "-\t";
    else
      llvm::outs() << tokens.begin[i] << ':' << tokens.end[i] << '\t';
    llvm::outs() << tokenText(model, id) << '\n';
  }
}

static llvm::Expected<ExitCode> run(const Flags &flags) {
  auto texts = readTexts(flags.source);
  if (!texts)
    return texts.takeError();
  auto model = Model::open(flags.model);
  if (!model)
    return model.takeError();
  if (llvm::Error error = expectTokenizer(*model))
    return error;
  uint32_t options = (flags.noSpecial ? BERTC_TOKENIZE_NO_SPECIAL : 0) |
                     (flags.noTruncation ? BERTC_TOKENIZE_NO_TRUNCATION : 0);
  std::optional<llvm::StringRef> pair;
  if (!flags.pair.empty())
    pair = flags.pair;
  for (auto [i, text] : llvm::enumerate(*texts)) {
    auto tokens = tokenize(*model, text, pair, flags.maxTokens, options);
    if (!tokens)
      return tokens.takeError();
    if (tokens->dropped > 0)
      llvm::errs() << "warning: text " << i + 1 << " is too long, its last "
                   << tokens->dropped << " tokens were cut off\n";
    if (flags.json)
      printJson(*model, *tokens);
    else
      printTable(*model, *tokens);
    if (!flags.json && i + 1 < texts->size())
      llvm::outs() << "\n";
  }
  return ExitCode::Success;
}

void tool::addTokenize(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("tokenize", "print tokens, ids and offsets of texts");
  auto flags = std::make_shared<Flags>();
  command->add_option("model", flags->model, "compiled model")->required();
  command->add_option("texts", flags->source.texts,
                      "texts, or - for standard input, one a line");
  command->add_option("--file", flags->source.file, "texts, one a line");
  command->add_option("--pair", flags->pair, "second text of a pair");
  command
      ->add_option("--max-tokens", flags->maxTokens,
                   "cut texts to so many tokens")
      ->check(CLI::PositiveNumber);
  command->add_flag("--no-special", flags->noSpecial,
                    "without [CLS], [SEP] and the like");
  command->add_flag("--no-truncation", flags->noTruncation, "keep every token");
  command->add_flag("--json", flags->json, "one JSON object a text");
  command->callback(
      [flags, &action] { action = [flags] { return run(*flags); }; });
}

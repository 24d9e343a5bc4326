//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Choosing the file, and the checks that hold for every tokenizer.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Tokenizer.h"

#include "compiler/Import/TokenizerFiles.h"
#include "compiler/Import/TokenizerUnicode.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace bertc;

namespace {

/// Longer added tokens would make matching them slow, and none exist.
constexpr size_t maxAddedBytes = 1024;

std::string pathOf(llvm::StringRef directory, llvm::StringRef name) {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, name);
  return path.str().str();
}

/// That each added token can be told from the others once it is normalized.
llvm::Error checkAdded(const TokenizerData &data) {
  llvm::StringMap<llvm::StringRef> patterns[2];
  for (const AddedToken &token : data.added) {
    std::string pattern =
        token.normalized
            ? UnicodeTables::get().normalize(token.content, data.options())
            : token.content;
    auto fail = [&](const llvm::Twine &message) {
      return makeError(ExitCode::BadModel, data.file,
                       "added token " + quoted(token.content) + message);
    };
    if (pattern.empty())
      return fail(" is empty after normalization");
    if (pattern.size() > maxAddedBytes)
      return fail(" is too long, expected at most " +
                  llvm::Twine(maxAddedBytes) + " bytes, got " +
                  llvm::Twine(pattern.size()));
    auto [at, isNew] =
        patterns[token.normalized].try_emplace(pattern, token.content);
    if (!isNew)
      return fail(" looks the same as " + quoted(at->second) +
                  " after normalization");
  }
  return llvm::Error::success();
}

} // namespace

bool bertc::hasTokenizer(llvm::StringRef directory) {
  return llvm::sys::fs::exists(pathOf(directory, "tokenizer.json")) ||
         llvm::sys::fs::exists(pathOf(directory, "vocab.txt"));
}

llvm::Error bertc::addToken(TokenizerData &data, TokenIds &ids,
                            AddedToken token, std::optional<uint32_t> id,
                            SourceLocation location) {
  uint32_t next = data.tokens.size();
  auto [at, isNew] = ids.try_emplace(token.content, next);
  token.id = at->second;
  if (id && *id != token.id) {
    std::string message = "token " + quoted(token.content) + " has id " +
                          std::to_string(*id) + ", expected " +
                          std::to_string(token.id) +
                          (isNew ? ", the next free one" : " as before");
    return makeError(
        Diagnostic(ExitCode::BadModel, std::move(location), std::move(message),
                   "ids of added tokens follow the vocabulary without gaps"));
  }
  if (isNew)
    data.tokens.push_back(token.content);
  for (AddedToken &other : data.added)
    if (other.content == token.content) {
      other = std::move(token);
      return llvm::Error::success();
    }
  data.added.push_back(std::move(token));
  return llvm::Error::success();
}

void bertc::setBertTemplates(TokenizerData &data) {
  using Piece = TemplatePiece;
  data.single = {{Piece::Token, data.clsId, 0},
                 {Piece::First, 0, 0},
                 {Piece::Token, data.sepId, 0}};
  data.pair = data.single;
  data.pair.push_back({Piece::Second, 0, 1});
  data.pair.push_back({Piece::Token, data.sepId, 1});
}

llvm::Expected<TokenizerData>
bertc::loadTokenizer(llvm::StringRef directory,
                     std::vector<Diagnostic> &notes) {
  std::string json = pathOf(directory, "tokenizer.json");
  std::string vocabulary = pathOf(directory, "vocab.txt");
  bool hasJson = llvm::sys::fs::exists(json);
  if (!hasJson && !llvm::sys::fs::exists(vocabulary))
    return makeError(
        ExitCode::BadModel, directory,
        "expected a tokenizer, found neither 'tokenizer.json' nor 'vocab.txt'",
        "copy the tokenizer's files into the directory");
  llvm::Expected<TokenizerConfig> config = loadTokenizerConfig(directory);
  if (!config)
    return config.takeError();

  TokenIds ids;
  llvm::Expected<TokenizerData> data =
      hasJson ? readTokenizerJson(json, *config, ids)
              : readVocabulary(vocabulary, *config, ids);
  if (!data)
    return data;
  data->modelMaxLength = config->modelMaxLength;
  if (llvm::Error error = checkAdded(*data))
    return std::move(error);

  auto optional = [&](const std::optional<Located<AddedToken>> &named,
                      llvm::StringRef usual, std::optional<uint32_t> &id) {
    auto at = ids.find(named ? llvm::StringRef(named->value.content) : usual);
    if (at != ids.end()) {
      id = at->second;
      return;
    }
    if (!named)
      return;
    Diagnostic &note = notes.emplace_back(
        ExitCode::BadModel, named->location,
        "token " + quoted(named->value.content) +
            " is not in the vocabulary, so the model has none");
    note.severity = Severity::Warning;
  };
  optional(config->pad, "[PAD]", data->padId);
  optional(config->mask, "[MASK]", data->maskId);
  return data;
}

llvm::Error bertc::checkTokenizer(TokenizerData &tokenizer,
                                  const ModelConfig &config) {
  auto fail = [&](const llvm::Twine &message, const llvm::Twine &help) {
    return makeError(ExitCode::BadModel, tokenizer.file, message, help);
  };
  uint64_t count = tokenizer.tokens.size();
  if (count > static_cast<uint64_t>(config.vocabSize))
    return fail("the vocabulary has " + llvm::Twine(count) +
                    " tokens, expected at most " +
                    llvm::Twine(config.vocabSize) + ", the 'vocab_size' of " +
                    quoted(config.file),
                "the tokenizer and the weights belong to different models, or "
                "tokens were added without resizing the embeddings");
  size_t specials = 0;
  for (const TemplatePiece &piece : tokenizer.pair)
    specials += piece.kind == TemplatePiece::Token;
  for (const TemplatePiece &piece : tokenizer.single)
    if (piece.typeId >= config.typeVocabSize)
      return fail("token type " + llvm::Twine(piece.typeId) +
                      " is used for a text, expected less than " +
                      llvm::Twine(config.typeVocabSize) +
                      ", the 'type_vocab_size' of " + quoted(config.file),
                  "");
  uint64_t positions = config.maxPositionEmbeddings;
  if (tokenizer.modelMaxLength == 0 || tokenizer.modelMaxLength > positions)
    tokenizer.modelMaxLength = positions;
  if (tokenizer.modelMaxLength < specials)
    return fail("the special tokens need " + llvm::Twine(specials) +
                    " positions, but texts are limited to " +
                    llvm::Twine(tokenizer.modelMaxLength),
                "raise 'model_max_length' in tokenizer_config.json");
  return llvm::Error::success();
}

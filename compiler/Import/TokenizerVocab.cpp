//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// vocab.txt: a token on each line, its id the number of the line. White space
// at the end of a line is dropped, as the tokenizers package does; a line that
// is empty then keeps its id, but no text gives it.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerFiles.h"
#include "compiler/Import/TokenizerUnicode.h"

#include "llvm/Support/ConvertUTF.h"

using namespace bertc;

namespace {

constexpr uint64_t maxVocabularyBytes = uint64_t(1) << 28;

/// Classes of transformers that tokenize as BertTokenizer does.
constexpr llvm::StringRef bertClasses[] = {
    "BertTokenizer",
    "BertTokenizerFast",
    "ConvBertTokenizer",
    "ConvBertTokenizerFast",
    "DistilBertTokenizer",
    "DistilBertTokenizerFast",
    "DPRContextEncoderTokenizer",
    "DPRContextEncoderTokenizerFast",
    "DPRQuestionEncoderTokenizer",
    "DPRQuestionEncoderTokenizerFast",
    "ElectraTokenizer",
    "ElectraTokenizerFast",
    "LayoutLMTokenizer",
    "LayoutLMTokenizerFast",
    "MobileBertTokenizer",
    "MobileBertTokenizerFast",
    "PreTrainedTokenizerFast",
    "RetriBertTokenizer",
    "SqueezeBertTokenizer",
    "SqueezeBertTokenizerFast",
    "TokenizersBackend",
};

llvm::StringRef trimEnd(llvm::StringRef line) {
  const UnicodeTables &unicode = UnicodeTables::get();
  while (!line.empty()) {
    size_t start = line.size() - 1;
    while (start > 0 && (line[start] & 0xc0) == 0x80)
      --start;
    const auto *at = line.bytes_begin() + start;
    llvm::UTF32 code = 0;
    if (llvm::convertUTF8Sequence(&at, line.bytes_end(), &code,
                                  llvm::strictConversion) !=
            llvm::conversionOK ||
        !(unicode.record(code).flags & BERTC_CHAR_SPACE))
      break;
    line = line.take_front(start);
  }
  return line;
}

llvm::Error readLines(llvm::StringRef path, llvm::StringRef text,
                      TokenizerData &data, TokenIds &ids) {
  std::vector<size_t> starts;
  llvm::StringRef rest = text;
  while (!rest.empty()) {
    auto [line, after] = rest.split('\n');
    starts.push_back(line.data() - text.data());
    data.tokens.push_back(trimEnd(line).str());
    rest = after;
    llvm::StringRef token = data.tokens.back();
    if (token.empty())
      continue;
    auto [at, isNew] = ids.try_emplace(token, data.tokens.size() - 1);
    if (isNew)
      continue;
    Diagnostic diagnostic(
        ExitCode::BadModel, locationAt(path, text, starts.back()),
        "token " + quoted(token) + " is in the vocabulary twice, with ids " +
            std::to_string(at->second) + " and " +
            std::to_string(data.tokens.size() - 1),
        "give every token one line");
    diagnostic.notes
        .emplace_back(ExitCode::BadModel,
                      locationAt(path, text, starts[at->second]),
                      "the first is here")
        .severity = Severity::Note;
    return makeError(std::move(diagnostic));
  }
  while (!data.tokens.empty() && data.tokens.back().empty())
    data.tokens.pop_back();
  if (data.tokens.empty())
    return makeError(ExitCode::BadModel, path,
                     "expected a token on each line, got an empty file");
  data.vocabularySize = data.tokens.size();
  return llvm::Error::success();
}

} // namespace

llvm::Expected<TokenizerData>
bertc::readVocabulary(llvm::StringRef path, const TokenizerConfig &config,
                      TokenIds &ids) {
  if (config.tokenizerClass &&
      !llvm::is_contained(bertClasses, config.tokenizerClass->value))
    return makeError(Diagnostic(
        ExitCode::BadModel, config.tokenizerClass->location,
        "'tokenizer_class': expected 'BertTokenizer' or one that works alike, "
        "got " +
            quoted(config.tokenizerClass->value),
        onlyBert.str()));

  TokenizerData data;
  data.file = path.str();
  llvm::Expected<std::string> text = readTextFile(path, maxVocabularyBytes);
  if (!text)
    return text.takeError();
  if (llvm::Error error = readLines(path, *text, data, ids))
    return std::move(error);

  auto get = [](const std::optional<Located<bool>> &value, bool otherwise) {
    return value ? value->value : otherwise;
  };
  data.lowercase = get(config.doLowerCase, true);
  data.stripAccents = get(config.stripAccents, data.lowercase);
  data.handleChineseChars = get(config.tokenizeChineseChars, true);

  for (const Located<AddedToken> &token : config.withId)
    if (llvm::Error error =
            addToken(data, ids, token.value, token.value.id, token.location))
      return std::move(error);

  struct Special {
    const std::optional<Located<AddedToken>> &named;
    llvm::StringRef usual;
    uint32_t *id; ///< Null if the model can do without it.
  };
  const Special specials[] = {{config.unk, "[UNK]", &data.unkId},
                              {config.sep, "[SEP]", &data.sepId},
                              {config.pad, "[PAD]", nullptr},
                              {config.cls, "[CLS]", &data.clsId},
                              {config.mask, "[MASK]", nullptr}};
  for (const Special &special : specials) {
    AddedToken token;
    token.content = special.usual.str();
    token.special = true;
    SourceLocation location;
    location.file = path.str();
    if (special.named) {
      token = special.named->value;
      location = special.named->location;
    }
    auto at = ids.find(token.content);
    if (at == ids.end()) {
      if (!special.id)
        continue;
      return makeError(
          Diagnostic(ExitCode::BadModel, location,
                     "the vocabulary lacks the token " + quoted(token.content),
                     "add it to " + quoted(path) +
                         ", or name another in tokenizer_config.json"));
    }
    if (special.id)
      *special.id = at->second;
    if (llvm::none_of(data.added, [&](const AddedToken &other) {
          return other.content == token.content;
        }))
      if (llvm::Error error =
              addToken(data, ids, token, std::nullopt, location))
        return std::move(error);
  }
  for (const Located<AddedToken> &token : config.additional)
    if (llvm::none_of(data.added, [&](const AddedToken &other) {
          return other.content == token.value.content;
        }))
      if (llvm::Error error =
              addToken(data, ids, token.value, std::nullopt, token.location))
        return std::move(error);
  setBertTemplates(data);
  return data;
}

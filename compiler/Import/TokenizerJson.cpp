//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tokenizer.json: the parts of the tokenizers package's format that BERT uses.
// Every other component is refused by name. "truncation" and "padding" are
// settings of the last user, not of the tokenizer, and are ignored.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerFiles.h"

#include "llvm/ADT/STLExtras.h"

using namespace bertc;

namespace {

struct JsonReader {
  const JsonDocument &document;
  TokenizerData &data;
  TokenIds &ids;

  llvm::Error read(const TokenizerConfig &config);
  llvm::Error readModel(const JsonCursor &model);
  llvm::Error readVocabulary(const JsonCursor &vocabulary);
  llvm::Error readNormalizer(const JsonCursor &root,
                             const TokenizerConfig &config);
  llvm::Error readPreTokenizer(const JsonCursor &root);
  llvm::Error readAdded(const JsonCursor &root);
};

llvm::Error readOption(const JsonCursor &object, llvm::StringRef key,
                       bool &option) {
  std::optional<JsonCursor> cursor = object.find(key);
  if (!cursor)
    return llvm::Error::success();
  llvm::Expected<bool> value = cursor->asBool();
  if (!value)
    return value.takeError();
  option = *value;
  return llvm::Error::success();
}

llvm::Error JsonReader::readModel(const JsonCursor &model) {
  if (llvm::Error error = model.expectObject())
    return error;
  // Old files have no type; a vocabulary without merges is then WordPiece's.
  llvm::StringRef type;
  if (model.find("type") || model.find("merges"))
    if (llvm::Error error = expectComponent(model, {"WordPiece"}, type))
      return error;
  if (std::optional<JsonCursor> prefix =
          model.find("continuing_subword_prefix")) {
    llvm::Expected<llvm::StringRef> text = prefix->asString();
    if (!text)
      return text.takeError();
    data.continuingPrefix = text->str();
  }
  if (std::optional<JsonCursor> limit =
          model.find("max_input_chars_per_word")) {
    llvm::Expected<int64_t> value = limit->asInteger(0, INT32_MAX);
    if (!value)
      return value.takeError();
    data.maxInputCharsPerWord = *value;
  }
  llvm::Expected<JsonCursor> vocabulary = model.member("vocab");
  if (!vocabulary)
    return vocabulary.takeError();
  if (llvm::Error error = readVocabulary(*vocabulary))
    return error;

  std::string unknown = "[UNK]";
  std::optional<JsonCursor> named = model.find("unk_token");
  if (named) {
    llvm::Expected<llvm::StringRef> text = named->asString();
    if (!text)
      return text.takeError();
    unknown = text->str();
  }
  auto at = ids.find(unknown);
  if (at == ids.end())
    return (named ? *named : *vocabulary)
        .error("the vocabulary lacks the token " + quoted(unknown) +
                   ", which unknown words become",
               "add it to 'model.vocab'");
  data.unkId = at->second;
  return llvm::Error::success();
}

llvm::Error JsonReader::readVocabulary(const JsonCursor &vocabulary) {
  if (llvm::Error error = vocabulary.expectObject())
    return error;
  const llvm::json::Object &object = *vocabulary.get().getAsObject();
  auto entry = [&](llvm::StringRef token) {
    return *vocabulary.find(token, /*nullIsAbsent=*/false);
  };
  std::vector<std::pair<uint32_t, llvm::StringRef>> byId;
  for (const auto &member : object) {
    std::optional<int64_t> id = member.second.getAsInteger();
    if (!id || *id < 0 || *id >= INT32_MAX)
      return entry(member.first).asInteger(0, INT32_MAX - 1).takeError();
    byId.emplace_back(*id, member.first);
  }
  if (byId.empty())
    return vocabulary.error("'model.vocab': expected tokens, got none");
  llvm::sort(byId);
  for (auto [index, item] : llvm::enumerate(byId)) {
    auto [id, token] = item;
    if (index > 0 && id == byId[index - 1].first)
      return entry(token).error("tokens " + quoted(byId[index - 1].second) +
                                    " and " + quoted(token) +
                                    " have the same id, " + llvm::Twine(id),
                                "give every token its own id");
    if (id != index)
      return entry(token).error("no token has id " + llvm::Twine(index) +
                                    ", expected ids without gaps, got " +
                                    llvm::Twine(id) + " next",
                                "number the tokens from 0");
    ids[token] = id;
    data.tokens.push_back(token.str());
  }
  data.vocabularySize = data.tokens.size();
  return llvm::Error::success();
}

llvm::Error JsonReader::readNormalizer(const JsonCursor &root,
                                       const TokenizerConfig &config) {
  data.cleanText = data.handleChineseChars = data.stripAccents =
      data.lowercase = false;
  std::optional<JsonCursor> found = root.find("normalizer");
  if (!found)
    return llvm::Error::success();
  llvm::Expected<JsonCursor> normalizer = unwrapSequence(*found, "normalizers");
  if (!normalizer)
    return normalizer.takeError();
  llvm::StringRef type;
  if (llvm::Error error =
          expectComponent(*normalizer, {"BertNormalizer"}, type))
    return error;
  data.cleanText = data.handleChineseChars = data.lowercase = true;
  if (llvm::Error error = readOption(*normalizer, "clean_text", data.cleanText))
    return error;
  if (llvm::Error error = readOption(*normalizer, "handle_chinese_chars",
                                     data.handleChineseChars))
    return error;
  if (llvm::Error error = readOption(*normalizer, "lowercase", data.lowercase))
    return error;
  data.stripAccents = data.lowercase;
  if (llvm::Error error =
          readOption(*normalizer, "strip_accents", data.stripAccents))
    return error;

  // transformers follows tokenizer_config.json, the tokenizers package this
  // file: when they differ, there is no right answer.
  auto agree = [&](const std::optional<Located<bool>> &other,
                   llvm::StringRef key, llvm::StringRef here,
                   bool value) -> llvm::Error {
    if (!other || other->value == value)
      return llvm::Error::success();
    auto text = [](bool flag) { return flag ? "true" : "false"; };
    Diagnostic diagnostic(ExitCode::BadModel, other->location,
                          llvm::Twine("'" + key + "' is " + text(other->value) +
                                      ", but '" + here + "' is " + text(value) +
                                      " in tokenizer.json")
                              .str(),
                          "make the two files agree");
    std::optional<JsonCursor> option = normalizer->find(here);
    diagnostic.notes
        .emplace_back(ExitCode::BadModel,
                      option ? option->location() : normalizer->location(),
                      "the other value is here")
        .severity = Severity::Note;
    return makeError(std::move(diagnostic));
  };
  if (llvm::Error error = agree(config.doLowerCase, "do_lower_case",
                                "lowercase", data.lowercase))
    return error;
  if (llvm::Error error = agree(config.stripAccents, "strip_accents",
                                "strip_accents", data.stripAccents))
    return error;
  return agree(config.tokenizeChineseChars, "tokenize_chinese_chars",
               "handle_chinese_chars", data.handleChineseChars);
}

llvm::Error JsonReader::readPreTokenizer(const JsonCursor &root) {
  llvm::Expected<JsonCursor> member = root.member("pre_tokenizer");
  if (!member)
    return member.takeError();
  llvm::Expected<JsonCursor> component =
      unwrapSequence(*member, "pretokenizers");
  if (!component)
    return component.takeError();
  llvm::StringRef type;
  return expectComponent(*component, {"BertPreTokenizer"}, type);
}

llvm::Error JsonReader::readAdded(const JsonCursor &root) {
  std::optional<JsonCursor> list = root.find("added_tokens");
  if (!list)
    return llvm::Error::success();
  llvm::Expected<std::vector<JsonCursor>> items = list->asArray();
  if (!items)
    return items.takeError();
  for (const JsonCursor &item : *items) {
    AddedToken token;
    llvm::Expected<JsonCursor> content = item.member("content");
    if (!content)
      return content.takeError();
    llvm::Expected<llvm::StringRef> text = content->asString();
    if (!text)
      return text.takeError();
    token.content = text->str();
    if (token.content.empty())
      return content->error(content->describePath() +
                            ": expected a token, got an empty string");
    llvm::Expected<JsonCursor> idMember = item.member("id");
    if (!idMember)
      return idMember.takeError();
    llvm::Expected<int64_t> id = idMember->asInteger(0, INT32_MAX - 1);
    if (!id)
      return id.takeError();
    if (llvm::Error error = readTokenFlags(item, token))
      return error;
    if (llvm::Error error =
            addToken(data, ids, token, *id, idMember->location()))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error JsonReader::read(const TokenizerConfig &config) {
  JsonCursor root = document.cursor();
  if (llvm::Error error = root.expectObject())
    return error;
  if (std::optional<JsonCursor> version = root.find("version"))
    if (version->get().getAsString() != "1.0")
      return version->error("'version': expected the string '1.0', got " +
                            version->describeValue());
  llvm::Expected<JsonCursor> model = root.member("model");
  if (!model)
    return model.takeError();
  if (llvm::Error error = readModel(*model))
    return error;
  if (llvm::Error error = readNormalizer(root, config))
    return error;
  if (llvm::Error error = readPreTokenizer(root))
    return error;
  if (llvm::Error error = readAdded(root))
    return error;
  return readTemplates(root, data);
}

} // namespace

llvm::Expected<TokenizerData>
bertc::readTokenizerJson(llvm::StringRef path, const TokenizerConfig &config,
                         TokenIds &ids) {
  llvm::Expected<std::unique_ptr<JsonDocument>> document =
      JsonDocument::load(path);
  if (!document)
    return document.takeError();
  TokenizerData data;
  data.file = path.str();
  JsonReader reader{**document, data, ids};
  if (llvm::Error error = reader.read(config))
    return std::move(error);
  return data;
}

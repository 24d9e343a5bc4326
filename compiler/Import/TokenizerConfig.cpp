//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where two files name the same thing, tokenizer_config.json wins: it is the
// newer format, and transformers writes the others from it.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerConfig.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <tuple>

using namespace bertc;

namespace {

constexpr int64_t maxTokenId = INT32_MAX - 1;

/// The document `name` in `directory`; null if there is no such file.
llvm::Expected<std::unique_ptr<JsonDocument>> open(llvm::StringRef directory,
                                                   llvm::StringRef name) {
  llvm::SmallString<256> path(directory);
  llvm::sys::path::append(path, name);
  if (!llvm::sys::fs::exists(path))
    return nullptr;
  auto document = JsonDocument::load(path);
  if (document)
    if (llvm::Error error = (*document)->cursor().expectObject())
      return std::move(error);
  return document;
}

llvm::Error readBool(const JsonCursor &root, llvm::StringRef key,
                     std::optional<Located<bool>> &result) {
  std::optional<JsonCursor> cursor = root.find(key);
  if (!cursor)
    return llvm::Error::success();
  llvm::Expected<bool> value = cursor->asBool();
  if (!value)
    return value.takeError();
  result = Located<bool>{*value, cursor->location(/*atKey=*/true)};
  return llvm::Error::success();
}

/// A special token: its content, or an object with content and flags.
llvm::Expected<Located<AddedToken>> readToken(const JsonCursor &cursor) {
  Located<AddedToken> token;
  token.location = cursor.location();
  token.value.special = true;
  JsonCursor content = cursor;
  if (cursor.get().getAsObject()) {
    llvm::Expected<JsonCursor> member = cursor.member("content");
    if (!member)
      return member.takeError();
    content = *member;
    if (llvm::Error error = readTokenFlags(cursor, token.value))
      return std::move(error);
  }
  llvm::Expected<llvm::StringRef> text = content.asString();
  if (!text)
    return text.takeError();
  if (text->empty())
    return content.error("expected a token in " + content.describePath() +
                         ", got an empty string");
  token.value.content = text->str();
  return token;
}

llvm::Error readSpecialTokens(const JsonCursor &root, TokenizerConfig &config) {
  std::pair<llvm::StringRef, std::optional<Located<AddedToken>> *> slots[] = {
      {"unk_token", &config.unk},
      {"cls_token", &config.cls},
      {"sep_token", &config.sep},
      {"pad_token", &config.pad},
      {"mask_token", &config.mask}};
  for (auto [key, slot] : slots) {
    std::optional<JsonCursor> cursor = root.find(key);
    if (!cursor || *slot)
      continue;
    llvm::Expected<Located<AddedToken>> token = readToken(*cursor);
    if (!token)
      return token.takeError();
    *slot = std::move(*token);
  }
  for (llvm::StringRef key :
       {"additional_special_tokens", "extra_special_tokens"}) {
    std::optional<JsonCursor> cursor = root.find(key);
    if (!cursor || !cursor->get().getAsArray())
      continue;
    llvm::Expected<std::vector<JsonCursor>> items = cursor->asArray();
    if (!items)
      return items.takeError();
    for (const JsonCursor &item : *items) {
      llvm::Expected<Located<AddedToken>> token = readToken(item);
      if (!token)
        return token.takeError();
      config.additional.push_back(std::move(*token));
    }
  }
  return llvm::Error::success();
}

/// "added_tokens_decoder": id, as a string -> token.
llvm::Error readDecoder(const JsonCursor &root, TokenizerConfig &config) {
  std::optional<JsonCursor> decoder = root.find("added_tokens_decoder");
  if (!decoder)
    return llvm::Error::success();
  if (llvm::Error error = decoder->expectObject())
    return error;
  for (const auto &member : *decoder->get().getAsObject()) {
    JsonCursor cursor = *decoder->find(member.first, /*nullIsAbsent=*/false);
    uint32_t id = 0;
    llvm::StringRef key = member.first;
    if (key.getAsInteger(10, id) || id > maxTokenId)
      return cursor.error("expected a token id, got " + quoted(key), "",
                          /*atKey=*/true);
    llvm::Expected<Located<AddedToken>> token = readToken(cursor);
    if (!token)
      return token.takeError();
    token->value.id = id;
    config.withId.push_back(std::move(*token));
  }
  return llvm::Error::success();
}

/// added_tokens.json: content -> id.
llvm::Error readAddedTokens(const JsonCursor &root, TokenizerConfig &config) {
  for (const auto &member : *root.get().getAsObject()) {
    JsonCursor cursor = *root.find(member.first, /*nullIsAbsent=*/false);
    llvm::Expected<int64_t> id = cursor.asInteger(0, maxTokenId);
    if (!id)
      return id.takeError();
    Located<AddedToken> token;
    token.location = cursor.location(/*atKey=*/true);
    token.value.content = llvm::StringRef(member.first).str();
    token.value.id = *id;
    token.value.normalized = true;
    if (token.value.content.empty())
      return cursor.error("expected a token, got an empty string", "", true);
    if (llvm::none_of(config.withId, [&](const Located<AddedToken> &other) {
          return other.value.content == token.value.content;
        }))
      config.withId.push_back(std::move(token));
  }
  return llvm::Error::success();
}

/// "model_max_length"; transformers writes 1e30 for "no limit".
llvm::Error readMaxLength(const JsonCursor &root, TokenizerConfig &config) {
  std::optional<JsonCursor> cursor = root.find("model_max_length");
  if (!cursor)
    return llvm::Error::success();
  llvm::Expected<double> value = cursor->asNumber();
  if (!value)
    return value.takeError();
  if (*value < 1 || *value != std::floor(*value))
    return cursor->error(cursor->describePath() +
                         ": expected a positive integer, got " +
                         cursor->describeValue());
  config.modelMaxLength =
      *value > INT32_MAX ? 0 : static_cast<uint32_t>(*value);
  return llvm::Error::success();
}

} // namespace

llvm::Error bertc::readTokenFlags(const JsonCursor &object, AddedToken &token) {
  auto read = [&](llvm::StringRef key, bool &flag) -> llvm::Error {
    std::optional<Located<bool>> value;
    if (llvm::Error error = readBool(object, key, value))
      return error;
    if (value)
      flag = value->value;
    return llvm::Error::success();
  };
  if (llvm::Error error = read("special", token.special))
    return error;
  token.normalized = !token.special;
  if (llvm::Error error = read("normalized", token.normalized))
    return error;
  if (llvm::Error error = read("single_word", token.singleWord))
    return error;
  if (llvm::Error error = read("lstrip", token.lstrip))
    return error;
  return read("rstrip", token.rstrip);
}

llvm::Expected<TokenizerConfig>
bertc::loadTokenizerConfig(llvm::StringRef directory) {
  TokenizerConfig config;
  auto main = open(directory, "tokenizer_config.json");
  if (!main)
    return main.takeError();
  if (*main) {
    JsonCursor root = (*main)->cursor();
    if (std::optional<JsonCursor> name = root.find("tokenizer_class")) {
      llvm::Expected<llvm::StringRef> text = name->asString();
      if (!text)
        return text.takeError();
      config.tokenizerClass =
          Located<std::string>{text->str(), name->location()};
    }
    if (llvm::Error error = readBool(root, "do_lower_case", config.doLowerCase))
      return std::move(error);
    if (llvm::Error error =
            readBool(root, "strip_accents", config.stripAccents))
      return std::move(error);
    if (llvm::Error error = readBool(root, "tokenize_chinese_chars",
                                     config.tokenizeChineseChars))
      return std::move(error);
    if (llvm::Error error = readMaxLength(root, config))
      return std::move(error);
    if (llvm::Error error = readSpecialTokens(root, config))
      return std::move(error);
    if (llvm::Error error = readDecoder(root, config))
      return std::move(error);
  }
  auto map = open(directory, "special_tokens_map.json");
  if (!map)
    return map.takeError();
  if (*map)
    if (llvm::Error error = readSpecialTokens((*map)->cursor(), config))
      return std::move(error);
  auto added = open(directory, "added_tokens.json");
  if (!added)
    return added.takeError();
  if (*added)
    if (llvm::Error error = readAddedTokens((*added)->cursor(), config))
      return std::move(error);
  llvm::sort(config.withId,
             [](const Located<AddedToken> &a, const Located<AddedToken> &b) {
               return std::tie(a.value.id, a.value.content) <
                      std::tie(b.value.id, b.value.content);
             });
  return config;
}

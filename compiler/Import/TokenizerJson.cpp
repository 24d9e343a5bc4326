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

constexpr llvm::StringLiteral onlyBert =
    "only WordPiece tokenizers of the BERT family can be compiled";

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
  llvm::Error readTemplates(const JsonCursor &root);
  llvm::Error readTemplate(const JsonCursor &processor, llvm::StringRef key,
                           std::vector<TemplatePiece> &pieces);
  llvm::Error readSpecial(const JsonCursor &processor, const JsonCursor &item,
                          std::vector<TemplatePiece> &pieces);
  llvm::Error readBertProcessing(const JsonCursor &processor);
  llvm::Error expectType(const JsonCursor &component,
                         llvm::ArrayRef<llvm::StringRef> known,
                         llvm::StringRef &type);
  llvm::Expected<JsonCursor> unwrap(const JsonCursor &component,
                                    llvm::StringRef list);
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

/// Reads the "type" of a component, which must be one of `known`.
llvm::Error JsonReader::expectType(const JsonCursor &component,
                                   llvm::ArrayRef<llvm::StringRef> known,
                                   llvm::StringRef &type) {
  llvm::Expected<JsonCursor> member = component.member("type");
  if (!member)
    return member.takeError();
  llvm::Expected<llvm::StringRef> text = member->asString();
  if (!text)
    return text.takeError();
  type = *text;
  if (llvm::is_contained(known, type))
    return llvm::Error::success();
  std::string list;
  for (llvm::StringRef name : known)
    list += (list.empty() ? "" : " or ") + quoted(name);
  return member->error(member->describePath() + ": expected " + list +
                           ", got " + quoted(type),
                       onlyBert);
}

/// The single component of a "Sequence", or the component itself.
llvm::Expected<JsonCursor> JsonReader::unwrap(const JsonCursor &component,
                                              llvm::StringRef list) {
  std::optional<JsonCursor> type = component.find("type");
  if (!type || type->get().getAsString() != "Sequence")
    return component;
  llvm::Expected<JsonCursor> member = component.member(list);
  if (!member)
    return member.takeError();
  llvm::Expected<std::vector<JsonCursor>> items = member->asArray();
  if (!items)
    return items.takeError();
  if (items->size() != 1)
    return member->error(member->describePath() + ": expected 1 item, got " +
                             llvm::Twine(items->size()),
                         onlyBert);
  return items->front();
}

llvm::Error JsonReader::readModel(const JsonCursor &model) {
  if (llvm::Error error = model.expectObject())
    return error;
  // Old files have no type; a vocabulary without merges is then WordPiece's.
  llvm::StringRef type;
  if (model.find("type") || model.find("merges"))
    if (llvm::Error error = expectType(model, {"WordPiece"}, type))
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
  llvm::Expected<JsonCursor> normalizer = unwrap(*found, "normalizers");
  if (!normalizer)
    return normalizer.takeError();
  llvm::StringRef type;
  if (llvm::Error error = expectType(*normalizer, {"BertNormalizer"}, type))
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
  llvm::Expected<JsonCursor> component = unwrap(*member, "pretokenizers");
  if (!component)
    return component.takeError();
  llvm::StringRef type;
  return expectType(*component, {"BertPreTokenizer"}, type);
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

/// A special token of a template, which may stand for several ids.
llvm::Error JsonReader::readSpecial(const JsonCursor &processor,
                                    const JsonCursor &item,
                                    std::vector<TemplatePiece> &pieces) {
  llvm::Expected<JsonCursor> name = item.member("id");
  if (!name)
    return name.takeError();
  llvm::Expected<llvm::StringRef> text = name->asString();
  if (!text)
    return text.takeError();
  llvm::Expected<JsonCursor> type = item.member("type_id");
  if (!type)
    return type.takeError();
  llvm::Expected<int64_t> typeId = type->asInteger(0, INT32_MAX);
  if (!typeId)
    return typeId.takeError();
  llvm::Expected<JsonCursor> table = processor.member("special_tokens");
  if (!table)
    return table.takeError();
  llvm::Expected<JsonCursor> special = table->member(*text);
  if (!special)
    return special.takeError();
  llvm::Expected<JsonCursor> list = special->member("ids");
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<JsonCursor>> items = list->asArray();
  if (!items)
    return items.takeError();
  for (const JsonCursor &cursor : *items) {
    llvm::Expected<int64_t> id = cursor.asInteger(0, data.tokens.size() - 1);
    if (!id)
      return id.takeError();
    pieces.push_back({TemplatePiece::Token, static_cast<uint32_t>(*id),
                      static_cast<uint32_t>(*typeId)});
  }
  return llvm::Error::success();
}

llvm::Error JsonReader::readTemplate(const JsonCursor &processor,
                                     llvm::StringRef key,
                                     std::vector<TemplatePiece> &pieces) {
  llvm::Expected<JsonCursor> list = processor.member(key);
  if (!list)
    return list.takeError();
  llvm::Expected<std::vector<JsonCursor>> items = list->asArray();
  if (!items)
    return items.takeError();
  for (const JsonCursor &item : *items) {
    if (std::optional<JsonCursor> special = item.find("SpecialToken")) {
      if (llvm::Error error = readSpecial(processor, *special, pieces))
        return error;
      continue;
    }
    llvm::Expected<JsonCursor> sequence = item.member("Sequence");
    if (!sequence)
      return sequence.takeError();
    llvm::Expected<JsonCursor> name = sequence->member("id");
    if (!name)
      return name.takeError();
    llvm::Expected<llvm::StringRef> text = name->asString();
    if (!text)
      return text.takeError();
    if (*text != "A" && *text != "B")
      return name->error(name->describePath() + ": expected 'A' or 'B', got " +
                         quoted(*text));
    llvm::Expected<JsonCursor> type = sequence->member("type_id");
    if (!type)
      return type.takeError();
    llvm::Expected<int64_t> typeId = type->asInteger(0, INT32_MAX);
    if (!typeId)
      return typeId.takeError();
    pieces.push_back(
        {*text == "A" ? TemplatePiece::First : TemplatePiece::Second, 0,
         static_cast<uint32_t>(*typeId)});
  }
  auto times = [&](TemplatePiece::Kind kind) {
    return llvm::count_if(
        pieces, [&](const TemplatePiece &piece) { return piece.kind == kind; });
  };
  bool isPair = key == "pair";
  if (times(TemplatePiece::First) != 1 ||
      times(TemplatePiece::Second) != isPair)
    return list->error(
        list->describePath() + ": expected " +
            (isPair ? "the sequences 'A' and 'B'" : "the sequence 'A'") +
            ", once each",
        onlyBert);
  return llvm::Error::success();
}

llvm::Error JsonReader::readBertProcessing(const JsonCursor &processor) {
  std::pair<llvm::StringRef, uint32_t *> slots[] = {{"cls", &data.clsId},
                                                    {"sep", &data.sepId}};
  for (auto [key, slot] : slots) {
    llvm::Expected<JsonCursor> member = processor.member(key);
    if (!member)
      return member.takeError();
    llvm::Expected<std::vector<JsonCursor>> items = member->asArray();
    if (!items)
      return items.takeError();
    if (items->size() != 2)
      return member->error(member->describePath() +
                           ": expected a token and its id, got " +
                           llvm::Twine(items->size()) + " items");
    llvm::Expected<int64_t> id =
        (*items)[1].asInteger(0, data.tokens.size() - 1);
    if (!id)
      return id.takeError();
    *slot = *id;
  }
  setBertTemplates(data);
  return llvm::Error::success();
}

llvm::Error JsonReader::readTemplates(const JsonCursor &root) {
  llvm::Expected<JsonCursor> member = root.member("post_processor");
  if (!member)
    return member.takeError();
  llvm::Expected<JsonCursor> processor = unwrap(*member, "processors");
  if (!processor)
    return processor.takeError();
  llvm::StringRef type;
  if (llvm::Error error = expectType(
          *processor, {"TemplateProcessing", "BertProcessing"}, type))
    return error;
  if (type == "BertProcessing")
    return readBertProcessing(*processor);
  if (llvm::Error error = readTemplate(*processor, "single", data.single))
    return error;
  if (llvm::Error error = readTemplate(*processor, "pair", data.pair))
    return error;
  if (data.single.front().kind != TemplatePiece::Token ||
      data.single.back().kind != TemplatePiece::Token)
    return processor->member("single")->error(
        "'post_processor.single': expected special tokens around the text, "
        "such as [CLS] and [SEP]",
        onlyBert);
  data.clsId = data.single.front().id;
  data.sepId = data.single.back().id;
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
  return readTemplates(root);
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

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// "post_processor" of tokenizer.json, the special tokens around texts, and the
// handling of "type" that all components share.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerFiles.h"

#include "llvm/ADT/STLExtras.h"

using namespace bertc;

/// Reads the "type" of a component, which must be one of `known`.
llvm::Error bertc::expectComponent(const JsonCursor &component,
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
llvm::Expected<JsonCursor> bertc::unwrapSequence(const JsonCursor &component,
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

namespace {

struct TemplateReader {
  TokenizerData &data;

  llvm::Error readTemplate(const JsonCursor &processor, llvm::StringRef key,
                           std::vector<TemplatePiece> &pieces);
  llvm::Error readSpecial(const JsonCursor &processor, const JsonCursor &item,
                          std::vector<TemplatePiece> &pieces);
  llvm::Error readBertProcessing(const JsonCursor &processor);
};

/// A special token of a template, which may stand for several ids.
llvm::Error TemplateReader::readSpecial(const JsonCursor &processor,
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

llvm::Error TemplateReader::readTemplate(const JsonCursor &processor,
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

llvm::Error TemplateReader::readBertProcessing(const JsonCursor &processor) {
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

} // namespace

llvm::Error bertc::readTemplates(const JsonCursor &root, TokenizerData &data) {
  llvm::Expected<JsonCursor> member = root.member("post_processor");
  if (!member)
    return member.takeError();
  llvm::Expected<JsonCursor> processor = unwrapSequence(*member, "processors");
  if (!processor)
    return processor.takeError();
  llvm::StringRef type;
  if (llvm::Error error = expectComponent(
          *processor, {"TemplateProcessing", "BertProcessing"}, type))
    return error;
  TemplateReader reader{data};
  if (type == "BertProcessing")
    return reader.readBertProcessing(*processor);
  if (llvm::Error error =
          reader.readTemplate(*processor, "single", data.single))
    return error;
  if (llvm::Error error = reader.readTemplate(*processor, "pair", data.pair))
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

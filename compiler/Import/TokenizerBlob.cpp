//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TokenizerData to the bytes of runtime/abi/text.h: a header, then sections
// in the order of the header, each at a multiple of 8.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Tokenizer.h"
#include "compiler/Import/TokenizerTrie.h"
#include "compiler/Import/TokenizerUnicode.h"

using namespace bertc;

namespace {

struct BlobWriter {
  std::string bytes = std::string(sizeof(bertc_text_header), '\0');

  template <typename T> bertc_text_section add(llvm::ArrayRef<T> elements) {
    bytes.resize((bytes.size() + 7) / 8 * 8, '\0');
    bertc_text_section section;
    section.offset = bytes.size();
    section.count = elements.size();
    bytes.append(reinterpret_cast<const char *>(elements.data()),
                 elements.size() * sizeof(T));
    return section;
  }
  template <typename T> bertc_text_section add(const std::vector<T> &elements) {
    return add(llvm::ArrayRef(elements));
  }
};

std::vector<bertc_text_piece>
templateOf(const std::vector<TemplatePiece> &pieces) {
  std::vector<bertc_text_piece> result;
  for (const TemplatePiece &piece : pieces)
    result.push_back(
        {static_cast<uint32_t>(piece.kind), piece.id, piece.typeId});
  return result;
}

uint32_t flagsOf(const AddedToken &token) {
  return (token.special ? BERTC_TOKEN_SPECIAL : 0) |
         (token.singleWord ? BERTC_TOKEN_SINGLE_WORD : 0) |
         (token.lstrip ? BERTC_TOKEN_LSTRIP : 0) |
         (token.rstrip ? BERTC_TOKEN_RSTRIP : 0);
}

} // namespace

uint32_t TokenizerData::options() const {
  return (cleanText ? BERTC_TEXT_CLEAN : 0) |
         (handleChineseChars ? BERTC_TEXT_SPLIT_CJK : 0) |
         (stripAccents ? BERTC_TEXT_STRIP_ACCENTS : 0) |
         (lowercase ? BERTC_TEXT_LOWERCASE : 0);
}

std::string bertc::serializeTokenizer(const TokenizerData &tokenizer) {
  const UnicodeTables &unicode = UnicodeTables::get();
  bertc_text_header header = {};
  header.magic = BERTC_TEXT_MAGIC;
  header.version = BERTC_TEXT_VERSION;
  header.header_size = sizeof(header);
  header.options = tokenizer.options();
  header.token_count = tokenizer.tokens.size();
  header.max_word_chars = tokenizer.maxInputCharsPerWord;
  header.max_tokens = tokenizer.modelMaxLength;
  header.pad_id = tokenizer.padId.value_or(BERTC_TEXT_NONE);
  header.unk_id = tokenizer.unkId;
  header.cls_id = tokenizer.clsId;
  header.sep_id = tokenizer.sepId;
  header.mask_id = tokenizer.maskId.value_or(BERTC_TEXT_NONE);

  std::string text;
  std::vector<uint32_t> ends{0};
  for (const std::string &token : tokenizer.tokens) {
    text += token;
    ends.push_back(text.size());
  }
  std::vector<TrieEntry> words;
  for (uint32_t id = 0; id < tokenizer.vocabularySize; ++id)
    if (!tokenizer.tokens[id].empty())
      words.push_back({tokenizer.tokens[id], id});
  std::vector<bertc_text_unit> wordTrie = buildTrie(std::move(words));
  header.continuation = findNode(wordTrie, tokenizer.continuingPrefix);

  std::vector<std::string> contents;
  std::vector<bertc_text_added> added;
  for (const AddedToken &token : tokenizer.added) {
    contents.push_back(
        token.normalized ? unicode.normalize(token.content, tokenizer.options())
                         : token.content);
    added.push_back({token.id, flagsOf(token)});
  }
  std::vector<TrieEntry> raw;
  std::vector<TrieEntry> normalized;
  for (auto [index, token] : llvm::enumerate(tokenizer.added))
    (token.normalized ? normalized : raw)
        .push_back({contents[index], static_cast<uint32_t>(index)});

  BlobWriter writer;
  header.strings = writer.add(ends);
  header.bytes = writer.add(llvm::ArrayRef(text.data(), text.size()));
  header.words = writer.add(wordTrie);
  header.raw = writer.add(buildTrie(std::move(raw)));
  header.normalized = writer.add(buildTrie(std::move(normalized)));
  header.added = writer.add(added);
  header.single = writer.add(templateOf(tokenizer.single));
  header.pair = writer.add(templateOf(tokenizer.pair));
  header.pages = writer.add(unicode.pages);
  header.blocks = writer.add(unicode.blocks);
  header.records = writer.add(unicode.records);
  header.points = writer.add(unicode.points);
  header.blob_size = writer.bytes.size();
  memcpy(writer.bytes.data(), &header, sizeof(header));
  return std::move(writer.bytes);
}

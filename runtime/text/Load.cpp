//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading a blob checks sizes and places, a few hundred nanoseconds whatever
// the vocabulary; entries are checked where they are read (Lookup.h), except
// the templates, which are short.
//
//===----------------------------------------------------------------------===//
#include "runtime/text/Tokenizer.h"

namespace bertc::rt {

namespace {

struct Loader {
  const uint8_t *blob;
  const bertc_text_header *header;
  bool good;

  /// The elements of a section, at least `least` of them.
  template <typename T>
  const T *get(const bertc_text_section &section, uint64_t least) {
    uint64_t end = section.offset + uint64_t(section.count) * sizeof(T);
    if (section.offset % 8 != 0 || section.offset < sizeof(*header) ||
        end > header->blob_size || section.count < least) {
      good = false;
      return nullptr;
    }
    return reinterpret_cast<const T *>(blob + section.offset);
  }

  /// A trie; an empty section is one without a root.
  Trie trie(const bertc_text_section &section) {
    return {get<bertc_text_unit>(section, 0), section.count};
  }
};

/// Whether each text comes once, and tokens exist.
bool checkTemplate(const bertc_text_header &header,
                   const bertc_text_piece *pieces, uint32_t count,
                   uint32_t texts) {
  uint32_t seen = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (pieces[i].kind == BERTC_TEMPLATE_TOKEN) {
      if (pieces[i].id >= header.token_count)
        return false;
      continue;
    }
    uint32_t bit = 1u << (pieces[i].kind & 31);
    if (pieces[i].kind > BERTC_TEMPLATE_SECOND || (seen & bit))
      return false;
    seen |= bit;
  }
  return seen == texts;
}

} // namespace

TextStatus loadTokenizer(const void *blob, size_t size, Tokenizer *tokenizer,
                         const char **reason) {
  const char *ignored;
  if (!reason)
    reason = &ignored;
  auto corrupt = [&](const char *why) {
    *reason = why;
    return TextStatus::Corrupt;
  };
  const auto *header = static_cast<const bertc_text_header *>(blob);
  if (!blob || reinterpret_cast<uintptr_t>(blob) % 8 != 0)
    return corrupt("the tokenizer is not aligned to 8 bytes");
  if (size < sizeof(*header) || header->magic != BERTC_TEXT_MAGIC)
    return corrupt("the bytes are not a tokenizer");
  if (header->version != BERTC_TEXT_VERSION ||
      header->header_size != sizeof(*header))
    return corrupt("the tokenizer was made by another version");
  if (header->blob_size != size)
    return corrupt("the tokenizer is cut short");

  Loader loader{static_cast<const uint8_t *>(blob), header, true};
  const bertc_text_header &h = *header;
  Tokenizer loaded;
  loaded.header = header;
  loaded.strings = loader.get<uint32_t>(h.strings, uint64_t(h.token_count) + 1);
  loaded.bytes = loader.get<uint8_t>(h.bytes, 0);
  loaded.words = loader.trie(h.words);
  loaded.raw = loader.trie(h.raw);
  loaded.normalized = loader.trie(h.normalized);
  loaded.added = loader.get<bertc_text_added>(h.added, 0);
  loaded.single = loader.get<bertc_text_piece>(h.single, 1);
  loaded.pair = loader.get<bertc_text_piece>(h.pair, 2);
  loaded.pages = loader.get<uint16_t>(h.pages, BERTC_TEXT_PAGES);
  loaded.blocks = loader.get<uint16_t>(h.blocks, BERTC_TEXT_BLOCK);
  loaded.records = loader.get<bertc_text_record>(h.records, 1);
  loaded.points = loader.get<uint32_t>(h.points, 0);
  if (!loader.good)
    return corrupt("a table of the tokenizer is out of place");

  uint32_t first = 1u << BERTC_TEMPLATE_FIRST;
  uint32_t second = 1u << BERTC_TEMPLATE_SECOND;
  if (!checkTemplate(h, loaded.single, h.single.count, first) ||
      !checkTemplate(h, loaded.pair, h.pair.count, first | second))
    return corrupt("a template of the tokenizer is wrong");
  auto exists = [&](uint32_t id) { return id < h.token_count; };
  auto optional = [&](uint32_t id) {
    return id == BERTC_TEXT_NONE || exists(id);
  };
  if (!exists(h.unk_id) || !exists(h.cls_id) || !exists(h.sep_id) ||
      !optional(h.pad_id) || !optional(h.mask_id))
    return corrupt("a special token of the tokenizer does not exist");
  if (h.token_count > INT32_MAX || h.words.count == 0 ||
      (h.continuation != BERTC_TEXT_NONE && h.continuation >= h.words.count))
    return corrupt("the vocabulary of the tokenizer is wrong");
  *tokenizer = loaded;
  return TextStatus::Ok;
}

TextStatus tokenString(const Tokenizer &tokenizer, uint32_t id,
                       const char **text, size_t *size) {
  if (id >= tokenizer.header->token_count)
    return TextStatus::NoSuchToken;
  uint32_t begin = tokenizer.strings[id];
  uint32_t end = tokenizer.strings[id + 1];
  if (begin > end || end > tokenizer.header->bytes.count)
    return TextStatus::Corrupt;
  *text = reinterpret_cast<const char *>(tokenizer.bytes) + begin;
  *size = end - begin;
  return TextStatus::Ok;
}

} // namespace bertc::rt

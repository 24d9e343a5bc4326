//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading the blob's tables. Every index is checked here, where it is used, so
// that a damaged blob can give wrong ids but no stray read, and loading need
// not visit each entry.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_LOOKUP_H
#define BERTC_RUNTIME_TEXT_LOOKUP_H

#include "runtime/text/Tokenizer.h"
#include "runtime/text/Utf8.h"

namespace bertc::rt {

inline const bertc_text_record &recordOf(const Tokenizer &tokenizer,
                                         uint32_t code) {
  uint32_t page = tokenizer.pages[code >> BERTC_TEXT_BLOCK_SHIFT];
  uint32_t slot =
      (page << BERTC_TEXT_BLOCK_SHIFT) | (code & (BERTC_TEXT_BLOCK - 1));
  uint32_t record =
      slot < tokenizer.header->blocks.count ? tokenizer.blocks[slot] : 0;
  return tokenizer
      .records[record < tokenizer.header->records.count ? record : 0];
}

/// The code points [at, at + count) of mappings; null if they do not exist.
inline const uint32_t *mappedPoints(const Tokenizer &tokenizer, uint32_t at,
                                    uint32_t count) {
  uint32_t all = tokenizer.header->points.count;
  return at <= all && count <= all - at ? tokenizer.points + at : nullptr;
}

/// The child of `node` for `byte`, or BERTC_TEXT_NONE. `node` must exist.
inline uint32_t trieChild(const Trie &trie, uint32_t node, uint8_t byte) {
  uint32_t child = trie.units[node].base + 1 + byte;
  return child < trie.count && trie.units[child].check == node
             ? child
             : BERTC_TEXT_NONE;
}

/// As trieChild, for all bytes of a code point.
inline uint32_t trieStep(const Trie &trie, uint32_t node, uint32_t code) {
  if (code < 0x80)
    return trieChild(trie, node, static_cast<uint8_t>(code));
  uint8_t bytes[4];
  uint32_t size = encodeUtf8(code, bytes);
  for (uint32_t i = 0; i < size && node != BERTC_TEXT_NONE; ++i)
    node = trieChild(trie, node, bytes[i]);
  return node;
}

/// The value of `node`, or BERTC_TEXT_NONE.
inline uint32_t trieValue(const Trie &trie, uint32_t node) {
  uint32_t leaf = trie.units[node].base;
  return leaf < trie.count && trie.units[leaf].check == node
             ? trie.units[leaf].base
             : BERTC_TEXT_NONE;
}

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_LOOKUP_H

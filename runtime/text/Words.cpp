//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vocabulary is one trie: pieces inside a word start at the node that the
// prefix "##" leads to. A walk ends with the longest entry, so the work is
// bounded by word length times entry length.
//
//===----------------------------------------------------------------------===//
#include "runtime/text/Words.h"

namespace bertc::rt {

namespace {

/// The longest entry at points [begin, end), starting from `node`. Returns the
/// end of the entry, or begin if there is none.
size_t longestEntry(const Tokenizer &tokenizer, const Point *points,
                    size_t begin, size_t end, uint32_t node, uint32_t *id) {
  size_t found = begin;
  for (size_t at = begin; at < end; ++at) {
    node = trieStep(tokenizer.words, node, points[at].code);
    if (node == BERTC_TEXT_NONE)
      break;
    uint32_t value = trieValue(tokenizer.words, node);
    if (value < tokenizer.header->token_count) {
      *id = value;
      found = at + 1;
    }
  }
  return found;
}

bool encodeWord(const Tokenizer &tokenizer, const Point *points, size_t begin,
                size_t end, const TextAllocator &allocator,
                Buffer<Token> *tokens) {
  size_t first = tokens->size;
  size_t at = begin;
  if (end - begin <= tokenizer.header->max_word_chars) {
    uint32_t node = 0;
    while (at < end && node != BERTC_TEXT_NONE) {
      uint32_t id = 0;
      size_t found = longestEntry(tokenizer, points, at, end, node, &id);
      if (found == at)
        break;
      if (!tokens->push(allocator,
                        {id, points[at].begin, points[found - 1].end}))
        return false;
      at = found;
      node = tokenizer.header->continuation;
    }
  }
  if (at == end)
    return true;
  tokens->size = first;
  return tokens->push(allocator, {tokenizer.header->unk_id, points[begin].begin,
                                  points[end - 1].end});
}

} // namespace

bool encodeWords(const Tokenizer &tokenizer, TextScratch *scratch, size_t begin,
                 size_t end, Buffer<Token> *tokens) {
  const Point *points = scratch->points.data;
  size_t word = begin;
  auto close = [&](size_t at) {
    return word == at ||
           encodeWord(tokenizer, points, word, at, scratch->allocator, tokens);
  };
  for (size_t at = begin; at < end; ++at) {
    uint8_t flags = recordOf(tokenizer, points[at].code).flags;
    if (!(flags & (BERTC_CHAR_SPACE | BERTC_CHAR_PUNCT)))
      continue;
    if (!close(at))
      return false;
    word = at + 1;
    if (!(flags & BERTC_CHAR_SPACE) &&
        !encodeWord(tokenizer, points, at, at + 1, scratch->allocator, tokens))
      return false;
  }
  return close(end);
}

} // namespace bertc::rt

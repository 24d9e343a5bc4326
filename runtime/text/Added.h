//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Finding added tokens, in the raw text or among normalized code points: a
// search written once, over a source that steps through either. Matches are
// leftmost and longest; one that its flags reject is skipped whole, as Hugging
// Face does.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_ADDED_H
#define BERTC_RUNTIME_TEXT_ADDED_H

#include "runtime/text/Lookup.h"

namespace bertc::rt {

/// Places are bytes of the text.
struct RawSource {
  const uint8_t *text;
  size_t size;

  uint32_t codeAt(size_t at, size_t *next) const {
    Decoded decoded = decodeUtf8(text + at, size - at);
    *next = at + decoded.size;
    return decoded.code;
  }
  uint32_t codeBefore(size_t at, size_t *previous) const {
    Decoded decoded = decodeUtf8Before(text + at, at);
    *previous = at - decoded.size;
    return decoded.code;
  }
};

/// Places are indices of points.
struct PointSource {
  const Point *points;
  size_t size;

  uint32_t codeAt(size_t at, size_t *next) const {
    *next = at + 1;
    return points[at].code;
  }
  uint32_t codeBefore(size_t at, size_t *previous) const {
    *previous = at - 1;
    return points[at - 1].code;
  }
};

/// Calls visit(begin, end, index) for the stretches of `source` in order: index
/// is that of an added token, or BERTC_TEXT_NONE between them. Stops and
/// returns false when visit does.
template <typename Source, typename Visit>
bool splitAdded(const Tokenizer &tokenizer, const Trie &trie,
                const Source &source, Visit visit) {
  auto has = [&](uint32_t code, uint8_t flag) {
    return (recordOf(tokenizer, code).flags & flag) != 0;
  };
  size_t done = 0;     // All before this has been visited.
  size_t spaceEnd = 0; // End of the last white space walked over.
  size_t at = 0;
  while (trie.count && at < source.size) {
    uint32_t index = BERTC_TEXT_NONE;
    size_t begin = at;
    size_t end = at;
    size_t next = at;
    for (uint32_t node = 0; next < source.size;) {
      node = trieStep(trie, node, source.codeAt(next, &next));
      if (begin == at)
        at = next;
      if (node == BERTC_TEXT_NONE)
        break;
      uint32_t value = trieValue(trie, node);
      if (value < tokenizer.header->added.count) {
        index = value;
        end = next;
      }
    }
    if (index == BERTC_TEXT_NONE)
      continue;
    at = end;

    uint32_t flags = tokenizer.added[index].flags;
    size_t ignored;
    if (flags & BERTC_TOKEN_SINGLE_WORD) {
      if (begin > 0 && has(source.codeBefore(begin, &ignored), BERTC_CHAR_WORD))
        continue;
      if (end < source.size &&
          has(source.codeAt(end, &ignored), BERTC_CHAR_WORD))
        continue;
    }
    if (flags & BERTC_TOKEN_LSTRIP) {
      if (begin < done)
        begin = done;
      for (size_t previous; begin > done; begin = previous)
        if (!has(source.codeBefore(begin, &previous), BERTC_CHAR_SPACE))
          break;
      if (begin < done)
        begin = done;
    }
    if (flags & BERTC_TOKEN_RSTRIP) {
      if (end < spaceEnd)
        end = spaceEnd;
      for (size_t following; end < source.size; end = following)
        if (!has(source.codeAt(end, &following), BERTC_CHAR_SPACE))
          break;
      spaceEnd = end;
    }
    if (done < begin && !visit(done, begin, BERTC_TEXT_NONE))
      return false;
    if (!visit(begin, end, index))
      return false;
    done = end;
  }
  return done == source.size || visit(done, source.size, BERTC_TEXT_NONE);
}

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_ADDED_H

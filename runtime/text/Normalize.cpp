//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of steps is Hugging Face's BertNormalizer. Its offsets have a twist
// that is kept: when canonical order moves marks, the places they came from do
// not move with them, so offsets never run backwards.
//
//===----------------------------------------------------------------------===//
#include "runtime/text/Normalize.h"

namespace bertc::rt {

namespace hangul {
constexpr uint32_t syllables = 0xac00, leads = 0x1100, vowels = 0x1161,
                   trails = 0x11a7, vowelCount = 21, trailCount = 28;
} // namespace hangul

Normalizer::Normalizer(const Tokenizer &tokenizer, TextScratch *scratch,
                       uint32_t begin)
    : tokenizer(tokenizer), scratch(scratch), lastBegin(begin), lastEnd(begin),
      failed(false) {
  scratch->pending.size = 0;
}

void Normalizer::put(Point point) {
  const bertc_text_record &record = recordOf(tokenizer, point.code);
  uint32_t options = tokenizer.header->options;
  if (options & BERTC_TEXT_CLEAN) {
    if (record.flags & BERTC_CHAR_REMOVED)
      return;
    if (record.flags & BERTC_CHAR_SPACE)
      point.code = ' ';
  }
  if ((options & BERTC_TEXT_SPLIT_CJK) && (record.flags & BERTC_CHAR_CJK)) {
    Point space{' ', point.begin, point.end};
    decompose(space);
    decompose(point);
    decompose(space);
  } else {
    decompose(point);
  }
}

void Normalizer::finish() { flush(); }

void Normalizer::decompose(Point point) {
  const bertc_text_record &record = recordOf(tokenizer, point.code);
  if (!(tokenizer.header->options & BERTC_TEXT_STRIP_ACCENTS)) {
    lower(point, record);
    return;
  }
  auto part = [&](uint32_t code, bool first) {
    decomposed({code, point.begin, point.end}, recordOf(tokenizer, code),
               first);
  };
  if (record.flags & BERTC_CHAR_HANGUL) {
    uint32_t index = point.code - hangul::syllables;
    uint32_t trail = index % hangul::trailCount;
    index /= hangul::trailCount;
    part(hangul::leads + index / hangul::vowelCount, true);
    part(hangul::vowels + index % hangul::vowelCount, false);
    if (trail)
      part(hangul::trails + trail, false);
    return;
  }
  const uint32_t *parts =
      record.decomposed
          ? mappedPoints(tokenizer, record.decomposition, record.decomposed)
          : nullptr;
  if (!parts) {
    decomposed(point, record, true);
    return;
  }
  for (uint32_t i = 0; i < record.decomposed; ++i)
    part(parts[i] <= 0x10ffff ? parts[i] : replacementChar, i == 0);
}

void Normalizer::decomposed(Point point, const bertc_text_record &record,
                            bool first) {
  if (record.combining_class != 0) {
    Pending pending{point, record.combining_class, first};
    if (!scratch->pending.push(scratch->allocator, pending))
      failed = true;
    return;
  }
  if (scratch->pending.size)
    flush();
  if (first) {
    lastBegin = point.begin;
    lastEnd = point.end;
  }
  if (!(record.flags & BERTC_CHAR_MARK))
    lower({point.code, lastBegin, lastEnd}, record);
}

/// Puts the pending code points in canonical order (stable, by class; linear
/// in their number) and writes those that are no accents.
void Normalizer::flush() {
  Buffer<Pending> &pending = scratch->pending;
  Buffer<Pending> &ordered = scratch->ordered;
  if (pending.size == 0)
    return;
  if (!ordered.reserve(scratch->allocator, pending.size)) {
    failed = true;
    pending.size = 0;
    return;
  }
  size_t count = pending.size;
  if (count <= 16) {
    for (size_t i = 0; i < count; ++i) {
      size_t at = i;
      for (; at > 0 && ordered.data[at - 1].combiningClass >
                           pending.data[i].combiningClass;
           --at)
        ordered.data[at] = ordered.data[at - 1];
      ordered.data[at] = pending.data[i];
    }
  } else {
    size_t starts[257] = {};
    for (size_t i = 0; i < count; ++i)
      ++starts[pending.data[i].combiningClass + 1];
    for (size_t i = 1; i < 257; ++i)
      starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; ++i)
      ordered.data[starts[pending.data[i].combiningClass]++] = pending.data[i];
  }

  size_t source = 0;
  for (size_t i = 0; i < count; ++i) {
    const Pending &item = ordered.data[i];
    if (item.first) {
      while (source < count && !pending.data[source].first)
        ++source;
      if (source < count) {
        lastBegin = pending.data[source].point.begin;
        lastEnd = pending.data[source++].point.end;
      }
    }
    const bertc_text_record &record = recordOf(tokenizer, item.point.code);
    if (!(record.flags & BERTC_CHAR_MARK))
      lower({item.point.code, lastBegin, lastEnd}, record);
  }
  pending.size = 0;
}

void Normalizer::lower(Point point, const bertc_text_record &record) {
  if (!(tokenizer.header->options & BERTC_TEXT_LOWERCASE) ||
      record.lowered == 0) {
    emit(point);
    return;
  }
  if (record.lowered == 1) {
    point.code += record.lower;
    emit(point);
    return;
  }
  const uint32_t *parts = mappedPoints(tokenizer, record.lower, record.lowered);
  for (uint32_t i = 0; parts && i < record.lowered; ++i)
    emit({parts[i], point.begin, point.end});
}

void Normalizer::emit(Point point) {
  if (point.code > 0x10ffff)
    point.code = replacementChar;
  if (!scratch->points.push(scratch->allocator, point))
    failed = true;
}

} // namespace bertc::rt

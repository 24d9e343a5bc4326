//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One encoding from text to result. A stretch without added tokens is handled
// in chunks that end at white space, so memory stays small for long texts; only
// tokens that match after normalization need a stretch as a whole.
//
//===----------------------------------------------------------------------===//
#include "runtime/text/Added.h"
#include "runtime/text/Normalize.h"
#include "runtime/text/Words.h"

namespace bertc::rt {

namespace {

/// Code points after which a chunk ends at the next white space.
constexpr size_t chunkPoints = 2048;

struct Encoder {
  const Tokenizer &tokenizer;
  TextScratch *scratch;
  size_t malformed;

  bool encode(Text text, Buffer<Token> *tokens);
  bool encodeStretch(const uint8_t *text, size_t begin, size_t end,
                     Buffer<Token> *tokens);
  bool encodePoints(Buffer<Token> *tokens);
};

bool Encoder::encode(Text text, Buffer<Token> *tokens) {
  tokens->size = 0;
  const auto *bytes = reinterpret_cast<const uint8_t *>(text.data);
  RawSource source{bytes, text.size};
  return splitAdded(tokenizer, tokenizer.raw, source,
                    [&](size_t begin, size_t end, uint32_t index) {
                      if (index == BERTC_TEXT_NONE)
                        return encodeStretch(bytes, begin, end, tokens);
                      return tokens->push(scratch->allocator,
                                          {tokenizer.added[index].id,
                                           static_cast<uint32_t>(begin),
                                           static_cast<uint32_t>(end)});
                    });
}

bool Encoder::encodeStretch(const uint8_t *text, size_t begin, size_t end,
                            Buffer<Token> *tokens) {
  Buffer<Point> &points = scratch->points;
  points.size = 0;
  Normalizer normalizer(tokenizer, scratch, static_cast<uint32_t>(begin));
  for (size_t at = begin; at < end;) {
    Decoded decoded = decodeUtf8(text + at, end - at);
    malformed += !decoded.valid;
    size_t next = at + decoded.size;
    normalizer.put(
        {decoded.code, static_cast<uint32_t>(at), static_cast<uint32_t>(next)});
    at = next;
    if (normalizer.failed)
      return false;
    if (points.size >= chunkPoints && tokenizer.normalized.count == 0 &&
        normalizer.settled() && points.data[points.size - 1].code == ' ') {
      if (!encodePoints(tokens))
        return false;
      points.size = 0;
    }
  }
  normalizer.finish();
  return !normalizer.failed && encodePoints(tokens);
}

bool Encoder::encodePoints(Buffer<Token> *tokens) {
  const Point *points = scratch->points.data;
  PointSource source{points, scratch->points.size};
  return splitAdded(
      tokenizer, tokenizer.normalized, source,
      [&](size_t begin, size_t end, uint32_t index) {
        if (index == BERTC_TEXT_NONE)
          return encodeWords(tokenizer, scratch, begin, end, tokens);
        return tokens->push(scratch->allocator,
                            {tokenizer.added[index].id, points[begin].begin,
                             points[end - 1].end});
      });
}

/// How many tokens of texts with so many are kept, to be `limit` in all: the
/// longer gives first, and an odd one goes to the longer.
void truncate(size_t limit, size_t kept[2], bool hasPair) {
  if (kept[0] + kept[1] <= limit)
    return;
  if (!hasPair) {
    kept[0] = limit;
    return;
  }
  bool swapped = kept[0] > kept[1];
  size_t shorter = kept[swapped];
  size_t longer = shorter > limit             ? shorter
                  : limit - shorter > shorter ? limit - shorter
                                              : shorter;
  if (shorter + longer > limit) {
    shorter = limit / 2;
    longer = shorter + limit % 2;
  }
  kept[swapped] = shorter;
  kept[!swapped] = longer;
}

void store(EncodeResult *result, const Token &token, uint32_t typeId,
           bool special) {
  size_t at = result->count++;
  if (at >= result->capacity)
    return;
  if (result->ids)
    result->ids[at] = static_cast<int32_t>(token.id);
  if (result->typeIds)
    result->typeIds[at] = static_cast<int32_t>(typeId);
  if (result->begin)
    result->begin[at] = token.begin;
  if (result->end)
    result->end[at] = token.end;
  if (result->specialMask)
    result->specialMask[at] = special;
}

} // namespace

TextScratch makeTextScratch(TextAllocator allocator) {
  TextScratch scratch = {};
  scratch.allocator = allocator;
  return scratch;
}

void releaseTextScratch(TextScratch *scratch) {
  scratch->points.release(scratch->allocator);
  scratch->pending.release(scratch->allocator);
  scratch->ordered.release(scratch->allocator);
  scratch->tokens[0].release(scratch->allocator);
  scratch->tokens[1].release(scratch->allocator);
}

TextStatus encodeText(const Tokenizer &tokenizer, TextScratch *scratch,
                      Text first, Text second, const EncodeOptions &options,
                      EncodeResult *result) {
  result->count = result->dropped = result->malformed = 0;
  bool hasPair = second.data != nullptr;
  if (first.size >= UINT32_MAX || (hasPair && second.size >= UINT32_MAX))
    return TextStatus::TextTooLong;

  const bertc_text_header &header = *tokenizer.header;
  const bertc_text_piece *pieces = hasPair ? tokenizer.pair : tokenizer.single;
  uint32_t pieceCount = hasPair ? header.pair.count : header.single.count;
  size_t specials = 0;
  if (!options.noSpecialTokens)
    for (uint32_t i = 0; i < pieceCount; ++i)
      specials += pieces[i].kind == BERTC_TEMPLATE_TOKEN;
  size_t limit = options.maxTokens ? options.maxTokens : header.max_tokens;
  if (limit == 0 || options.noTruncation)
    limit = SIZE_MAX;
  if (limit < specials)
    return TextStatus::LimitTooSmall;

  Encoder encoder{tokenizer, scratch, 0};
  scratch->tokens[1].size = 0;
  if (!encoder.encode(first, &scratch->tokens[0]) ||
      (hasPair && !encoder.encode(second, &scratch->tokens[1])))
    return TextStatus::OutOfMemory;
  result->malformed = encoder.malformed;

  size_t kept[2] = {scratch->tokens[0].size, scratch->tokens[1].size};
  size_t all = kept[0] + kept[1];
  truncate(limit - specials, kept, hasPair);
  result->dropped = all - kept[0] - kept[1];

  for (uint32_t i = 0; i < pieceCount; ++i) {
    const bertc_text_piece &piece = pieces[i];
    if (piece.kind == BERTC_TEMPLATE_TOKEN) {
      if (!options.noSpecialTokens)
        store(result, {piece.id, 0, 0}, piece.type_id, true);
      continue;
    }
    uint32_t text = piece.kind == BERTC_TEMPLATE_SECOND;
    for (size_t k = 0; k < kept[text]; ++k)
      store(result, scratch->tokens[text].data[k], piece.type_id, false);
  }
  return result->capacity != 0 && result->count > result->capacity
             ? TextStatus::BufferTooSmall
             : TextStatus::Ok;
}

} // namespace bertc::rt

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text to token ids, as Hugging Face's BertTokenizer does it: added tokens are
// cut out, the rest is normalized, split into words, and each word matched
// against the vocabulary. Offsets are bytes of the caller's text, not
// characters. Nothing here trusts the text or the blob.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_TOKENIZER_H
#define BERTC_RUNTIME_TEXT_TOKENIZER_H

#include "runtime/abi/text.h"
#include "runtime/text/Buffer.h"

namespace bertc::rt {

enum class TextStatus {
  Ok,
  Corrupt,        ///< The blob is damaged or of another version.
  OutOfMemory,    ///< The allocator gave nothing.
  TextTooLong,    ///< 2^32 - 1 bytes or more in one text.
  LimitTooSmall,  ///< The special tokens alone exceed the limit of tokens.
  BufferTooSmall, ///< The result has more tokens than the caller's arrays.
  NoSuchToken     ///< An id outside the vocabulary.
};

struct Trie {
  const bertc_text_unit *units;
  uint32_t count;
};

/// A checked view of a blob, which must outlive it. Plain data: copy freely.
struct Tokenizer {
  const bertc_text_header *header;
  const uint32_t *strings;
  const uint8_t *bytes;
  Trie words;
  Trie raw;
  Trie normalized;
  const bertc_text_added *added;
  const bertc_text_piece *single;
  const bertc_text_piece *pair;
  const uint16_t *pages;
  const uint16_t *blocks;
  const bertc_text_record *records;
  const uint32_t *points;
};

/// Checks `size` bytes at `blob` (8-byte aligned) and fills `tokenizer`. On
/// Corrupt, `reason` (if not null) gets a constant text.
TextStatus loadTokenizer(const void *blob, size_t size, Tokenizer *tokenizer,
                         const char **reason);

/// The string of a token: `size` bytes at `text`, inside the blob.
TextStatus tokenString(const Tokenizer &tokenizer, uint32_t id,
                       const char **text, size_t *size);

/// A code point of the text after normalization, and the bytes [begin, end) of
/// the text that it came from.
struct Point {
  uint32_t code;
  uint32_t begin;
  uint32_t end;
};

struct Token {
  uint32_t id;
  uint32_t begin;
  uint32_t end;
};

/// A code point that waits for its place in canonical order.
struct Pending {
  Point point;
  uint8_t combiningClass;
  bool first; ///< Of the decomposition of one code point.
};

/// Working memory, to be kept from call to call. One thread at a time.
struct TextScratch {
  TextAllocator allocator;
  Buffer<Point> points;
  Buffer<Pending> pending;
  Buffer<Pending> ordered;
  Buffer<Token> tokens[2];
};

/// A scratch that takes memory from `allocator`; no memory is taken yet.
TextScratch makeTextScratch(TextAllocator allocator);
void releaseTextScratch(TextScratch *scratch);

struct Text {
  const char *data; ///< UTF-8; null: no text.
  size_t size;      ///< In bytes.
};

struct EncodeOptions {
  uint32_t maxTokens;   ///< Special tokens included; 0: the tokenizer's limit.
  bool noTruncation;    ///< Ignore every limit.
  bool noSpecialTokens; ///< Neither [CLS] nor [SEP].
};

/// The caller's arrays, each of `capacity` entries or null, and what came out.
struct EncodeResult {
  int32_t *ids;
  int32_t *typeIds;
  /// Bytes [begin, end) of the text that the token came from; 0, 0 for the
  /// special tokens that were added around it.
  uint32_t *begin;
  uint32_t *end;
  uint8_t *specialMask; ///< 1 for special tokens that were added.
  size_t capacity;
  size_t count;     ///< Tokens of the result, also when above capacity.
  size_t dropped;   ///< Tokens cut off to stay within the limit.
  size_t malformed; ///< Malformed sequences of bytes, read as U+FFFD.
};

/// Encodes a text, or a pair of texts if `second.data` is not null. Truncation
/// removes from the longer text first. With capacity 0, only counts.
TextStatus encodeText(const Tokenizer &tokenizer, TextScratch *scratch,
                      Text first, Text second, const EncodeOptions &options,
                      EncodeResult *result);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_TOKENIZER_H

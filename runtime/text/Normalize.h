//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Text to normalized code points, one at a time: clean, set CJK characters
// apart, decompose and drop accents, lower. Only combining characters wait, for
// their canonical order; everything else passes straight through.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_NORMALIZE_H
#define BERTC_RUNTIME_TEXT_NORMALIZE_H

#include "runtime/text/Lookup.h"

namespace bertc::rt {

/// Appends to scratch->points. Call put for each code point of a stretch of
/// text, then finish.
struct Normalizer {
  const Tokenizer &tokenizer;
  TextScratch *scratch;
  /// Where the last code point came from whose first part was written.
  uint32_t lastBegin;
  uint32_t lastEnd;
  bool failed; ///< Out of memory.

  Normalizer(const Tokenizer &tokenizer, TextScratch *scratch, uint32_t begin);

  void put(Point point);
  void finish();
  /// Whether what follows cannot change what has been put.
  bool settled() const { return scratch->pending.size == 0; }

private:
  void decompose(Point point);
  void decomposed(Point point, const bertc_text_record &record, bool first);
  void flush();
  void lower(Point point, const bertc_text_record &record);
  void emit(Point point);
};

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_NORMALIZE_H

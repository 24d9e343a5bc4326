//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the tokenizer knows of Unicode, as the compact tables of a blob.
// Decompositions and lower case come from utf8proc, because Unicode promises
// never to change them for a character; what does change between versions comes
// from TokenizerRanges.h.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZERUNICODE_H
#define BERTC_COMPILER_IMPORT_TOKENIZERUNICODE_H

#include "runtime/abi/text.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace bertc {

struct UnicodeTables {
  std::vector<uint16_t> pages;
  std::vector<uint16_t> blocks;
  std::vector<bertc_text_record> records;
  std::vector<uint32_t> points;

  /// The tables, made once.
  static const UnicodeTables &get();

  const bertc_text_record &record(uint32_t code) const {
    return records[blocks[pages[code >> BERTC_TEXT_BLOCK_SHIFT] *
                              BERTC_TEXT_BLOCK +
                          code % BERTC_TEXT_BLOCK]];
  }
  /// `text` (valid UTF-8) normalized as options (BERTC_TEXT_*) say.
  std::string normalize(llvm::StringRef text, uint32_t options) const;
};

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_TOKENIZERUNICODE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Records are collected in the order of code points and shared when equal, and
// so are blocks of records: the result depends on nothing but the properties.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerUnicode.h"

#include "compiler/Import/TokenizerRanges.h"
#include "llvm/Support/ConvertUTF.h"
#include <algorithm>
#include <map>
#include <tuple>
#include <utf8proc.h>

using namespace bertc;
using namespace bertc::tokenizer;

namespace {

constexpr uint32_t codeCount = 0x110000;

/// Characters whose decomposition is newer than Unicode 9, the version of the
/// tokenizers package; it leaves them whole.
constexpr CodeRange newDecompositions[] = {
    {0x105c9, 0x105c9}, {0x105e4, 0x105e4}, {0x11383, 0x113c8},
    {0x11938, 0x11938}, {0x16121, 0x16128}, {0x16d68, 0x16d6a},
};

/// Lower case of characters newer than the oldest utf8proc in use, as the
/// tokenizers package has it: `first` to `last`, every `step`, add `delta`.
struct NewLower {
  uint32_t first, last, step;
  int32_t delta;
};
constexpr NewLower newLowers[] = {
    {0x1c89, 0x1c89, 1, 1},      {0xa7cb, 0xa7cb, 1, 0x264 - 0xa7cb},
    {0xa7cc, 0xa7cc, 1, 1},      {0xa7ce, 0xa7d4, 2, 1},
    {0xa7da, 0xa7da, 1, 1},      {0xa7dc, 0xa7dc, 1, 0x19b - 0xa7dc},
    {0x10d50, 0x10d65, 1, 0x20}, {0x16ea0, 0x16eb8, 1, 0x1b},
};

struct Builder {
  UnicodeTables tables;
  std::vector<bertc_text_record> all{codeCount, bertc_text_record{}};

  void flag(llvm::ArrayRef<CodeRange> ranges, uint8_t bit) {
    for (CodeRange range : ranges)
      for (uint32_t code = range.first; code <= range.last; ++code)
        all[code].flags |= bit;
  }

  uint32_t addPoints(llvm::ArrayRef<uint32_t> points) {
    auto at = std::search(tables.points.begin(), tables.points.end(),
                          points.begin(), points.end());
    uint32_t offset = at - tables.points.begin();
    if (at == tables.points.end())
      tables.points.insert(at, points.begin(), points.end());
    return offset;
  }

  void addDecompositions();
  void addLower();
  void share();
};

void Builder::addDecompositions() {
  for (uint32_t code = 0; code < codeCount; ++code) {
    const utf8proc_property_t *property = utf8proc_get_property(code);
    if (code >= 0xac00 && code <= 0xd7a3) {
      all[code].flags |= BERTC_CHAR_HANGUL;
      continue;
    }
    // A decomposition type is that of a compatibility mapping.
    if (property->decomp_seqindex == UINT16_MAX || property->decomp_type != 0)
      continue;
    if (llvm::any_of(newDecompositions, [&](CodeRange range) {
          return code >= range.first && code <= range.last;
        }))
      continue;
    utf8proc_int32_t parts[8];
    int boundary = 0;
    utf8proc_ssize_t count = utf8proc_decompose_char(
        code, parts, std::size(parts), UTF8PROC_DECOMPOSE, &boundary);
    std::vector<uint32_t> points(parts, parts + count);
    all[code].decomposed = count;
    all[code].decomposition = addPoints(points);
  }
}

void Builder::addLower() {
  auto set = [&](uint32_t code, uint32_t lower) {
    all[code].lowered = 1;
    all[code].lower = lower - code;
  };
  for (uint32_t code = 0; code < codeCount; ++code) {
    uint32_t lower = utf8proc_tolower(code);
    if (lower != code)
      set(code, lower);
  }
  for (const NewLower &row : newLowers)
    for (uint32_t code = row.first; code <= row.last; code += row.step)
      set(code, code + row.delta);
  // The only character whose full lower case is more than one.
  all[0x130].lowered = 2;
  all[0x130].lower = addPoints({'i', 0x307});
}

void Builder::share() {
  auto less = [](const bertc_text_record &a, const bertc_text_record &b) {
    auto key = [](const bertc_text_record &r) {
      return std::tie(r.flags, r.combining_class, r.decomposed, r.lowered,
                      r.decomposition, r.lower);
    };
    return key(a) < key(b);
  };
  std::map<bertc_text_record, uint16_t, decltype(less)> records(less);
  std::map<std::vector<uint16_t>, uint16_t> blocks;
  for (uint32_t page = 0; page < BERTC_TEXT_PAGES; ++page) {
    std::vector<uint16_t> block;
    for (uint32_t i = 0; i < BERTC_TEXT_BLOCK; ++i) {
      const bertc_text_record &record = all[page * BERTC_TEXT_BLOCK + i];
      auto [at, isNew] = records.try_emplace(record, tables.records.size());
      if (isNew)
        tables.records.push_back(record);
      block.push_back(at->second);
    }
    auto [at, isNew] =
        blocks.try_emplace(block, tables.blocks.size() / BERTC_TEXT_BLOCK);
    if (isNew)
      tables.blocks.insert(tables.blocks.end(), block.begin(), block.end());
    tables.pages.push_back(at->second);
  }
}

void appendPoint(std::string &text, uint32_t code) {
  char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
  char *end = bytes;
  if (llvm::ConvertCodePointToUTF8(code, end))
    text.append(bytes, end);
}

} // namespace

const UnicodeTables &UnicodeTables::get() {
  static const UnicodeTables tables = [] {
    Builder builder;
    builder.flag(removedRanges(), BERTC_CHAR_REMOVED);
    builder.flag(spaceRanges(), BERTC_CHAR_SPACE);
    builder.flag(punctuationRanges(), BERTC_CHAR_PUNCT);
    builder.flag(markRanges(), BERTC_CHAR_MARK);
    builder.flag(cjkRanges(), BERTC_CHAR_CJK);
    builder.flag(wordRanges(), BERTC_CHAR_WORD);
    for (ClassRange range : classRanges())
      for (uint32_t code = range.first; code <= range.last; ++code)
        builder.all[code].combining_class = range.combiningClass;
    builder.addDecompositions();
    builder.addLower();
    builder.share();
    return std::move(builder.tables);
  }();
  return tables;
}

std::string UnicodeTables::normalize(llvm::StringRef text,
                                     uint32_t options) const {
  llvm::SmallVector<uint32_t, 0> codes;
  for (const auto *at = text.bytes_begin(); at != text.bytes_end();) {
    llvm::UTF32 code = 0;
    if (llvm::convertUTF8Sequence(&at, text.bytes_end(), &code,
                                  llvm::strictConversion) != llvm::conversionOK)
      break;
    codes.push_back(code);
  }
  // Each step takes all code points, as BertNormalizer's steps do.
  auto step = [&](uint32_t option, auto visit) {
    if (!(options & option))
      return;
    llvm::SmallVector<uint32_t, 0> input;
    input.swap(codes);
    for (uint32_t code : input)
      visit(code, record(code));
  };
  step(BERTC_TEXT_CLEAN, [&](uint32_t code, const bertc_text_record &record) {
    if (!(record.flags & BERTC_CHAR_REMOVED))
      codes.push_back(record.flags & BERTC_CHAR_SPACE ? ' ' : code);
  });
  step(BERTC_TEXT_SPLIT_CJK,
       [&](uint32_t code, const bertc_text_record &record) {
         if (record.flags & BERTC_CHAR_CJK)
           codes.append({' ', code, ' '});
         else
           codes.push_back(code);
       });
  step(BERTC_TEXT_STRIP_ACCENTS, [&](uint32_t code,
                                     const bertc_text_record &record) {
    if (record.flags & BERTC_CHAR_HANGUL) {
      uint32_t index = code - 0xac00;
      codes.append({0x1100 + index / 588, 0x1161 + index / 28 % 21});
      if (index % 28)
        codes.push_back(0x11a7 + index % 28);
    } else if (record.decomposed) {
      codes.append(points.begin() + record.decomposition,
                   points.begin() + record.decomposition + record.decomposed);
    } else {
      codes.push_back(code);
    }
  });
  if (options & BERTC_TEXT_STRIP_ACCENTS) {
    auto classOf = [&](uint32_t code) { return record(code).combining_class; };
    for (auto *at = codes.begin(); at != codes.end();) {
      auto *run = std::find_if(at, codes.end(), classOf);
      at = std::find_if_not(run, codes.end(), classOf);
      for (auto *item = run; item != at; ++item)
        std::rotate(std::upper_bound(run, item, *item,
                                     [&](uint32_t a, uint32_t b) {
                                       return classOf(a) < classOf(b);
                                     }),
                    item, item + 1);
    }
    llvm::erase_if(codes, [&](uint32_t code) {
      return record(code).flags & BERTC_CHAR_MARK;
    });
  }
  step(BERTC_TEXT_LOWERCASE,
       [&](uint32_t code, const bertc_text_record &record) {
         if (record.lowered > 1)
           codes.append(points.begin() + record.lower,
                        points.begin() + record.lower + record.lowered);
         else
           codes.push_back(record.lowered ? code + record.lower : code);
       });
  std::string result;
  for (uint32_t code : codes)
    appendPoint(result, code);
  return result;
}

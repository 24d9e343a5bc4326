//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Encoding by hand-written cases, each a rule of BertTokenizer. Expected values
// are what the tokenizers package gives.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Text/TextTest.h"
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;
using rt::TextStatus;

namespace {

const llvm::StringRef english[] = {"un", "##aff", "##able", "hello", "world",
                                   ",",  "!",     "##s",    "a",     "##a",
                                   "e",  "cafe",  "[",      "]",     "mask"};

TEST(Encode, LongestPiecesFirst) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  EXPECT_EQ(tokenizer.tokens("unaffable"), "un ##aff ##able");
  EXPECT_EQ(tokenizer.tokens("Hello, WORLDS!"), "hello , world ##s !");
  // One unknown piece makes the whole word unknown.
  EXPECT_EQ(tokenizer.tokens("unaffably hello"), "[UNK] hello");
  EXPECT_EQ(tokenizer.tokens("aaa"), "a ##a ##a");
}

TEST(Encode, SpecialTokensAndOffsets) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Encoded encoded = tokenizer.encode("Hello, worlds");
  EXPECT_EQ(encoded.ids, (std::vector<int32_t>{2, 8, 10, 9, 12, 3}));
  EXPECT_EQ(encoded.types, std::vector<int32_t>(6, 0));
  EXPECT_EQ(encoded.begin, (std::vector<uint32_t>{0, 0, 5, 7, 12, 0}));
  EXPECT_EQ(encoded.end, (std::vector<uint32_t>{0, 5, 6, 12, 13, 0}));
  EXPECT_EQ(encoded.special, (std::vector<uint8_t>{1, 0, 0, 0, 0, 1}));
}

TEST(Encode, Empty) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  EXPECT_EQ(tokenizer.encode("").ids, (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(tokenizer.encode(" \t\xe3\x80\x80").ids,
            (std::vector<int32_t>{2, 3}));
  Encoded pair = tokenizer.encode("", "");
  EXPECT_EQ(pair.ids, (std::vector<int32_t>{2, 3, 3}));
  EXPECT_EQ(pair.types, (std::vector<int32_t>{0, 0, 1}));
}

TEST(Encode, Pair) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Encoded encoded = tokenizer.encode("hello", "world world");
  EXPECT_EQ(encoded.ids, (std::vector<int32_t>{2, 8, 3, 9, 9, 3}));
  EXPECT_EQ(encoded.types, (std::vector<int32_t>{0, 0, 0, 1, 1, 1}));
  EXPECT_EQ(encoded.begin, (std::vector<uint32_t>{0, 0, 0, 0, 6, 0}));
}

TEST(Encode, AccentsAndCase) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Encoded composed = tokenizer.encode("caf\xc3\x89");
  EXPECT_EQ(composed.ids, (std::vector<int32_t>{2, 16, 3}));
  EXPECT_EQ(composed.end[1], 5u);
  // A mark of its own is not part of the token's bytes.
  Encoded apart = tokenizer.encode("CAFE\xcc\x81 e");
  EXPECT_EQ(apart.ids, (std::vector<int32_t>{2, 16, 15, 3}));
  EXPECT_EQ(apart.end[1], 4u);
  EXPECT_EQ(apart.begin[2], 7u);

  LoadedTokenizer cased = LoadedTokenizer::fromWords(
      {"Caf\xc3\xa9", "caf\xc3\xa9", "cafe"}, R"({"do_lower_case": false})");
  EXPECT_EQ(cased.tokens("Caf\xc3\xa9 caf\xc3\xa9 cafe CAFE"),
            "Caf\xc3\xa9 caf\xc3\xa9 cafe [UNK]");
  LoadedTokenizer accents = LoadedTokenizer::fromWords(
      {"caf\xc3\xa9"}, R"({"strip_accents": false})");
  EXPECT_EQ(accents.tokens("CAF\xc3\x89"), "caf\xc3\xa9");
}

TEST(Encode, LowerCaseOfSeveralCharacters) {
  // U+0130 lowers to i and U+0307; stripping accents comes before.
  LoadedTokenizer stripped =
      LoadedTokenizer::fromWords({"i", "istanbul", "i\xcc\x87"});
  EXPECT_EQ(stripped.tokens("\xc4\xb0"), "i");
  LoadedTokenizer kept = LoadedTokenizer::fromWords(
      {"i", "i\xcc\x87"}, R"({"strip_accents": false})");
  EXPECT_EQ(kept.tokens("\xc4\xb0"), "i\xcc\x87");
  // Final sigma is no special case, and sharp s stays.
  LoadedTokenizer greek =
      LoadedTokenizer::fromWords({"\xcf\x83\xcf\x83", "\xc3\x9f"});
  EXPECT_EQ(greek.tokens("\xce\xa3\xce\xa3 \xe1\xba\x9e"),
            "\xcf\x83\xcf\x83 \xc3\x9f");
}

TEST(Encode, IdeographsAreWords) {
  LoadedTokenizer tokenizer =
      LoadedTokenizer::fromWords({"\xe5\x8c\x97", "\xe4\xba\xac", "a"});
  Encoded encoded = tokenizer.encode("a\xe5\x8c\x97\xe4\xba\xac");
  EXPECT_EQ(encoded.ids, (std::vector<int32_t>{2, 7, 5, 6, 3}));
  EXPECT_EQ(encoded.begin, (std::vector<uint32_t>{0, 0, 1, 4, 0}));
  LoadedTokenizer joined =
      LoadedTokenizer::fromWords({"\xe5\x8c\x97", "\xe5\x8c\x97\xe4\xba\xac"},
                                 R"({"tokenize_chinese_chars": false})");
  EXPECT_EQ(joined.tokens("\xe5\x8c\x97\xe4\xba\xac"),
            "\xe5\x8c\x97\xe4\xba\xac");
}

TEST(Encode, ControlsVanishAndSpacesSplit) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  // NUL, zero-width space and soft hyphen join; no-break and line separator
  // split; U+0085 is a control.
  EXPECT_EQ(tokenizer.tokens(llvm::StringRef("hel\0lo", 6)), "hello");
  EXPECT_EQ(tokenizer.tokens("hel\xe2\x80\x8blo wor\xc2\xadld"), "hello world");
  EXPECT_EQ(tokenizer.tokens("hello\xc2\xa0world\xe2\x80\xa8hello"),
            "hello world hello");
  EXPECT_EQ(tokenizer.tokens("hel\xc2\x85lo"), "hello");
}

TEST(Encode, HundredCharacters) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  auto count = [&](const std::string &text) {
    return tokenizer.encode(text).ids.size() - 2;
  };
  EXPECT_EQ(count(std::string(100, 'a')), 100u);
  EXPECT_EQ(count(std::string(101, 'a')), 1u);
  // Characters after normalization count: marks are gone by then.
  std::string marked;
  for (int i = 0; i < 100; ++i)
    marked += "a\xcc\x81";
  EXPECT_EQ(count(marked), 100u);
}

TEST(Encode, AddedTokensInsideText) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Encoded encoded = tokenizer.encode("a[MASK]a [SEP]");
  EXPECT_EQ(encoded.ids, (std::vector<int32_t>{2, 13, 4, 13, 3, 3}));
  EXPECT_EQ(encoded.special, (std::vector<uint8_t>{1, 0, 0, 0, 0, 1}));
  EXPECT_EQ(tokenizer.tokens("[mask]"), "[ mask ]");
  EXPECT_EQ(tokenizer.tokens("[[MASK]]"), "[ [MASK] ]");
}

TEST(Encode, FlagsOfAddedTokens) {
  LoadedTokenizer tokenizer =
      LoadedTokenizer::fromWords({"a", "word", "<l>", "<r>", "<w>", "new"},
                                 R"({"added_tokens_decoder": {
        "7": {"content": "<l>", "lstrip": true, "normalized": false},
        "8": {"content": "<r>", "rstrip": true, "normalized": false},
        "9": {"content": "<w>", "single_word": true, "normalized": false},
        "11": {"content": "NEW", "normalized": true}}})");
  Encoded left = tokenizer.encode("a  <l>  a");
  EXPECT_EQ(left.ids, (std::vector<int32_t>{2, 5, 7, 5, 3}));
  EXPECT_EQ(left.begin[2], 1u);
  EXPECT_EQ(left.end[2], 6u);
  Encoded right = tokenizer.encode("a  <r>  a");
  EXPECT_EQ(right.begin[2], 3u);
  EXPECT_EQ(right.end[2], 8u);
  EXPECT_EQ(tokenizer.encode("a <w> a").ids,
            (std::vector<int32_t>{2, 5, 9, 5, 3}));
  EXPECT_EQ(tokenizer.encode("a<w>").ids,
            (std::vector<int32_t>{2, 5, 1, 1, 1, 3}));
  // Matched after normalization, in the middle of words too.
  EXPECT_EQ(tokenizer.encode("aNewa").ids,
            (std::vector<int32_t>{2, 5, 11, 5, 3}));
}

TEST(Encode, Truncation) {
  LoadedTokenizer tokenizer =
      LoadedTokenizer::fromWords(english, R"({"model_max_length": 6})");
  Encoded limited = tokenizer.encode("a a a a a a a");
  EXPECT_EQ(limited.ids.size(), 6u);
  EXPECT_EQ(limited.ids.back(), 3);
  EXPECT_EQ(limited.dropped, 3u);

  rt::EncodeOptions options = {};
  options.noTruncation = true;
  EXPECT_EQ(tokenizer.encode("a a a a a a a", {}, options).ids.size(), 9u);
  options = {};
  options.maxTokens = 8;
  Encoded pair = tokenizer.encode("a a a a a a", "hello world", options);
  EXPECT_EQ(pair.ids, (std::vector<int32_t>{2, 13, 13, 13, 3, 8, 9, 3}));
  EXPECT_EQ(pair.dropped, 3u);
  // The odd token goes to the text that was longer.
  Encoded both = tokenizer.encode("a a a a", "hello world hello", options);
  EXPECT_EQ(both.ids, (std::vector<int32_t>{2, 13, 13, 13, 3, 8, 9, 3}));
  options.maxTokens = 2;
  EXPECT_EQ(tokenizer.encode("a a", {}, options).ids,
            (std::vector<int32_t>{2, 3}));
  options.maxTokens = 1;
  EXPECT_EQ(tokenizer.encode("a", {}, options).status,
            TextStatus::LimitTooSmall);
  options.maxTokens = 2;
  EXPECT_EQ(tokenizer.encode("a", "a", options).status,
            TextStatus::LimitTooSmall);
}

TEST(Encode, MalformedBytes) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Encoded encoded = tokenizer.encode("hel\xff\xe2\x82lo");
  EXPECT_EQ(encoded.ids, (std::vector<int32_t>{2, 8, 3}));
  EXPECT_EQ(encoded.end[1], 8u);
  EXPECT_EQ(encoded.malformed, 2u);
  // A surrogate is three malformed bytes; a real U+FFFD is none.
  EXPECT_EQ(tokenizer.encode("\xed\xa0\x80").malformed, 3u);
  EXPECT_EQ(tokenizer.encode("\xef\xbf\xbd").malformed, 0u);
}

TEST(Encode, LongTextInLittleMemory) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  std::string text;
  for (int i = 0; i < 100000; ++i)
    text += i % 3 ? "hello " : "caf\xc3\xa9s\n";
  Encoded encoded = tokenizer.encode(text);
  ASSERT_EQ(encoded.ids.size(), 2u + 100000 + 33334);
  // The last is "##s", before the last line feed.
  EXPECT_EQ(encoded.begin[133334], text.size() - 2);
  EXPECT_EQ(encoded.end[133334], text.size() - 1);
}

TEST(Encode, CapacityAndCounting) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  Memory memory;
  rt::TextScratch scratch = rt::makeTextScratch(memory.allocator());
  int32_t ids[3] = {-1, -1, -1};
  rt::EncodeResult result = {};
  result.ids = ids;
  result.capacity = 2;
  EXPECT_EQ(
      rt::encodeText(tokenizer.get(), &scratch, {"a", 1}, {}, {}, &result),
      TextStatus::BufferTooSmall);
  EXPECT_EQ(result.count, 3u);
  EXPECT_EQ(ids[2], -1);
  rt::releaseTextScratch(&scratch);
  EXPECT_EQ(memory.live, 0u);
}

TEST(Encode, EveryFailedAllocationIsReported) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  // Many marks need the buffers for canonical order too.
  std::string text = "hello";
  for (int i = 0; i < 200; ++i)
    text += i % 2 ? "\xcc\xa3" : "\xcc\x81";
  for (int i = 0; i < 300; ++i)
    text += " a";
  Memory all;
  EXPECT_EQ(tokenizer.encode(text, text, {}, &all).status, TextStatus::Ok);
  ASSERT_GT(all.calls, 5u);
  for (size_t allowed = 0; allowed < all.calls; ++allowed) {
    Memory memory;
    memory.allowed = allowed;
    EXPECT_EQ(tokenizer.encode(text, text, {}, &memory).status,
              TextStatus::OutOfMemory)
        << allowed;
    EXPECT_EQ(memory.live, 0u);
  }
}

TEST(Encode, TokenStrings) {
  LoadedTokenizer tokenizer = LoadedTokenizer::fromWords(english);
  const char *text = nullptr;
  size_t size = 0;
  EXPECT_EQ(rt::tokenString(tokenizer.get(), 6, &text, &size), TextStatus::Ok);
  EXPECT_EQ(llvm::StringRef(text, size), "##aff");
  EXPECT_EQ(rt::tokenString(tokenizer.get(), 20, &text, &size),
            TextStatus::NoSuchToken);
  EXPECT_EQ(rt::tokenString(tokenizer.get(), 0xffffffff, &text, &size),
            TextStatus::NoSuchToken);
}

} // namespace

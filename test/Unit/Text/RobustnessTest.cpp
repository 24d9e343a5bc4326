//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Damaged blobs and random bytes. Run under the sanitizers these show that no
// byte of either leads outside; here they show that it ends, with a status.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerUnicode.h"
#include "runtime/text/Normalize.h"
#include "test/Unit/Text/TextTest.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MemoryBuffer.h"
#include <chrono>
#include <gtest/gtest.h>
#include <random>

using namespace bertc;
using namespace bertc::test;
using rt::TextStatus;

namespace {

TokenizerData golden() {
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data =
      loadTokenizer(BERTC_GOLDEN_FOLDER "/tokenizer", notes);
  EXPECT_TRUE(bool(data)) << llvm::toString(data.takeError());
  return *data;
}

std::vector<uint64_t> words(const std::string &bytes) {
  std::vector<uint64_t> blob((bytes.size() + 7) / 8);
  memcpy(blob.data(), bytes.data(), bytes.size());
  return blob;
}

constexpr llvm::StringLiteral sample =
    "Hello [MASK] <new> stra\xc3\x9f"
    "e \xc4\xb0 a\xcc\x81\xcc\xa3 \xed\x95\x9c "
    "\xe5\x8c\x97\xe4\xba\xac hello don't \xe0\xbd\xb3 \xff";

/// Whether the blob loads and what it then does, which must be something.
TextStatus tryBlob(const std::vector<uint64_t> &blob, size_t size) {
  rt::Tokenizer tokenizer;
  const char *reason = nullptr;
  TextStatus status = rt::loadTokenizer(blob.data(), size, &tokenizer, &reason);
  if (status != TextStatus::Ok) {
    EXPECT_NE(reason, nullptr);
    return status;
  }
  Memory memory;
  rt::TextScratch scratch = rt::makeTextScratch(memory.allocator());
  std::vector<int32_t> ids(4096);
  rt::EncodeResult result = {};
  result.ids = ids.data();
  result.capacity = ids.size();
  status = rt::encodeText(tokenizer, &scratch, {sample.data(), sample.size()},
                          {"a", 1}, {}, &result);
  for (size_t i = 0; i < std::min(result.count, ids.size()); ++i) {
    const char *text = nullptr;
    size_t length = 0;
    rt::tokenString(tokenizer, ids[i], &text, &length);
  }
  rt::releaseTextScratch(&scratch);
  EXPECT_EQ(memory.live, 0u);
  return status;
}

/// Damaged files are refused or read as what they now say.
TEST(Robustness, DamagedFiles) {
  auto file = llvm::MemoryBuffer::getFile(BERTC_GOLDEN_FOLDER
                                          "/tokenizer/tokenizer.json");
  ASSERT_TRUE(bool(file));
  std::mt19937 random(4);
  size_t refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = (*file)->getBuffer().str();
    // Most of the file is the vocabulary; what is around it matters more.
    for (unsigned i = 0; i < 1 + random() % 3; ++i) {
      size_t at = random() % (random() % 2 ? 3000 : text.size());
      switch (random() % 3) {
      case 0:
        text[at] = static_cast<char>(random());
        break;
      case 1:
        text.erase(at, random() % 20);
        break;
      case 2:
        text.insert(at, text.substr(random() % text.size(), random() % 20));
        break;
      }
    }
    Folder folder;
    folder.write("tokenizer.json", text);
    std::vector<Diagnostic> notes;
    llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
    if (!data) {
      EXPECT_FALSE(llvm::toString(data.takeError()).empty());
      ++refused;
      continue;
    }
    std::string bytes = serializeTokenizer(*data);
    EXPECT_EQ(tryBlob(words(bytes), bytes.size()), TextStatus::Ok);
  }
  EXPECT_GT(refused, 200u);
}

TEST(Robustness, CutBlobs) {
  std::string bytes = serializeTokenizer(golden());
  std::vector<uint64_t> blob = words(bytes);
  EXPECT_EQ(tryBlob(blob, bytes.size()), TextStatus::Ok);
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 7)
    EXPECT_EQ(tryBlob(blob, size), TextStatus::Corrupt) << size;
  rt::Tokenizer tokenizer;
  EXPECT_EQ(rt::loadTokenizer(nullptr, 0, &tokenizer, nullptr),
            TextStatus::Corrupt);
  EXPECT_EQ(rt::loadTokenizer(reinterpret_cast<char *>(blob.data()) + 4,
                              bytes.size() - 8, &tokenizer, nullptr),
            TextStatus::Corrupt);
}

TEST(Robustness, DamagedHeaders) {
  std::string bytes = serializeTokenizer(golden());
  size_t refused = 0;
  for (size_t at = 0; at < sizeof(bertc_text_header); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<uint64_t> blob = words(bytes);
      reinterpret_cast<uint8_t *>(blob.data())[at] ^= 1 << bit;
      refused += tryBlob(blob, bytes.size()) == TextStatus::Corrupt;
    }
  EXPECT_GT(refused, 500u);
}

TEST(Robustness, DamagedTables) {
  std::string bytes = serializeTokenizer(golden());
  std::vector<uint64_t> blob = words(bytes);
  auto *data = reinterpret_cast<uint8_t *>(blob.data());
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<size_t, uint8_t>> undo;
    for (int i = 0; i < 2000; ++i) {
      size_t at = sizeof(bertc_text_header) +
                  random() % (bytes.size() - sizeof(bertc_text_header));
      undo.emplace_back(at, data[at]);
      data[at] = static_cast<uint8_t>(random());
    }
    tryBlob(blob, bytes.size());
    for (auto at = undo.rbegin(); at != undo.rend(); ++at)
      data[at->first] = at->second;
  }
  EXPECT_EQ(tryBlob(blob, bytes.size()), TextStatus::Ok);
}

TEST(Robustness, RandomBytes) {
  LoadedTokenizer tokenizer(golden());
  std::mt19937 random(2);
  for (int round = 0; round < 3000; ++round) {
    std::string text(random() % 300, '\0');
    for (char &c : text)
      c = random() % 4 ? sample[random() % sample.size()]
                       : static_cast<char>(random());
    Encoded encoded = tokenizer.encode(text, text);
    ASSERT_EQ(encoded.status, TextStatus::Ok);
    for (size_t i = 0; i < encoded.ids.size(); ++i) {
      ASSERT_LE(encoded.begin[i], encoded.end[i]);
      ASSERT_LE(encoded.end[i], text.size());
      // Within a text, tokens come in order.
      if (i > 0 && !encoded.special[i] && !encoded.special[i - 1]) {
        ASSERT_LE(encoded.begin[i - 1], encoded.begin[i]);
      }
    }
  }
}

/// Texts that a careless tokenizer handles in quadratic time.
TEST(Robustness, LinearTime) {
  TokenizerData data = golden();
  data.added.push_back({" ", 5, false, false, false, true, false});
  data.added.push_back({"[[[[[[[[[[[[x", 6, false, false, false, false, false});
  LoadedTokenizer tokenizer(data);
  auto repeat = [](llvm::StringRef text, size_t size) {
    std::string all;
    while (all.size() < size)
      all += text;
    return all;
  };
  auto start = std::chrono::steady_clock::now();
  for (llvm::StringRef unit :
       {"a", "a\xcc\x81", "\xcc\x81\xcc\xa3", "a\xcc\xa3\xcc\x81\xe3\x80\xae",
        " ", "[", "[MASK]", "\xff", "hello", "\xed\x95\x9c", "\xe5\x8c\x97",
        ".", "                a"})
    EXPECT_EQ(tokenizer.encode(repeat(unit, 500000)).status, TextStatus::Ok);
  auto seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  EXPECT_LT(seconds, 60.0);
}

/// The compiler normalizes added tokens, the runtime texts.
TEST(Robustness, BothNormalizersAgree) {
  const UnicodeTables &unicode = UnicodeTables::get();
  std::mt19937 random(3);
  auto code = [&]() -> uint32_t {
    static constexpr uint32_t interesting[] = {
        0x41,   0x130,   0x1e9e, 0xac01, 0x302,  0x323,   0x345, 0xf73,
        0x302e, 0x1d165, 0x4e00, 0xa0,   0x200b, 0x1d15e, 0x344, 0x1d16d};
    uint32_t any =
        random() % 3 ? interesting[random() % 16] : random() % 0x20000;
    return any >= 0xd800 && any < 0xe000 ? 'x' : any;
  };
  TokenizerData data = golden();
  for (uint32_t options = 0; options < 16; ++options) {
    data.cleanText = options & BERTC_TEXT_CLEAN;
    data.handleChineseChars = options & BERTC_TEXT_SPLIT_CJK;
    data.stripAccents = options & BERTC_TEXT_STRIP_ACCENTS;
    data.lowercase = options & BERTC_TEXT_LOWERCASE;
    ASSERT_EQ(data.options(), options);
    LoadedTokenizer tokenizer(data);
    Memory memory;
    rt::TextScratch scratch = rt::makeTextScratch(memory.allocator());
    for (int round = 0; round < 1000; ++round) {
      scratch.points.size = 0;
      rt::Normalizer normalizer(tokenizer.get(), &scratch, 0);
      std::string text, normalized;
      auto append = [](std::string &to, uint32_t point) {
        char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
        char *end = bytes;
        ASSERT_TRUE(llvm::ConvertCodePointToUTF8(point, end));
        to.append(bytes, end);
      };
      for (size_t i = random() % 24; i > 0; --i) {
        uint32_t point = code();
        append(text, point);
        normalizer.put({point, 0, 1});
      }
      normalizer.finish();
      for (size_t i = 0; i < scratch.points.size; ++i)
        append(normalized, scratch.points.data[i].code);
      ASSERT_EQ(unicode.normalize(text, options), normalized) << text;
    }
    rt::releaseTextScratch(&scratch);
  }
}

} // namespace

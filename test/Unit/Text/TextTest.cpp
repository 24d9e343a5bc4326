//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The helpers of TextTest.h.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Text/TextTest.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;

Folder::Folder() {
  EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("bertc-text", folder));
}

Folder::~Folder() { llvm::sys::fs::remove_directories(folder); }

void Folder::write(llvm::StringRef name, llvm::StringRef text) const {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << text;
  EXPECT_FALSE(error) << error.message();
}

std::string test::lines(llvm::ArrayRef<llvm::StringRef> tokens) {
  return llvm::join(tokens, "\n") + "\n";
}

static void *countedResize(void *state, void *block, size_t bytes) {
  auto &memory = *static_cast<Memory *>(state);
  if (bytes == 0) {
    memory.live -= block != nullptr;
    free(block);
    return nullptr;
  }
  if (memory.calls++ >= memory.allowed)
    return nullptr;
  memory.live += block == nullptr;
  return realloc(block, bytes);
}

rt::TextAllocator Memory::allocator() { return {countedResize, this}; }

LoadedTokenizer::LoadedTokenizer(const TokenizerData &data) {
  std::string bytes = serializeTokenizer(data);
  blob.resize((bytes.size() + 7) / 8);
  memcpy(blob.data(), bytes.data(), bytes.size());
  const char *reason = "";
  EXPECT_EQ(rt::loadTokenizer(blob.data(), bytes.size(), &tokenizer, &reason),
            rt::TextStatus::Ok)
      << reason;
}

LoadedTokenizer
LoadedTokenizer::fromWords(llvm::ArrayRef<llvm::StringRef> words,
                           llvm::StringRef config) {
  Folder folder;
  std::vector<llvm::StringRef> tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]",
                                         "[MASK]"};
  tokens.insert(tokens.end(), words.begin(), words.end());
  folder.write("vocab.txt", lines(tokens));
  folder.write("tokenizer_config.json", config);
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder.path(), notes);
  if (!data) {
    ADD_FAILURE() << llvm::toString(data.takeError());
    abort();
  }
  return LoadedTokenizer(*data);
}

Encoded LoadedTokenizer::encode(llvm::StringRef text,
                                std::optional<llvm::StringRef> pair,
                                rt::EncodeOptions options,
                                Memory *memory) const {
  Memory own;
  rt::TextScratch scratch =
      rt::makeTextScratch((memory ? memory : &own)->allocator());
  rt::Text second = {};
  if (pair)
    second = {pair->data(), pair->size()};
  Encoded encoded;
  rt::EncodeResult result = {};
  rt::Text first = {text.data(), text.size()};
  encoded.status =
      rt::encodeText(tokenizer, &scratch, first, second, options, &result);
  if (encoded.status == rt::TextStatus::Ok) {
    encoded.ids.resize(result.count);
    encoded.types.resize(result.count);
    encoded.begin.resize(result.count);
    encoded.end.resize(result.count);
    encoded.special.resize(result.count);
    result.ids = encoded.ids.data();
    result.typeIds = encoded.types.data();
    result.begin = encoded.begin.data();
    result.end = encoded.end.data();
    result.specialMask = encoded.special.data();
    result.capacity = result.count;
    encoded.status =
        rt::encodeText(tokenizer, &scratch, first, second, options, &result);
    encoded.dropped = result.dropped;
    encoded.malformed = result.malformed;
  }
  rt::releaseTextScratch(&scratch);
  EXPECT_EQ(own.live, 0u);
  return encoded;
}

std::string LoadedTokenizer::tokens(llvm::StringRef text) const {
  rt::EncodeOptions options = {};
  options.noSpecialTokens = true;
  Encoded encoded = encode(text, std::nullopt, options);
  EXPECT_EQ(encoded.status, rt::TextStatus::Ok);
  std::vector<llvm::StringRef> strings;
  for (int32_t id : encoded.ids) {
    const char *data = nullptr;
    size_t size = 0;
    EXPECT_EQ(rt::tokenString(tokenizer, id, &data, &size), rt::TextStatus::Ok);
    strings.emplace_back(data, size);
  }
  return llvm::join(strings, " ");
}

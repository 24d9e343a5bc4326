//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stored answers of the tokenizers package (test/Golden/tokenizer), so that the
// comparison needs no Python. test/Integration/tokenizer.py asks the package
// itself, and far more.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Text/TextTest.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>

using namespace bertc;
using namespace bertc::test;

namespace {

template <typename T>
std::vector<T> numbers(const llvm::json::Object &object, llvm::StringRef key) {
  std::vector<T> result;
  for (const llvm::json::Value &value : *object.getArray(key))
    result.push_back(static_cast<T>(*value.getAsInteger()));
  return result;
}

TEST(Golden, Texts) {
  std::string folder = BERTC_GOLDEN_FOLDER "/tokenizer";
  std::vector<Diagnostic> notes;
  llvm::Expected<TokenizerData> data = loadTokenizer(folder, notes);
  ASSERT_TRUE(bool(data)) << llvm::toString(data.takeError());
  EXPECT_TRUE(notes.empty());
  LoadedTokenizer uncased(*data);
  data->lowercase = data->stripAccents = false;
  LoadedTokenizer cased(*data);

  auto file = llvm::MemoryBuffer::getFile(folder + "/texts.jsonl");
  ASSERT_TRUE(bool(file));
  llvm::SmallVector<llvm::StringRef, 0> rows;
  (*file)->getBuffer().split(rows, '\n', -1, /*KeepEmpty=*/false);
  EXPECT_EQ(rows.size(), 500u);
  for (llvm::StringRef row : rows) {
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(row);
    ASSERT_TRUE(bool(value)) << llvm::toString(value.takeError());
    const llvm::json::Object &object = *value->getAsObject();
    const LoadedTokenizer &tokenizer =
        *object.getBoolean("cased") ? cased : uncased;
    rt::EncodeOptions options = {};
    options.maxTokens = *object.getInteger("limit");
    Encoded encoded = tokenizer.encode(*object.getString("text"),
                                       object.getString("pair"), options);
    EXPECT_EQ(encoded.status, rt::TextStatus::Ok);
    EXPECT_EQ(encoded.ids, numbers<int32_t>(object, "ids")) << row.str();
    EXPECT_EQ(encoded.types, numbers<int32_t>(object, "types")) << row.str();
    EXPECT_EQ(encoded.begin, numbers<uint32_t>(object, "begin")) << row.str();
    EXPECT_EQ(encoded.end, numbers<uint32_t>(object, "end")) << row.str();
    EXPECT_EQ(encoded.dropped,
              static_cast<size_t>(*object.getInteger("dropped")));
    EXPECT_EQ(encoded.malformed, 0u);
  }
}

} // namespace

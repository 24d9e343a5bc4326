//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the JSON layer accepts, and that positions point where they should.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "compiler/Import/Json.h"

using namespace bertc;
using namespace bertc::test;

namespace {
std::unique_ptr<JsonDocument> parse(std::string text) {
  auto document = JsonDocument::parse("test.json", std::move(text));
  EXPECT_TRUE(bool(document));
  if (!document) {
    llvm::consumeError(document.takeError());
    return nullptr;
  }
  return std::move(*document);
}
} // namespace

TEST(Json, AcceptsWhatTheStandardAllows) {
  for (const char *text :
       {"0", "-0", "-1.5e+3", "1E5", "true", "false", "null", "\"\"", "[]",
        "{}", " [ 1 , [ ] , { } ] ",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"\":0}",
        "\"\\u00e9\\ud83d\\ude00\\n\\/\\\\\\\"\"", "\"\xf0\x9f\x98\x80\x7f\""})
    EXPECT_FALSE(scanJson(text)) << text << ": " << scanJson(text)->message;
}

TEST(Json, AcceptsTheDeepestNestingAndNoDeeper) {
  std::string open(maxJsonDepth, '['), close(maxJsonDepth, ']');
  EXPECT_FALSE(scanJson(open + close));
  EXPECT_TRUE(scanJson("[" + open + close + "]"));
  ASSERT_TRUE(parse(open + close));
}

TEST(Json, RejectsEveryPrefix) {
  std::string text =
      R"({"a": [1.5e-3, true, null, "x\u00e9\\"], "b": {"c": {}, "d": []}})";
  ASSERT_FALSE(scanJson(text));
  for (size_t size = 0; size < text.size(); ++size)
    EXPECT_TRUE(scanJson(text.substr(0, size))) << text.substr(0, size);
}

TEST(Json, SurvivesEveryByteChange) {
  const std::string text =
      R"({"a": [1.5e-3, true, null, "x\ud83d\ude00\\"], "b": {"c": -0}})";
  for (size_t i = 0; i < text.size(); ++i)
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[i] = static_cast<char>(byte);
      if (!llvm::json::isUTF8(changed))
        continue;
      // What the scanner accepts, the parser and the walker accept too.
      auto document = JsonDocument::parse("test.json", changed);
      if (!document) {
        std::string message = llvm::toString(document.takeError());
        EXPECT_EQ(message.find("invalid JSON"), std::string::npos) << message;
        continue;
      }
      EXPECT_LT(locateJson(changed, {"a", size_t(3)}), changed.size());
      EXPECT_LT(locateJson(changed, {"b", "c"}), changed.size());
    }
}

TEST(Json, LocatesValuesAndKeys) {
  const std::string text = "{\n  \"a\": [1, {\"b\\u0063\": \"}]\"}, 3],\n"
                           "  \"d\": \"\\\"\"\n}";
  auto at = [&](llvm::ArrayRef<JsonStep> path, bool key = false) {
    return llvm::StringRef(text).substr(locateJson(text, path, key));
  };
  EXPECT_TRUE(at({}).starts_with("{\n"));
  EXPECT_TRUE(at({"a"}).starts_with("[1,"));
  EXPECT_TRUE(at({"a"}, true).starts_with("\"a\""));
  EXPECT_TRUE(at({"a", size_t(1), "bc"}).starts_with("\"}]\""));
  EXPECT_TRUE(at({"a", size_t(1), "bc"}, true).starts_with("\"b\\u0063\""));
  EXPECT_TRUE(at({"a", size_t(2)}).starts_with("3]"));
  EXPECT_TRUE(at({"d"}).starts_with("\"\\\"\"\n"));
  // A path that leads nowhere ends where it still was right.
  EXPECT_TRUE(at({"a", size_t(7)}).starts_with("[1,"));
  EXPECT_TRUE(at({"x"}).starts_with("{\n"));
}

TEST(Json, ColumnsCountCharactersAndLongLinesAreCut) {
  std::string text = "{\"\xc3\xa9\": \"" + std::string(500, 'x') +
                     "\", \"size\": 7, \"tail\": \"" + std::string(500, 'y') +
                     "\"}";
  auto document = parse(text);
  ASSERT_TRUE(document);
  SourceLocation location = document->cursor().find("size")->location();
  EXPECT_EQ(location.line, 1u);
  EXPECT_EQ(location.column, 519u);
  EXPECT_LT(location.excerpt.size(), 120u);
  EXPECT_EQ(location.excerpt.substr(location.caret, 2), "7,");
}

TEST(Json, ByteOrderMarkIsDropped) {
  TemporaryFolder folder;
  folder.write("a.json", "\xef\xbb\xbf{\"a\": 1}");
  auto document = JsonDocument::load(folder.path("a.json"));
  ASSERT_TRUE(bool(document));
  EXPECT_EQ(*(*document)->cursor().find("a")->asInteger(0, 1), 1);
}

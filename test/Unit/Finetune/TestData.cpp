//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The longer text of a pair is cut first, as the tokenizers of models do.
//
//===----------------------------------------------------------------------===//
#include "TestData.h"

#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::finetune;

std::string test::message(llvm::Error error) {
  std::string text;
  llvm::raw_string_ostream os(text);
  reportError(std::move(error), os);
  return text;
}

static std::vector<std::pair<uint32_t, uint32_t>> pieces(llvm::StringRef text) {
  std::vector<std::pair<uint32_t, uint32_t>> found;
  for (uint32_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    uint32_t end = at;
    while (end < text.size() && end < at + 3 && text[end] != ' ')
      ++end;
    found.emplace_back(at, end);
    at = end;
  }
  return found;
}

llvm::Expected<Tokens>
test::tokenizeInThrees(llvm::StringRef text,
                       std::optional<llvm::StringRef> pair,
                       uint32_t maxTokens) {
  Tokens tokens;
  auto add = [&](int32_t id, int32_t type, uint32_t begin, uint32_t end,
                 bool special) {
    tokens.ids.push_back(id);
    tokens.types.push_back(type);
    tokens.begin.push_back(begin);
    tokens.end.push_back(end);
    tokens.special.push_back(special);
  };
  auto first = pieces(text), second = pieces(pair.value_or(""));
  size_t special = pair ? 3 : 2;
  while (maxTokens && first.size() + second.size() + special > maxTokens) {
    (second.size() > first.size() ? second : first).pop_back();
    ++tokens.dropped;
  }
  add(1, 0, 0, 0, true);
  for (auto [begin, end] : first)
    add(int32_t(10 + end - begin), 0, begin, end, false);
  add(2, 0, 0, 0, true);
  for (auto [begin, end] : second)
    add(int32_t(10 + end - begin), 1, begin, end, false);
  if (pair)
    add(2, 1, 0, 0, true);
  return tokens;
}

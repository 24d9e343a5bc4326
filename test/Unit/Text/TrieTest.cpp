//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Double-array tries: every key is found, nothing else is, in any order of
// building.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerTrie.h"
#include "runtime/text/Lookup.h"
#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <random>

using namespace bertc;

namespace {

uint32_t find(const std::vector<bertc_text_unit> &units, llvm::StringRef key) {
  rt::Trie trie{units.data(), static_cast<uint32_t>(units.size())};
  uint32_t node = 0;
  for (unsigned char byte : key) {
    node = rt::trieChild(trie, node, byte);
    if (node == BERTC_TEXT_NONE)
      return BERTC_TEXT_NONE;
  }
  return rt::trieValue(trie, node);
}

TEST(Trie, Empty) {
  EXPECT_TRUE(buildTrie({}).empty());
  EXPECT_EQ(findNode({}, "a"), BERTC_TEXT_NONE);
}

TEST(Trie, AllBytesAndPrefixes) {
  std::vector<std::string> keys;
  for (int byte = 0; byte < 256; ++byte) {
    keys.emplace_back(1, static_cast<char>(byte));
    keys.push_back("ab" + std::string(1, static_cast<char>(byte)));
  }
  std::vector<TrieEntry> entries;
  for (size_t i = 0; i < keys.size(); ++i)
    entries.push_back({keys[i], static_cast<uint32_t>(i)});
  std::vector<bertc_text_unit> units = buildTrie(entries);
  for (const TrieEntry &entry : entries)
    EXPECT_EQ(find(units, entry.key), entry.value);
  EXPECT_EQ(find(units, "ab"), BERTC_TEXT_NONE);
  EXPECT_EQ(find(units, "abcd"), BERTC_TEXT_NONE);
  EXPECT_EQ(find(units, ""), BERTC_TEXT_NONE);
  EXPECT_NE(findNode(units, "ab"), BERTC_TEXT_NONE);
}

TEST(Trie, RandomKeysInAnyOrder) {
  std::mt19937 random(7);
  std::map<std::string, uint32_t> keys;
  auto make = [&] {
    std::string key(1 + random() % 6, 'a');
    for (char &c : key)
      c = static_cast<char>(random() % 3 ? 'a' + random() % 4 : random());
    return key;
  };
  while (keys.size() < 5000)
    keys.emplace(make(), keys.size());
  std::vector<TrieEntry> entries;
  for (const auto &[key, value] : keys)
    entries.push_back({key, value});
  std::vector<bertc_text_unit> units = buildTrie(entries);
  std::shuffle(entries.begin(), entries.end(), random);
  std::vector<bertc_text_unit> again = buildTrie(entries);
  ASSERT_EQ(units.size(), again.size());
  EXPECT_EQ(memcmp(units.data(), again.data(),
                   units.size() * sizeof(bertc_text_unit)),
            0);
  for (int round = 0; round < 20000; ++round) {
    std::string key = make();
    auto at = keys.find(key);
    ASSERT_EQ(find(units, key),
              at == keys.end() ? BERTC_TEXT_NONE : at->second);
  }
  for (const auto &[key, value] : keys)
    ASSERT_EQ(find(units, key), value);
}

} // namespace

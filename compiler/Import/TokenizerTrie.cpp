//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nodes are placed breadth first, each node's children at the first place where
// all of them fit. Breadth first keeps the top levels, which every walk visits,
// in few pages.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/TokenizerTrie.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include <deque>

using namespace bertc;

namespace {

/// Entries [begin, end) agree in their first `depth` bytes, the way to `node`.
struct Span {
  uint32_t node;
  size_t begin;
  size_t end;
  size_t depth;
};

struct Placer {
  static constexpr uint32_t freeUnit = BERTC_TEXT_NONE;
  std::vector<bertc_text_unit> units{{0, 0}};
  uint32_t firstFree = 1;

  bool isFree(uint32_t at) const {
    return at >= units.size() || units[at].check == freeUnit;
  }

  /// Where children with `labels` (rising) all fit.
  uint32_t findBase(llvm::ArrayRef<uint32_t> labels) {
    while (!isFree(firstFree))
      ++firstFree;
    uint32_t misses = 0;
    for (uint32_t first = std::max(firstFree, labels[0] + 1);; ++first) {
      if (!isFree(first))
        continue;
      uint32_t base = first - labels[0];
      if (llvm::all_of(labels,
                       [&](uint32_t label) { return isFree(base + label); })) {
        // A stretch that refused many is nearly full: give up on it.
        if (misses > 64)
          firstFree = first;
        return base;
      }
      ++misses;
    }
  }

  void claim(uint32_t at, uint32_t parent) {
    if (at >= units.size())
      units.resize(at + 1, {0, freeUnit});
    units[at].check = parent;
  }
};

} // namespace

std::vector<bertc_text_unit> bertc::buildTrie(std::vector<TrieEntry> entries) {
  if (entries.empty())
    return {};
  llvm::sort(entries, [](const TrieEntry &a, const TrieEntry &b) {
    return a.key < b.key;
  });
  Placer placer;
  std::deque<Span> todo{{0, 0, entries.size(), 0}};
  while (!todo.empty()) {
    Span span = todo.front();
    todo.pop_front();
    auto labelOf = [&](size_t i) -> uint32_t {
      llvm::StringRef key = entries[i].key;
      return key.size() == span.depth
                 ? 0
                 : 1 + static_cast<uint8_t>(key[span.depth]);
    };
    std::vector<uint32_t> labels;
    std::vector<size_t> starts;
    for (size_t i = span.begin; i < span.end; ++i) {
      if (!labels.empty() && labels.back() == labelOf(i))
        continue;
      labels.push_back(labelOf(i));
      starts.push_back(i);
    }
    starts.push_back(span.end);
    uint32_t base = placer.findBase(labels);
    placer.units[span.node].base = base;
    for (size_t i = 0; i < labels.size(); ++i) {
      uint32_t child = base + labels[i];
      placer.claim(child, span.node);
      if (labels[i] == 0)
        placer.units[child].base = entries[starts[i]].value;
      else
        todo.push_back({child, starts[i], starts[i + 1], span.depth + 1});
    }
  }
  return std::move(placer.units);
}

uint32_t bertc::findNode(const std::vector<bertc_text_unit> &trie,
                         llvm::StringRef key) {
  uint32_t node = trie.empty() ? BERTC_TEXT_NONE : 0;
  for (unsigned char byte : key) {
    if (node == BERTC_TEXT_NONE)
      break;
    uint32_t child = trie[node].base + 1 + byte;
    node = child < trie.size() && trie[child].check == node ? child
                                                            : BERTC_TEXT_NONE;
  }
  return node;
}

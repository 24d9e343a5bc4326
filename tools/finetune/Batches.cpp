//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nothing is padded, so lengths need not be alike to save work. They are
// grouped so that batches by tokens take equal time.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Batches.h"
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using namespace bertc;
using namespace bertc::finetune;

using Batches = std::vector<std::vector<uint32_t>>;

uint64_t SplitMix64::next() {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

uint64_t SplitMix64::below(uint64_t bound) {
  // Numbers from the last, incomplete stretch of `bound` would favour some.
  uint64_t limit = -bound % bound; // 2^64 mod bound
  uint64_t number;
  do
    number = next();
  while (number < limit);
  return number % bound;
}

template <typename T>
static void shuffle(std::vector<T> &items, SplitMix64 &random) {
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1], items[random.below(i)]);
}

/// Cuts a list into batches: by tokens if that is not 0, else by sequences.
static Batches cut(llvm::ArrayRef<uint32_t> order,
                   llvm::ArrayRef<size_t> lengths, size_t sequences,
                   size_t tokens) {
  Batches batches;
  size_t sum = 0;
  for (uint32_t index : order) {
    bool full =
        batches.empty() || (tokens ? sum + lengths[index] > tokens
                                   : batches.back().size() == sequences);
    if (full) {
      batches.emplace_back();
      sum = 0;
    }
    batches.back().push_back(index);
    sum += lengths[index];
  }
  return batches;
}

std::vector<size_t> finetune::exampleLengths(const ExampleSet &set) {
  std::vector<size_t> lengths(set.size());
  for (size_t i = 0; i < set.size(); ++i)
    lengths[i] = set.length(i);
  return lengths;
}

Batches finetune::epochBatches(llvm::ArrayRef<size_t> lengths,
                               const BatchOptions &options, uint64_t epoch) {
  // Two rounds put seed and epoch apart from those of their neighbours.
  SplitMix64 random(SplitMix64(options.seed).next() + epoch);
  std::vector<uint32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, random);
  bool group = options.groupByLength || options.tokens;
  if (!group)
    return cut(order, lengths, options.sequences, 0);

  size_t total = std::accumulate(lengths.begin(), lengths.end(), size_t(0));
  size_t perBatch = options.sequences;
  if (options.tokens)
    perBatch = std::max<size_t>(1, options.tokens * lengths.size() /
                                       std::max<size_t>(total, 1));
  size_t piece = perBatch * 50;
  std::vector<size_t> place(order.size());
  for (auto [i, index] : llvm::enumerate(order))
    place[index] = i;
  for (size_t begin = 0; begin < order.size(); begin += piece) {
    auto end = order.begin() + std::min(begin + piece, order.size());
    std::sort(order.begin() + begin, end, [&](uint32_t a, uint32_t b) {
      return lengths[a] != lengths[b] ? lengths[a] > lengths[b]
                                      : place[a] < place[b];
    });
  }
  Batches batches = cut(order, lengths, options.sequences, options.tokens);
  shuffle(batches, random);
  auto longest = [&](const std::vector<uint32_t> &batch) {
    size_t most = 0;
    for (uint32_t index : batch)
      most = std::max(most, lengths[index]);
    return most;
  };
  auto first = llvm::max_element(
      batches, [&](auto &a, auto &b) { return longest(a) < longest(b); });
  if (first != batches.end())
    std::swap(*first, batches.front());
  return batches;
}

Batches finetune::evaluationBatches(llvm::ArrayRef<size_t> lengths,
                                    size_t sequences, size_t tokens) {
  std::vector<uint32_t> order(lengths.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](uint32_t a, uint32_t b) {
    return lengths[a] != lengths[b] ? lengths[a] > lengths[b] : a < b;
  });
  return cut(order, lengths, sequences, tokens);
}

Batch finetune::makeBatch(const ExampleSet &set, const Task &task,
                          llvm::ArrayRef<uint32_t> indexes) {
  Batch batch;
  batch.indexes = indexes.vec();
  batch.cuSeqlens.push_back(0);
  for (uint32_t index : indexes) {
    size_t begin = set.offsets[index], end = set.offsets[index + 1];
    auto slice = [&](auto &to, const auto &from, size_t first, size_t last) {
      to.insert(to.end(), from.begin() + first, from.begin() + last);
    };
    slice(batch.ids, set.ids, begin, end);
    slice(batch.types, set.types, begin, end);
    batch.cuSeqlens.push_back(int32_t(batch.ids.size()));
    switch (task.kind) {
    case TaskKind::Classify:
      batch.classes.push_back(set.classes[index]);
      break;
    case TaskKind::Tag:
      slice(batch.classes, set.classes, begin, end);
      break;
    case TaskKind::Answer:
      slice(batch.classes, set.classes, 2 * index, 2 * index + 2);
      break;
    case TaskKind::MultiLabel:
    case TaskKind::Regress:
      slice(batch.numbers, set.numbers, size_t(index) * task.labels,
            (size_t(index) + 1) * task.labels);
      break;
    }
  }
  return batch;
}

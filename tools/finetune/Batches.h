//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which examples a model sees together, and when. The order of an epoch is a
// function of the seed and the epoch alone, so a position is two numbers, and a
// training goes on wherever it stopped.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_BATCHES_H
#define BERTC_TOOLS_FINETUNE_BATCHES_H

#include "tools/finetune/Examples.h"

namespace bertc::finetune {

struct BatchOptions {
  size_t sequences = 8; ///< In a batch, unless `tokens` is not 0.
  size_t tokens = 0;    ///< In a batch, at most; a longer example is alone.
  uint64_t seed = 42;
  /// Batches hold examples of similar lengths. Always so with `tokens`.
  bool groupByLength = false;
};

/// The batches of an epoch, as indexes of examples. All examples are shuffled:
/// Fisher-Yates with the numbers of splitmix64. With `groupByLength` pieces of
/// 50 batches of the shuffled list are sorted by length (equal ones stay in
/// order), and the batches then shuffled, the one with the longest example
/// first, so that memory grows at once: the sampler of transformers.
std::vector<std::vector<uint32_t>> epochBatches(llvm::ArrayRef<size_t> lengths,
                                                const BatchOptions &options,
                                                uint64_t epoch);

/// All examples in the order of their lengths, for evaluation.
std::vector<std::vector<uint32_t>>
evaluationBatches(llvm::ArrayRef<size_t> lengths, size_t sequences,
                  size_t tokens);

std::vector<size_t> exampleLengths(const ExampleSet &set);

/// What a call of the trainer gets.
struct Batch {
  std::vector<uint32_t> indexes; ///< Of the examples.
  std::vector<int32_t> ids, types, cuSeqlens;
  std::vector<int32_t> classes; ///< As ExampleSet::classes.
  std::vector<float> numbers;   ///< As ExampleSet::numbers.
  size_t sequences() const { return cuSeqlens.size() - 1; }
};

Batch makeBatch(const ExampleSet &set, const Task &task,
                llvm::ArrayRef<uint32_t> indexes);

/// Vigna's splitmix64: Steele, Lea and Flood 2014, "Fast splittable
/// pseudorandom number generators".
class SplitMix64 {
public:
  explicit SplitMix64(uint64_t state) : state(state) {}
  uint64_t next();
  /// Uniform in [0, bound), without bias.
  uint64_t below(uint64_t bound);

private:
  uint64_t state;
};

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_BATCHES_H

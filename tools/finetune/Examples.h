//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Examples as a model learns from them: token ids and labels, one sequence
// after another without padding.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_EXAMPLES_H
#define BERTC_TOOLS_FINETUNE_EXAMPLES_H

#include "tools/finetune/Records.h"
#include <functional>

namespace bertc::finetune {

/// What the tokenizer of a model makes of a text.
struct Tokens {
  std::vector<int32_t> ids, types;
  std::vector<uint32_t> begin, end; ///< Bytes of the text that `types` tells.
  std::vector<uint8_t> special;
  size_t dropped = 0; ///< Tokens cut off.
};

/// A text, a second one or nothing, and the longest result in tokens; 0 keeps
/// every token.
using Tokenizer = std::function<llvm::Expected<Tokens>(
    llvm::StringRef, std::optional<llvm::StringRef>, uint32_t)>;

struct ExampleSet {
  std::vector<size_t> offsets{0};  ///< Example i: tokens offsets[i] to [i + 1].
  std::vector<int32_t> ids, types; ///< Of each token.
  std::vector<unsigned> lines;     ///< Of each example, in its file.
  /// Classify: [examples]; Tag: [tokens]; Answer: [examples, 2].
  std::vector<int32_t> classes;
  /// MultiLabel, Regress: [examples, labels].
  std::vector<float> numbers;
  size_t cut = 0; ///< Examples whose text was cut to the longest length.

  size_t size() const { return lines.size(); }
  size_t length(size_t i) const { return offsets[i + 1] - offsets[i]; }
  void append(const Tokens &tokens, unsigned line);
};

/// What becomes of a file. Labels are still those of the file, which may be all
/// that tells their names; `applyLabels` makes them the head's.
struct RawExamples {
  ExampleSet examples;
  FileLabels labels;
  /// Labels of example i: fileLabels[labelOffsets[i]] to [i + 1]; MultiLabel.
  std::vector<size_t> labelOffsets{0};
  std::vector<uint32_t> fileLabels;
};

/// Any format but SQuAD's. `maxLength` in tokens, special ones included.
llvm::Expected<RawExamples>
readExamples(const DataFile &file, FileFormat format,
             const DataOptions &options, const Task &task,
             const Tokenizer &tokenizer, uint32_t maxLength);

/// The examples with labels of the head.
llvm::Expected<ExampleSet> applyLabels(RawExamples &&raw, const DataFile &file,
                                       const LabelNames &names,
                                       const Task &task);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_EXAMPLES_H

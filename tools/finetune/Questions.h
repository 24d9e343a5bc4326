//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Questions and answers, as SQuAD's JSON has them (version 1, and version 2
// with questions that the text does not answer), and the windows of a long
// text that a model reads them in.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_QUESTIONS_H
#define BERTC_TOOLS_FINETUNE_QUESTIONS_H

#include "tools/finetune/Examples.h"

namespace bertc::finetune {

struct Answer {
  std::string text;
  uint32_t begin = 0, end = 0; ///< Bytes of the context.
};

struct Question {
  std::string id, text;
  uint32_t context = 0; ///< Index of QuestionSet::contexts.
  bool impossible = false;
  std::vector<Answer> answers; ///< None if impossible.
  unsigned line = 0;
  size_t offset = 0; ///< Of its object in the file.
};

struct QuestionSet {
  std::vector<std::string> contexts;
  std::vector<Question> questions;
  bool anyImpossible = false;
};

llvm::Expected<QuestionSet> readQuestions(const DataFile &file);

/// The windows of all questions, a sequence each:
///   [CLS] question [SEP] a part of the context [SEP]
struct WindowSet {
  ExampleSet
      examples; ///< classes: first and last token of the answer, or 0, 0.
  std::vector<uint32_t> question; ///< Of each window.
  /// Of each token the bytes of the context; equal for others.
  std::vector<uint32_t> begin, end;
};

/// `stride` is how many tokens of context two windows share, as in the scripts
/// of transformers. An answer that is not whole in a window is none there.
llvm::Expected<WindowSet> makeWindows(const DataFile &file,
                                      const QuestionSet &set,
                                      const Tokenizer &tokenizer,
                                      uint32_t maxLength, uint32_t stride);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_QUESTIONS_H

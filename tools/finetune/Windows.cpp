//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A question and its context are tokenized once and whole, which also gives the
// special tokens around them. Windows are slices of the context between what
// stands before and behind it.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Questions.h"

using namespace bertc;
using namespace bertc::finetune;

/// The tokens of the context within [first, last) whose bytes cover the answer:
/// first and last token, as the scripts of transformers choose them.
static std::optional<std::pair<size_t, size_t>>
findAnswer(const Tokens &tokens, size_t first, size_t last,
           const Answer &answer) {
  if (first == last || tokens.begin[first] > answer.begin ||
      tokens.end[last - 1] < answer.end)
    return std::nullopt;
  size_t from = first, to = last - 1;
  while (from + 1 < last && tokens.begin[from + 1] <= answer.begin)
    ++from;
  while (to > first && tokens.end[to - 1] >= answer.end)
    --to;
  // Never backwards: an answer of blanks lies between two tokens.
  if (to < from)
    return std::nullopt;
  return std::pair(from, to);
}

namespace {
class Slicer {
public:
  Slicer(const Question &question, uint32_t index, const Tokens &tokens,
         WindowSet &out)
      : question(question), index(index), tokens(tokens), out(out) {
    while (contextBegin < tokens.ids.size() &&
           (tokens.special[contextBegin] || tokens.types[contextBegin] != 1))
      ++contextBegin;
    contextEnd = contextBegin;
    while (contextEnd < tokens.ids.size() && !tokens.special[contextEnd])
      ++contextEnd;
  }
  size_t contextTokens() const { return contextEnd - contextBegin; }
  size_t otherTokens() const { return tokens.ids.size() - contextTokens(); }

  /// Tokens [first, last) of all, which are context, between the others.
  void window(size_t first, size_t last) {
    ExampleSet &set = out.examples;
    auto add = [&](size_t from, size_t to, bool context) {
      for (size_t i = from; i < to; ++i) {
        set.ids.push_back(tokens.ids[i]);
        set.types.push_back(tokens.types[i]);
        out.begin.push_back(context ? tokens.begin[i] : 0);
        out.end.push_back(context ? tokens.end[i] : 0);
      }
    };
    add(0, contextBegin, false);
    add(first, last, true);
    add(contextEnd, tokens.ids.size(), false);
    set.offsets.push_back(set.ids.size());
    set.lines.push_back(question.line);
    out.question.push_back(index);
    std::pair<size_t, size_t> span(0, 0);
    if (!question.answers.empty())
      if (auto found =
              findAnswer(tokens, first, last, question.answers.front()))
        span = {contextBegin + found->first - first,
                contextBegin + found->second - first};
    set.classes.push_back(int32_t(span.first));
    set.classes.push_back(int32_t(span.second));
  }

  size_t contextBegin = 0, contextEnd = 0;

private:
  const Question &question;
  uint32_t index;
  const Tokens &tokens;
  WindowSet &out;
};
} // namespace

llvm::Expected<WindowSet> finetune::makeWindows(const DataFile &file,
                                                const QuestionSet &set,
                                                const Tokenizer &tokenizer,
                                                uint32_t maxLength,
                                                uint32_t stride) {
  WindowSet out;
  for (auto [index, question] : llvm::enumerate(set.questions)) {
    auto tokens = tokenizer(question.text,
                            llvm::StringRef(set.contexts[question.context]), 0);
    if (!tokens)
      return tokens.takeError();
    Slicer slicer(question, uint32_t(index), *tokens, out);
    if (slicer.contextTokens() == 0)
      return file.error(question.offset,
                        "the context of this question has no tokens");
    // What a window has room for beside the question; every window must reach
    // beyond the one before it.
    size_t others = slicer.otherTokens();
    size_t room = others < maxLength ? maxLength - others : 0;
    if (room <= stride && slicer.contextTokens() > room)
      return file.error(
          question.offset,
          "the question of " + llvm::Twine(others) +
              " tokens leaves room for " + llvm::Twine(room) +
              " of the context, expected more than --doc_stride " +
              llvm::Twine(stride),
          "shorten the question, raise --max_seq_length or lower "
          "--doc_stride");
    for (size_t first = slicer.contextBegin;; first += room - stride) {
      size_t last = std::min(first + room, slicer.contextEnd);
      slicer.window(first, last);
      if (last == slicer.contextEnd)
        break;
    }
  }
  return out;
}

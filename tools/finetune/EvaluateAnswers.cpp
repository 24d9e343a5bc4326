//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Answers from the logits of first and last tokens, as
// postprocess_qa_predictions of transformers finds them: of each window the
// best firsts and lasts are combined, and the best pair over all windows wins.
// Where the file has questions without an answer, "none" competes, with the
// least score that [CLS] has in a window.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Evaluate.h"
#include "llvm/ADT/STLExtras.h"
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::finetune;

namespace {

struct Best {
  double score = -std::numeric_limits<double>::infinity();
  uint32_t begin = 0, end = 0;
  double null = std::numeric_limits<double>::infinity();
};

class AnswerEvaluator : public Evaluator {
public:
  AnswerEvaluator(const QuestionSet &questions, const WindowSet &windows,
                  const AnswerOptions &options)
      : questions(questions), windows(windows), options(options),
        best(questions.questions.size()) {
    perToken = true;
  }
  void add(llvm::ArrayRef<uint32_t> indexes,
           llvm::ArrayRef<float> logits) override {
    for (uint32_t index : indexes) {
      size_t length = windows.examples.length(index);
      addWindow(index, logits.take_front(2 * length));
      logits = logits.drop_front(2 * length);
    }
  }
  MetricList metrics() const override;

private:
  void addWindow(uint32_t index, llvm::ArrayRef<float> rows);
  std::string predicted(size_t question) const;

  const QuestionSet &questions;
  const WindowSet &windows;
  AnswerOptions options;
  std::vector<Best> best;
  double loss = 0;
  size_t count = 0;
};

} // namespace

/// Indexes of the `n` largest; of equal ones the later come first, as numpy's
/// argsort turned round has it.
static std::vector<uint32_t> largest(llvm::ArrayRef<float> values, unsigned n) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](uint32_t a, uint32_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a > b;
  });
  order.resize(std::min<size_t>(n, order.size()));
  return order;
}

void AnswerEvaluator::addWindow(uint32_t index, llvm::ArrayRef<float> rows) {
  size_t length = rows.size() / 2, at = windows.examples.offsets[index];
  std::vector<float> first(length), last(length);
  for (size_t t = 0; t < length; ++t) {
    first[t] = rows[2 * t];
    last[t] = rows[2 * t + 1];
  }
  const ExampleSet &set = windows.examples;
  loss += (crossEntropy(first, set.classes[2 * index]) +
           crossEntropy(last, set.classes[2 * index + 1])) /
          2;
  ++count;

  Best &answer = best[windows.question[index]];
  answer.null = std::min(answer.null, double(first[0]) + double(last[0]));
  auto isContext = [&](uint32_t t) {
    return windows.end[at + t] > windows.begin[at + t];
  };
  auto lasts = largest(last, options.nBest);
  for (uint32_t from : largest(first, options.nBest)) {
    if (!isContext(from))
      continue;
    for (uint32_t to : lasts) {
      if (!isContext(to) || to < from || to - from >= options.maxAnswerLength)
        continue;
      double score = double(first[from]) + double(last[to]);
      if (score > answer.score) {
        answer.score = score;
        answer.begin = windows.begin[at + from];
        answer.end = windows.end[at + to];
      }
    }
  }
}

std::string AnswerEvaluator::predicted(size_t question) const {
  const Best &answer = best[question];
  if (answer.end == 0)
    return "";
  if (questions.anyImpossible &&
      answer.null - answer.score > options.nullScoreDiffThreshold)
    return "";
  return llvm::StringRef(
             questions.contexts[questions.questions[question].context])
      .slice(answer.begin, answer.end)
      .str();
}

MetricList AnswerEvaluator::metrics() const {
  struct Sums {
    double exact = 0, f1 = 0;
    size_t count = 0;
    double percent(double sum) const {
      return count ? 100 * sum / double(count) : 0;
    }
  } all, answered, unanswered;
  for (auto [i, question] : llvm::enumerate(questions.questions)) {
    std::string text = predicted(i);
    std::vector<std::string> answers;
    for (const Answer &answer : question.answers)
      if (!normalizeAnswer(answer.text).empty())
        answers.push_back(answer.text);
    double exact = exactMatch(text, answers), f1 = answerF1(text, answers);
    for (Sums *sums : {&all, question.impossible ? &unanswered : &answered}) {
      sums->exact += exact;
      sums->f1 += f1;
      ++sums->count;
    }
  }
  MetricList list{{"loss", count ? loss / double(count) : 0},
                  {"exact_match", all.percent(all.exact)},
                  {"f1", all.percent(all.f1)}};
  if (questions.anyImpossible) {
    list.emplace_back("HasAns_exact", answered.percent(answered.exact));
    list.emplace_back("HasAns_f1", answered.percent(answered.f1));
    list.emplace_back("NoAns_exact", unanswered.percent(unanswered.exact));
    list.emplace_back("NoAns_f1", unanswered.percent(unanswered.f1));
  }
  return list;
}

std::unique_ptr<Evaluator>
finetune::makeAnswerEvaluator(const QuestionSet &questions,
                              const WindowSet &windows,
                              const AnswerOptions &options) {
  return std::make_unique<AnswerEvaluator>(questions, windows, options);
}

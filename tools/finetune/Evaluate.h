//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the logits of an evaluation file to its metrics, which are called as in
// the example scripts of transformers: loss, accuracy, f1, ...
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_EVALUATE_H
#define BERTC_TOOLS_FINETUNE_EVALUATE_H

#include "tools/finetune/Metrics.h"
#include "tools/finetune/Questions.h"
#include <memory>

namespace bertc::finetune {

/// Takes the logits of all examples of a set, in any order.
class Evaluator {
public:
  virtual ~Evaluator() = default;
  /// Logits of the examples `indexes`, one after another: a row of
  /// Task::labels for each example, or for each token if `perToken`.
  virtual void add(llvm::ArrayRef<uint32_t> indexes,
                   llvm::ArrayRef<float> logits) = 0;
  virtual MetricList metrics() const = 0;
  bool perToken = false;
};

struct AnswerOptions {
  unsigned nBest = 20;           ///< Firsts and lasts that are combined.
  unsigned maxAnswerLength = 30; ///< In tokens.
  /// No answer wins if its score is larger by more than this.
  double nullScoreDiffThreshold = 0;
};

/// Classify, MultiLabel, Regress and Tag. `set` and `names` must outlive it.
std::unique_ptr<Evaluator>
makeEvaluator(const ExampleSet &set, const Task &task, const LabelNames &names);
/// Answer.
std::unique_ptr<Evaluator> makeAnswerEvaluator(const QuestionSet &questions,
                                               const WindowSet &windows,
                                               const AnswerOptions &options);

/// -log of the softmax of `row` at `label`.
double crossEntropy(llvm::ArrayRef<float> row, int32_t label);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_EVALUATE_H

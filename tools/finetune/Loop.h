//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A training: batches in their order, updates, records, evaluations and
// checkpoints. All that it does depends on its options and the position alone,
// so one that was stopped goes on as if it had not been.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_LOOP_H
#define BERTC_TOOLS_FINETUNE_LOOP_H

#include "tools/finetune/Evaluate.h"
#include "tools/finetune/Progress.h"
#include "tools/finetune/Trainer.h"
#include <csignal>

namespace bertc::finetune {

enum class Strategy { No, Steps, Epoch };

/// Names and defaults are those of transformers.TrainingArguments.
struct LoopOptions {
  BatchOptions batches;
  size_t evalSequences = 8; ///< In a batch of an evaluation.
  double epochs = 3;
  int64_t maxSteps = -1; ///< Updates; from 0 on in place of `epochs`.
  unsigned accumulation =
      1; ///< Batches for an update; fewer at an epoch's end.
  Strategy evalStrategy = Strategy::No, saveStrategy = Strategy::Steps;
  int64_t evalSteps = 500, saveSteps = 500, loggingSteps = 500;
  unsigned saveTotalLimit = 0; ///< 0: all checkpoints are kept.
  std::string outputDir, loggingDir;
  std::string resumeFrom; ///< A checkpoint, or empty.
  /// Becomes the number of a signal that asks to stop.
  const volatile std::sig_atomic_t *stop = nullptr;
};

/// Examples with a fresh evaluator for each evaluation.
struct Evaluation {
  const ExampleSet *examples = nullptr;
  std::function<std::unique_ptr<Evaluator>()> makeEvaluator;
};

struct TrainingData {
  const ExampleSet *examples = nullptr;
  std::string file; ///< For messages.
};

struct LoopResult {
  int signal = 0; ///< That stopped it, after a checkpoint was saved.
  int64_t steps = 0;
  MetricList metrics; ///< train_loss, train_runtime, ...
};

/// Updates of a whole training.
int64_t countUpdates(const ExampleSet &examples, const LoopOptions &options);

/// Metrics without "eval_" in front; none if `stop` was set in between.
llvm::Expected<MetricList> evaluate(Trainer &trainer, const Task &task,
                                    const Evaluation &evaluation,
                                    const LoopOptions &options,
                                    Progress &progress);

/// `evaluation` may be null.
llvm::Expected<LoopResult> train(Trainer &trainer, const Task &task,
                                 const TrainingData &data,
                                 const Evaluation *evaluation,
                                 const LoopOptions &options,
                                 Progress &progress);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_LOOP_H

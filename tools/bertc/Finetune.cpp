//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The flags of `bertc finetune`. Names and defaults are those of the example
// scripts of transformers; --train-file and --train_file are the same.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Finetune.h"
#include "tools/bertc/Commands.h"
#include <algorithm>
#include <limits>

using namespace bertc;
using namespace bertc::tool;
using finetune::Strategy;

namespace {

struct Flags {
  FinetuneSettings settings;
  std::string evalStrategy = "no", saveStrategy = "steps", scheduler = "linear";
  bool noHeader = false;
  uint64_t seed = 42;
  double learningRate = 5e-5, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8,
         weightDecay = 0, maxGradNorm = 1;
  int64_t warmupSteps = 0;
  uint32_t threads = 0;
};

} // namespace

/// CLI::PositiveNumber names the largest double in its message.
static CLI::Validator positive() {
  return CLI::Validator(
      [](std::string &text) {
        double value = 0;
        bool good = CLI::detail::lexical_cast(text, value) && value > 0 &&
                    value < std::numeric_limits<double>::infinity();
        return good ? std::string() : "expected a number above 0, got " + text;
      },
      "POSITIVE");
}

/// "--train_file,--train-file".
static std::string spellings(std::string name) {
  std::string dashes = name;
  std::replace(dashes.begin(), dashes.end(), '_', '-');
  return dashes == name ? "--" + name : "--" + name + ",--" + dashes;
}

template <typename T>
static CLI::Option *add(CLI::App *command, const char *name, T &value,
                        const char *help, const char *group) {
  return command->add_option(spellings(name), value, help)
      ->group(group)
      ->capture_default_str();
}

static void addDataFlags(CLI::App *command, Flags &flags) {
  FinetuneSettings &to = flags.settings;
  const char *group = "Data";
  add(command, "train_file", to.trainFile, "labelled texts to learn from",
      group);
  add(command, "eval_file,--validation_file", to.evalFile,
      "labelled texts to measure with", group);
  add(command, "file_format", to.data.format,
      "tsv, csv, jsonl, conll or squad; default: by the name of the file",
      group);
  add(command, "text_column", to.data.textColumn,
      "column or key of the text or words", group);
  add(command, "text_pair_column", to.data.pairColumn,
      "column or key of the second text", group);
  add(command, "label_column", to.data.labelColumn,
      "column or key of the label or labels", group);
  add(command, "delimiter", to.data.delimiter,
      "between columns, one character or 'tab'", group);
  add(command, "label_delimiter", to.data.labelDelimiter,
      "between several labels in one column", group);
  command
      ->add_flag("--header,!--no-header,!--no_header", to.data.header,
                 "whether the first row has the names of columns (it does)")
      ->group(group);
  add(command, "max_seq_length", to.maxSeqLength,
      "cut texts to so many tokens; default: 128, 384 to answer questions, "
      "the model's limit to label words",
      group)
      ->check(CLI::PositiveNumber);
  add(command, "doc_stride", to.docStride,
      "tokens that two windows of a long context share", group);
  add(command, "n_best_size", to.answers.nBest,
      "firsts and lasts that are combined to answers", group)
      ->check(CLI::PositiveNumber);
  add(command, "max_answer_length", to.answers.maxAnswerLength,
      "longest answer, in tokens", group)
      ->check(CLI::PositiveNumber);
  add(command, "null_score_diff_threshold", to.answers.nullScoreDiffThreshold,
      "by how much no answer must win", group);
}

static void addTrainingFlags(CLI::App *command, Flags &flags) {
  finetune::LoopOptions &loop = flags.settings.loop;
  const char *group = "Training";
  add(command, "learning_rate", flags.learningRate, "the highest", group)
      ->check(positive());
  add(command, "num_train_epochs", loop.epochs, "passes over the file", group)
      ->check(CLI::Range(0.0, 1e6));
  add(command, "max_steps", loop.maxSteps,
      "updates, in place of --num_train_epochs unless negative", group);
  add(command, "per_device_train_batch_size", loop.batches.sequences,
      "examples in a batch", group)
      ->check(CLI::PositiveNumber);
  add(command, "tokens_per_batch", loop.batches.tokens,
      "tokens in a batch, in place of examples; lengths are grouped", group);
  command
      ->add_flag(spellings("group_by_length"), loop.batches.groupByLength,
                 "batches of similar lengths")
      ->group(group);
  add(command, "gradient_accumulation_steps", loop.accumulation,
      "batches for an update", group)
      ->check(CLI::PositiveNumber);
  add(command, "warmup_steps", flags.warmupSteps,
      "updates until the learning rate is reached", group)
      ->check(CLI::NonNegativeNumber);
  add(command, "warmup_ratio", flags.settings.warmupRatio,
      "the same as a part of all", group)
      ->check(CLI::Range(0.0, 1.0));
  add(command, "lr_scheduler_type", flags.scheduler,
      "linear, cosine, constant or constant_with_warmup", group)
      ->check(CLI::IsMember(
          {"linear", "cosine", "constant", "constant_with_warmup"}));
  add(command, "weight_decay", flags.weightDecay,
      "of AdamW; not of biases and norms", group)
      ->check(CLI::NonNegativeNumber);
  // 0 would mean the default to the library.
  add(command, "adam_beta1", flags.beta1, "decay of the first moment", group)
      ->check(positive());
  add(command, "adam_beta2", flags.beta2, "decay of the second moment", group)
      ->check(positive());
  add(command, "adam_epsilon", flags.epsilon, "of AdamW", group)
      ->check(positive());
  add(command, "max_grad_norm", flags.maxGradNorm,
      "clip gradients to this norm; 0: never", group)
      ->check(CLI::NonNegativeNumber);
  add(command, "cache_frozen", flags.settings.cacheFrozen,
      "folder for what layers frozen at the start make of each example: once, "
      "not in each epoch. It is computed as in evaluation: in float32, and "
      "without the dropout that these layers have in training otherwise. To go "
      "on from a checkpoint, give the folder again",
      group);
  add(command, "seed", flags.seed, "of the order, dropout and new heads",
      group);
  add(command, "threads", flags.threads, "threads to compute with", group)
      ->check(CLI::Range(1, 1024));
}

static void addOutputFlags(CLI::App *command, Flags &flags) {
  FinetuneSettings &to = flags.settings;
  finetune::LoopOptions &loop = to.loop;
  const char *group = "Evaluation and output";
  add(command, "output_dir", loop.outputDir,
      "where the model, checkpoints and metrics.jsonl go", group);
  command
      ->add_flag(spellings("overwrite_output_dir"), to.overwrite,
                 "begin anew where an earlier training was saved")
      ->group(group);
  add(command, "resume_from_checkpoint", to.resume,
      "go on from a checkpoint, or from the 'latest' of the output folder",
      group);
  command
      ->add_flag(spellings("do_eval"), to.doEval,
                 "only evaluate, without --train_file")
      ->group(group);
  auto strategies = CLI::IsMember({"no", "steps", "epoch"});
  add(command, "eval_strategy,--evaluation_strategy", flags.evalStrategy,
      "when to evaluate besides the end: no, steps or epoch", group)
      ->check(strategies);
  add(command, "eval_steps", loop.evalSteps, "default: --logging_steps", group)
      ->check(CLI::PositiveNumber);
  add(command, "per_device_eval_batch_size", loop.evalSequences,
      "examples in a batch of an evaluation", group)
      ->check(CLI::PositiveNumber);
  add(command, "save_strategy", flags.saveStrategy,
      "when to save checkpoints: no, steps or epoch", group)
      ->check(strategies);
  add(command, "save_steps", loop.saveSteps, "updates between checkpoints",
      group)
      ->check(CLI::PositiveNumber);
  add(command, "save_total_limit", loop.saveTotalLimit,
      "checkpoints that are kept, the newest ones; 0: all", group);
  add(command, "logging_steps", loop.loggingSteps,
      "updates between lines of metrics.jsonl", group)
      ->check(CLI::PositiveNumber);
  add(command, "logging_dir", loop.loggingDir,
      "where TensorBoard's file goes; default: runs in the output folder",
      group);
  command->add_flag("-q,--quiet", to.quiet, "no progress, only warnings")
      ->group(group);
}

static Strategy strategyOf(llvm::StringRef name) {
  return name == "no"      ? Strategy::No
         : name == "steps" ? Strategy::Steps
                           : Strategy::Epoch;
}

/// From what was parsed to what it means.
static FinetuneSettings settingsOf(const Flags &flags, bool evalStepsGiven) {
  FinetuneSettings settings = flags.settings;
  finetune::LoopOptions &loop = settings.loop;
  loop.evalStrategy = strategyOf(flags.evalStrategy);
  loop.saveStrategy = strategyOf(flags.saveStrategy);
  if (!evalStepsGiven)
    loop.evalSteps = loop.loggingSteps;
  loop.batches.seed = flags.seed;
  if (loop.loggingDir.empty())
    loop.loggingDir = loop.outputDir + "/runs";
  bertc_trainer_options &trainer = settings.trainer;
  trainer.threads = flags.threads;
  trainer.seed = flags.seed;
  trainer.learning_rate = flags.learningRate;
  trainer.adam_beta1 = flags.beta1;
  trainer.adam_beta2 = flags.beta2;
  trainer.adam_epsilon = flags.epsilon;
  trainer.weight_decay = flags.weightDecay;
  trainer.max_grad_norm = flags.maxGradNorm;
  trainer.warmup_steps = flags.warmupSteps;
  trainer.lr_scheduler_type =
      flags.scheduler == "linear"     ? BERTC_SCHEDULE_LINEAR
      : flags.scheduler == "cosine"   ? BERTC_SCHEDULE_COSINE
      : flags.scheduler == "constant" ? BERTC_SCHEDULE_CONSTANT
                                      : BERTC_SCHEDULE_CONSTANT_WITH_WARMUP;
  return settings;
}

void tool::addFinetune(CLI::App &app, Action &action) {
  CLI::App *command =
      app.add_subcommand("finetune", "train a model on labelled texts");
  auto flags = std::make_shared<Flags>();
  command
      ->add_option("model", flags->settings.model,
                   "model compiled with --train")
      ->required();
  addDataFlags(command, *flags);
  addTrainingFlags(command, *flags);
  addOutputFlags(command, *flags);
  command->callback([flags, command, &action] {
    bool evalSteps = command->count("--eval_steps") > 0;
    action = [flags, evalSteps] {
      return runFinetune(settingsOf(*flags, evalSteps));
    };
  });
}

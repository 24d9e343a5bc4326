//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From settings to a trained directory. The examples are read before a trainer
// is made: the schedule needs to know how many steps there will be.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/OutputFile.h"
#include "tools/bertc/Finetune.h"
#include "tools/bertc/LibraryTrainer.h"
#include "tools/bertc/Tokenize.h"
#include "tools/finetune/Checkpoints.h"
#include "tools/finetune/MetricsFile.h"
#include "tools/finetune/ModelConfigLabels.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <cmath>

using namespace bertc;
using namespace bertc::tool;
using namespace bertc::finetune;

//===----------------------------------------------------------------------===//
// Signals
//===----------------------------------------------------------------------===//

static volatile std::sig_atomic_t stopSignal = 0;

/// The first signal asks the loop to stop, a second one ends the process.
static void catchSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { stopSignal = signal; };
  action.sa_flags = int(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

namespace {

/// A file as examples. Windows of questions know what they are windows of.
struct Data {
  std::string path;
  std::optional<DataFile> file;
  RawExamples raw;
  ExampleSet examples;
  QuestionSet questions;
  WindowSet windows;
};

class Finetune {
public:
  Finetune(FinetuneSettings settings, const Model &model, const Task &task)
      : settings(std::move(settings)), model(model), task(task),
        progress(llvm::errs(),
                 llvm::sys::Process::StandardErrIsDisplayed() &&
                     !this->settings.quiet,
                 this->settings.quiet) {}
  llvm::Expected<ExitCode> run();

private:
  llvm::Error chooseLength();
  llvm::Expected<Data> read(llvm::StringRef path);
  llvm::Error chooseLabels(Data &train);
  llvm::Error label(Data &data);
  llvm::Error readData();
  llvm::Error prepareOutput();
  llvm::Expected<std::string> findResume(LibraryTrainer &trainer);
  llvm::Expected<ExitCode> evaluateOnly();
  llvm::Expected<ExitCode> trainAll();
  llvm::Error saveResult(LibraryTrainer &trainer, const MetricList &metrics);
  void describe(LibraryTrainer &trainer);
  llvm::Error cacheFrozen(LibraryTrainer &trainer);

  FinetuneSettings settings;
  const Model &model;
  Task task;
  Progress progress;
  Tokenizer tokenizer;
  LabelNames names;
  Data train, eval;
  Evaluation evaluation;
};

} // namespace

/// The longest example, in tokens.
llvm::Error Finetune::chooseLength() {
  uint32_t most = model.info().max_position_embeddings;
  uint32_t &length = settings.maxSeqLength;
  if (length > most)
    return makeUsageError("--max_seq_length " + llvm::Twine(length) +
                          " is more than the " + llvm::Twine(most) +
                          " positions of the model");
  if (length == 0)
    length = std::min(most, task.kind == TaskKind::Tag      ? most
                            : task.kind == TaskKind::Answer ? 384
                                                            : 128);
  tokenizer = [this](llvm::StringRef text, std::optional<llvm::StringRef> pair,
                     uint32_t maxTokens) {
    return tokenize(model, text, pair, maxTokens,
                    maxTokens ? 0 : BERTC_TOKENIZE_NO_TRUNCATION);
  };
  return expectTokenizer(model);
}

llvm::Expected<Data> Finetune::read(llvm::StringRef path) {
  Data data;
  data.path = path.str();
  auto format = chooseFormat(path, settings.data, task);
  if (!format)
    return format.takeError();
  auto file = DataFile::read(path);
  if (!file)
    return file.takeError();
  data.file = std::move(*file);
  if (*format == FileFormat::Squad) {
    auto questions = readQuestions(*data.file);
    if (!questions)
      return questions.takeError();
    data.questions = std::move(*questions);
    auto windows = makeWindows(*data.file, data.questions, tokenizer,
                               settings.maxSeqLength, settings.docStride);
    if (!windows)
      return windows.takeError();
    data.windows = std::move(*windows);
    return data;
  }
  auto raw = readExamples(*data.file, *format, settings.data, task, tokenizer,
                          settings.maxSeqLength);
  if (!raw)
    return raw.takeError();
  data.raw = std::move(*raw);
  return data;
}

llvm::Error Finetune::chooseLabels(Data &data) {
  auto config = configLabels(model);
  if (!config)
    return config.takeError();
  bool tag = task.kind == TaskKind::Tag;
  // What a file to evaluate with lacks must not rename the labels.
  bool known = config->size() == task.labels && !areDefaultNames(*config);
  if (settings.doEval && !known) {
    names = LabelNames(task.labels);
    return llvm::Error::success();
  }
  auto chosen = LabelNames::choose(task.labels, std::move(*config), *data.file,
                                   data.raw.labels, tag);
  if (!chosen)
    return chosen.takeError();
  names = std::move(*chosen);
  size_t seen = data.raw.labels.get().size();
  if (!known && !names.get().empty() && seen < task.labels)
    progress.warning(data.path + " has " + llvm::Twine(seen) +
                     " different labels, the head of the model " +
                     llvm::Twine(task.labels));
  return llvm::Error::success();
}

llvm::Error Finetune::label(Data &data) {
  if (task.kind == TaskKind::Answer) {
    // The windows of an evaluation are needed for its answers.
    if (&data == &train)
      data.examples = std::move(data.windows.examples);
    else
      data.examples = data.windows.examples;
  } else {
    auto examples = applyLabels(std::move(data.raw), *data.file, names, task);
    if (!examples)
      return examples.takeError();
    data.examples = std::move(*examples);
  }
  data.file.reset(); // the text is no longer needed
  if (data.examples.cut)
    progress.warning(data.path + ": " + llvm::Twine(data.examples.cut) +
                     " of " + llvm::Twine(data.examples.size()) +
                     " texts are longer than --max_seq_length " +
                     llvm::Twine(settings.maxSeqLength) +
                     " tokens and were cut");
  return llvm::Error::success();
}

llvm::Error Finetune::readData() {
  for (auto [path, data] : {std::pair(&settings.trainFile, &train),
                            std::pair(&settings.evalFile, &eval)}) {
    if (path->empty())
      continue;
    auto found = read(*path);
    if (!found)
      return found.takeError();
    *data = std::move(*found);
  }
  bool names = task.kind != TaskKind::Answer && task.kind != TaskKind::Regress;
  if (names)
    if (llvm::Error error = chooseLabels(settings.doEval ? eval : train))
      return error;
  for (Data *data : {&train, &eval})
    if (!data->path.empty())
      if (llvm::Error error = label(*data))
        return error;
  evaluation.examples = &eval.examples;
  evaluation.makeEvaluator = [this] {
    return task.kind == TaskKind::Answer
               ? makeAnswerEvaluator(eval.questions, eval.windows,
                                     settings.answers)
               : makeEvaluator(eval.examples, task, this->names);
  };
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Training
//===----------------------------------------------------------------------===//

/// An earlier training is neither mixed with a new one nor lost by accident.
llvm::Error Finetune::prepareOutput() {
  llvm::StringRef folder = settings.loop.outputDir;
  if (!settings.resume.empty() || !llvm::sys::fs::exists(folder))
    return llvm::Error::success();
  auto steps = listCheckpoints(folder);
  if (!steps)
    return steps.takeError();
  llvm::SmallString<256> weights(folder);
  llvm::sys::path::append(weights, "model.safetensors");
  if (steps->empty() && !llvm::sys::fs::exists(weights))
    return llvm::Error::success();
  if (!settings.overwrite)
    return bertc::makeError(
        ExitCode::Usage, folder, "the folder holds an earlier training",
        "go on with --resume_from_checkpoint latest, begin anew with "
        "--overwrite_output_dir, or name another folder");
  for (int64_t step : *steps)
    if (llvm::Error error = removeCheckpoint(folder, step))
      return error;
  return llvm::Error::success();
}

llvm::Expected<std::string> Finetune::findResume(LibraryTrainer &trainer) {
  if (settings.resume != "latest" && settings.resume != "true" &&
      settings.resume != "True")
    return settings.resume;
  if (!llvm::sys::fs::exists(settings.loop.outputDir))
    return std::string();
  auto found = trainer.findCheckpoint(settings.loop.outputDir);
  if (found && found->empty())
    progress.warning(settings.loop.outputDir +
                     " has no checkpoint yet, the training begins anew");
  return found;
}

void Finetune::describe(LibraryTrainer &trainer) {
  bertc_trainer_info info = trainer.info();
  double mega = 1 << 20;
  progress.line(llvm::Twine(train.examples.size()) + " examples of " +
                llvm::Twine(train.examples.ids.size()) + " tokens, " +
                llvm::Twine(settings.trainer.max_steps) + " steps; " +
                llvm::Twine(info.trained_parameters) + " of " +
                llvm::Twine(info.parameters) + " parameters are trained, in " +
                llvm::Twine(int64_t(std::ceil(double(info.parameter_bytes +
                                                     info.gradient_bytes +
                                                     info.optimizer_bytes) /
                                              mega))) +
                " MiB beside activations; " + trainer.place());
}

/// The rows of the frozen layers, once for all epochs.
llvm::Error Finetune::cacheFrozen(LibraryTrainer &trainer) {
  if (settings.cacheFrozen.empty())
    return llvm::Error::success();
  if (llvm::Error error =
          trainer.cacheFrozen(settings.cacheFrozen, train.examples, task))
    return error;
  const FrozenCache &cache = *trainer.cache();
  progress.line((cache.wasMade() ? "wrote " : "reads ") + cache.path() + ", " +
                llvm::Twine(cache.bytes() >> 20) + " MiB of frozen layers");
  return llvm::Error::success();
}

llvm::Error Finetune::saveResult(LibraryTrainer &trainer,
                                 const MetricList &metrics) {
  llvm::StringRef folder = settings.loop.outputDir;
  if (llvm::Error error = trainer.saveModel(folder))
    return error;
  if (llvm::Error error = writeLabelNames(folder, names.get()))
    return error;
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, "all_results.json");
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(formatJson(metrics) + "\n"))
    return error;
  if (llvm::Error error = file->commit())
    return error;
  progress.line("saved " + folder);
  return llvm::Error::success();
}

llvm::Expected<ExitCode> Finetune::trainAll() {
  bertc_trainer_options &options = settings.trainer;
  options.max_steps = countUpdates(train.examples, settings.loop);
  if (settings.warmupRatio > 0 && options.warmup_steps == 0)
    options.warmup_steps =
        int64_t(std::ceil(settings.warmupRatio * double(options.max_steps)));
  if (options.max_steps < 1)
    return makeUsageError("expected at least one step, got none",
                          "raise --num_train_epochs or --max_steps");
  auto trainer = LibraryTrainer::create(model, options);
  if (!trainer)
    return trainer.takeError();
  auto resume = findResume(**trainer);
  if (!resume)
    return resume.takeError();
  settings.loop.resumeFrom = *resume;
  describe(**trainer);
  if (llvm::Error error = cacheFrozen(**trainer))
    return std::move(error);
  settings.loop.stop = &stopSignal;
  catchSignals();
  auto result = finetune::train(**trainer, task, {&train.examples, train.path},
                                eval.path.empty() ? nullptr : &evaluation,
                                settings.loop, progress);
  if (!result)
    return result.takeError();
  if (result->signal) {
    progress.line("stopped; go on with --resume_from_checkpoint latest");
    return static_cast<ExitCode>(128 + result->signal);
  }
  if (llvm::Error error = saveResult(**trainer, result->metrics))
    return std::move(error);
  llvm::outs() << formatJson(result->metrics) << "\n";
  return ExitCode::Success;
}

llvm::Expected<ExitCode> Finetune::evaluateOnly() {
  settings.trainer.max_steps = 1; // none is taken
  auto trainer = LibraryTrainer::create(model, settings.trainer);
  if (!trainer)
    return trainer.takeError();
  auto metrics = evaluate(**trainer, task, evaluation, settings.loop, progress);
  if (!metrics)
    return metrics.takeError();
  progress.metrics("evaluation", *metrics);
  MetricList named;
  for (const auto &[name, value] : *metrics)
    named.emplace_back("eval_" + name, value);
  llvm::outs() << formatJson(named) << "\n";
  return ExitCode::Success;
}

llvm::Expected<ExitCode> Finetune::run() {
  if (llvm::Error error = chooseLength())
    return std::move(error);
  if (!settings.doEval)
    if (llvm::Error error = prepareOutput())
      return std::move(error);
  if (llvm::Error error = readData())
    return std::move(error);
  return settings.doEval ? evaluateOnly() : trainAll();
}

llvm::Expected<ExitCode> tool::runFinetune(FinetuneSettings settings) {
  if (settings.doEval && settings.evalFile.empty())
    return makeUsageError("expected --eval_file with --do_eval, got none");
  if (settings.doEval && !settings.trainFile.empty())
    return makeUsageError("expected no --train_file with --do_eval",
                          "a training with --eval_file evaluates at its end");
  if (settings.doEval && !settings.resume.empty())
    return makeUsageError("expected no --resume_from_checkpoint with --do_eval",
                          "compile the checkpoint's directory to evaluate it");
  if (!settings.doEval && settings.trainFile.empty())
    return makeUsageError("expected --train_file, got none",
                          "--do_eval only evaluates");
  if (!settings.doEval && settings.loop.outputDir.empty())
    return makeUsageError("expected --output_dir, got none");
  if (settings.loop.evalStrategy != Strategy::No && settings.evalFile.empty())
    return makeUsageError("expected --eval_file with --eval_strategy, got "
                          "none");
  auto model = Model::open(settings.model);
  if (!model)
    return model.takeError();
  auto task = trainedTask(*model);
  if (!task)
    return task.takeError();
  return Finetune(std::move(settings), *model, *task).run();
}

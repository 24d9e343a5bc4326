//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// After an update, in this order: record, evaluation, checkpoint, so that a
// training which goes on from the checkpoint need not repeat the others.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Loop.h"
#include "runtime/abi/hash.h"
#include "tools/finetune/Checkpoints.h"
#include "tools/finetune/EventFile.h"
#include "tools/finetune/MetricsFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <fmt/format.h>

using namespace bertc;
using namespace bertc::finetune;

static bool stopped(const LoopOptions &options) {
  return options.stop && *options.stop != 0;
}

static int64_t updatesOf(size_t batches, unsigned accumulation) {
  return int64_t((batches + accumulation - 1) / accumulation);
}

int64_t finetune::countUpdates(const ExampleSet &examples,
                               const LoopOptions &options) {
  if (options.maxSteps >= 0)
    return options.maxSteps;
  auto lengths = exampleLengths(examples);
  double whole = std::floor(options.epochs);
  auto inEpoch = [&](uint64_t epoch) {
    return updatesOf(epochBatches(lengths, options.batches, epoch).size(),
                     options.accumulation);
  };
  int64_t sum = 0;
  for (uint64_t epoch = 0; double(epoch) < whole; ++epoch)
    sum += inEpoch(epoch);
  if (options.epochs > whole)
    sum += int64_t(
        std::ceil((options.epochs - whole) * double(inEpoch(uint64_t(whole)))));
  return sum;
}

llvm::Expected<MetricList> finetune::evaluate(Trainer &trainer,
                                              const Task &task,
                                              const Evaluation &evaluation,
                                              const LoopOptions &options,
                                              Progress &progress) {
  auto start = Progress::Clock::now();
  const ExampleSet &examples = *evaluation.examples;
  auto evaluator = evaluation.makeEvaluator();
  size_t done = 0;
  for (const auto &indexes :
       evaluationBatches(exampleLengths(examples), options.evalSequences,
                         options.batches.tokens)) {
    if (stopped(options))
      return MetricList();
    auto logits = trainer.logits(makeBatch(examples, task, indexes));
    if (!logits)
      return logits.takeError();
    evaluator->add(indexes, *logits);
    done += indexes.size();
    progress.evaluation(done, examples.size());
  }
  MetricList metrics = evaluator->metrics();
  double seconds =
      std::chrono::duration<double>(Progress::Clock::now() - start).count();
  metrics.emplace_back("runtime", seconds);
  metrics.emplace_back("samples_per_second",
                       double(examples.size()) / std::max(seconds, 1e-9));
  return metrics;
}

namespace {

class Loop {
public:
  Loop(Trainer &trainer, const Task &task, const TrainingData &data,
       const Evaluation *evaluation, const LoopOptions &options,
       Progress &progress)
      : trainer(trainer), task(task), data(data), evaluation(evaluation),
        options(options), progress(progress),
        lengths(exampleLengths(*data.examples)),
        total(countUpdates(*data.examples, options)) {}
  llvm::Expected<LoopResult> run();

private:
  llvm::Error resume();
  llvm::Error openFiles();
  llvm::Error runEpoch();
  llvm::Error runBatch(const std::vector<uint32_t> &indexes);
  llvm::Error afterUpdate(const Trainer::Update &update, bool epochEnds);
  llvm::Error log(const Trainer::Update &update);
  llvm::Expected<MetricList> runEvaluation();
  llvm::Error save();
  llvm::Error notFinite(llvm::StringRef what, double value);
  bool due(Strategy strategy, int64_t every, bool epochEnds) const;
  llvm::Error record(const MetricList &values, llvm::StringRef group);
  bool atEnd() const { return step >= total || stopped(options); }
  double epochNow() const {
    return double(position.epoch) +
           double(position.batch) / double(std::max<size_t>(batchCount, 1));
  }

  Trainer &trainer;
  const Task &task;
  const TrainingData &data;
  const Evaluation *evaluation;
  const LoopOptions &options;
  Progress &progress;
  std::vector<size_t> lengths;
  int64_t total, step = 0, firstStep = 0;
  std::string lastCheckpoint;
  Position position;
  size_t batchCount = 0;         // of the epoch
  std::vector<uint32_t> waiting; // examples whose gradients wait
  double lastLoss = 0;
  std::optional<MetricsFile> metricsFile;
  std::optional<EventFile> eventFile;
};

} // namespace

/// Of all that the loss sees, so that another file or length is noticed.
static uint64_t hashExamples(const ExampleSet &set) {
  uint64_t hashes[] = {
      bertc_hash64(set.ids.data(), set.ids.size() * sizeof(int32_t)),
      bertc_hash64(set.types.data(), set.types.size() * sizeof(int32_t)),
      bertc_hash64(set.offsets.data(), set.offsets.size() * sizeof(size_t)),
      bertc_hash64(set.classes.data(), set.classes.size() * sizeof(int32_t)),
      bertc_hash64(set.numbers.data(), set.numbers.size() * sizeof(float))};
  return bertc_hash64(hashes, sizeof(hashes));
}

static std::string describeOrder(const LoopOptions &options) {
  const BatchOptions &batches = options.batches;
  return fmt::format(
      "--seed {} --per_device_train_batch_size {} --tokens_per_batch {} "
      "--group_by_length {} --gradient_accumulation_steps {}",
      batches.seed, batches.sequences, batches.tokens,
      batches.groupByLength ? "true" : "false", options.accumulation);
}

llvm::Error Loop::resume() {
  position.examples = hashExamples(*data.examples);
  position.order = describeOrder(options);
  if (options.resumeFrom.empty())
    return llvm::Error::success();
  auto user = trainer.loadCheckpoint(options.resumeFrom);
  if (!user)
    return user.takeError();
  auto saved = parsePosition(options.resumeFrom, *user);
  if (!saved)
    return saved.takeError();
  if (saved->examples != position.examples)
    return makeError(ExitCode::BadInput, options.resumeFrom,
                     "the checkpoint was made with other examples than " +
                         quoted(data.file) + " gives now",
                     "resume with the same file, columns and "
                     "--max_seq_length, or begin anew");
  if (saved->order != position.order)
    return makeError(ExitCode::Usage, options.resumeFrom,
                     "the checkpoint was made with other batches: " +
                         saved->order,
                     "now the options are " + position.order);
  position = std::move(*saved);
  batchCount = epochBatches(lengths, options.batches, position.epoch).size();
  lastCheckpoint = options.resumeFrom;
  progress.line("resumed from " + options.resumeFrom);
  return llvm::Error::success();
}

llvm::Error Loop::openFiles() {
  if (std::error_code error = llvm::sys::fs::create_directories(
          options.outputDir, true, llvm::sys::fs::perms::all_all))
    return makeError(ExitCode::Failure, options.outputDir,
                     "cannot make the folder: " + error.message());
  llvm::SmallString<256> path(options.outputDir);
  llvm::sys::path::append(path, "metrics.jsonl");
  auto metrics = MetricsFile::open(path, position.records);
  if (!metrics)
    return metrics.takeError();
  metricsFile = std::move(*metrics);
  auto events = EventFile::create(options.loggingDir);
  if (!events)
    return events.takeError();
  eventFile = std::move(*events);
  return llvm::Error::success();
}

/// Values go to metrics.jsonl under their names, and to TensorBoard in a group.
llvm::Error Loop::record(const MetricList &values, llvm::StringRef group) {
  MetricList named, tagged;
  for (const auto &[name, value] : values) {
    named.emplace_back(group == "eval" ? "eval_" + name : name, value);
    tagged.emplace_back((group + "/" + name).str(), value);
  }
  if (llvm::Error error = metricsFile->add(step, epochNow(), named))
    return error;
  return eventFile->add(step, tagged);
}

llvm::Error Loop::log(const Trainer::Update &update) {
  MetricList values{{"loss", position.lossSum / double(position.lossCount)},
                    {"grad_norm", update.gradNorm},
                    {"learning_rate", update.learningRate},
                    {"tokens_per_second", progress.tokensPerSecond()}};
  progress.line(
      fmt::format("step {}/{}  epoch {:.2f}  loss {:.4f}  grad_norm {:.3f}  "
                  "learning_rate {:.3g}  {:.0f} tokens/s",
                  step, total, epochNow(), values[0].second, values[1].second,
                  values[2].second, values[3].second));
  position.lossSum = 0;
  position.lossCount = 0;
  return record(values, "train");
}

llvm::Expected<MetricList> Loop::runEvaluation() {
  progress.pause();
  auto metrics = evaluate(trainer, task, *evaluation, options, progress);
  progress.resume();
  if (!metrics || metrics->empty()) // failed or stopped
    return metrics;
  progress.metrics(fmt::format("evaluation at step {}", step), *metrics);
  if (llvm::Error error = record(*metrics, "eval"))
    return std::move(error);
  return metrics;
}

llvm::Error Loop::save() {
  std::string path = checkpointPath(options.outputDir, step);
  position.records = metricsFile->getLines();
  progress.pause();
  llvm::Error error = trainer.saveCheckpoint(path, formatPosition(position));
  progress.resume();
  if (error)
    return error;
  lastCheckpoint = path;
  progress.line("saved " + path);
  return limitCheckpoints(options.outputDir, options.saveTotalLimit);
}

bool Loop::due(Strategy strategy, int64_t every, bool epochEnds) const {
  return strategy == Strategy::Epoch
             ? epochEnds
             : strategy == Strategy::Steps && step % every == 0;
}

llvm::Error Loop::notFinite(llvm::StringRef what, double value) {
  std::vector<unsigned> lines;
  for (uint32_t index : waiting)
    lines.push_back(data.examples->lines[index]);
  llvm::sort(lines);
  std::string list;
  for (unsigned line : lines)
    list += (list.empty() ? "" : ", ") + std::to_string(line);
  return makeError(
      ExitCode::Failure, data.file,
      fmt::format("{} of step {} is {}; the examples of its batch are at the "
                  "lines {}",
                  what.str(), step + 1,
                  std::isnan(value) ? std::abs(value) : value, list),
      "lower --learning_rate or use --max_grad_norm and --warmup_ratio; " +
          (lastCheckpoint.empty()
               ? "there is no checkpoint yet"
               : "the last good checkpoint is " + lastCheckpoint));
}

llvm::Error Loop::runBatch(const std::vector<uint32_t> &indexes) {
  waiting.insert(waiting.end(), indexes.begin(), indexes.end());
  Batch batch = makeBatch(*data.examples, task, indexes);
  auto loss = trainer.backward(batch);
  if (!loss)
    return loss.takeError();
  if (!loss->finite) {
    waiting = indexes;
    return notFinite("the loss", loss->value);
  }
  lastLoss = loss->value;
  position.lossSum += lastLoss;
  position.totalLoss += lastLoss;
  ++position.lossCount;
  ++position.totalCount;
  position.tokens += batch.ids.size();
  progress.step(step, epochNow(), lastLoss, batch.ids.size());
  return llvm::Error::success();
}

llvm::Error Loop::afterUpdate(const Trainer::Update &update, bool epochEnds) {
  if (step % options.loggingSteps == 0)
    if (llvm::Error error = log(update))
      return error;
  bool ends = step >= total;
  // The end of a training is evaluated by the caller.
  if (evaluation && !ends &&
      due(options.evalStrategy, options.evalSteps, epochEnds))
    if (llvm::Error error = runEvaluation().takeError())
      return error;
  bool wanted = due(options.saveStrategy, options.saveSteps, epochEnds) ||
                (ends && options.saveStrategy != Strategy::No);
  if (!wanted && !stopped(options))
    return llvm::Error::success();
  return save();
}

llvm::Error Loop::runEpoch() {
  auto batches = epochBatches(lengths, options.batches, position.epoch);
  batchCount = batches.size();
  unsigned count = 0;
  while (position.batch < batches.size()) {
    if (llvm::Error error = runBatch(batches[position.batch]))
      return error;
    ++position.batch;
    bool epochEnds = position.batch == batches.size();
    if (++count < options.accumulation && !epochEnds)
      continue;
    auto update = trainer.update();
    if (!update)
      return update.takeError();
    if (!update->finite)
      return notFinite("the norm of the gradients", update->gradNorm);
    step = update->globalStep;
    waiting.clear();
    count = 0;
    if (llvm::Error error = afterUpdate(*update, epochEnds))
      return error;
    if (atEnd())
      return llvm::Error::success();
  }
  ++position.epoch;
  position.batch = 0;
  return llvm::Error::success();
}

llvm::Expected<LoopResult> Loop::run() {
  if (llvm::Error error = resume())
    return std::move(error);
  step = firstStep = trainer.globalStep();
  if (llvm::Error error = openFiles())
    return std::move(error);
  progress.begin(step, total);
  while (!atEnd())
    if (llvm::Error error = runEpoch())
      return std::move(error);

  LoopResult result;
  result.steps = step;
  if (step < total) {
    result.signal = int(*options.stop);
    return result;
  }
  double seconds = std::max(progress.seconds(), 1e-9);
  result.metrics = {
      {"train_loss",
       position.totalLoss / double(std::max<uint64_t>(position.totalCount, 1))},
      {"train_runtime", seconds},
      {"train_steps_per_second", double(step - firstStep) / seconds},
      {"train_tokens", double(position.tokens)},
      {"train_tokens_per_second", progress.tokensPerSecond()}};
  if (llvm::Error error = metricsFile->add(step, epochNow(), result.metrics))
    return std::move(error);
  if (!evaluation)
    return result;
  auto metrics = runEvaluation();
  if (!metrics)
    return metrics.takeError();
  for (const auto &[name, value] : *metrics)
    result.metrics.emplace_back("eval_" + name, value);
  if (!metrics->empty())
    return result;
  // Stopped: all that is missing can be had from a checkpoint of the end.
  result.signal = int(*options.stop);
  if (lastCheckpoint != checkpointPath(options.outputDir, step))
    if (llvm::Error error = save())
      return std::move(error);
  return result;
}

llvm::Expected<LoopResult> finetune::train(Trainer &trainer, const Task &task,
                                           const TrainingData &data,
                                           const Evaluation *evaluation,
                                           const LoopOptions &options,
                                           Progress &progress) {
  return Loop(trainer, task, data, evaluation, options, progress).run();
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop around a trainer without a model: steps, records, checkpoints, and
// that a training which was stopped goes on as if it had not been.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Loop.h"
#include "FakeTrainer.h"
#include "TestData.h"
#include "tools/finetune/Checkpoints.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

namespace {

/// Words of one letter stand for 0, of two for 1, of three for nothing.
std::string texts(size_t count) {
  std::string text = "text\tlabel\n";
  SplitMix64 random(9);
  for (size_t i = 0; i < count; ++i) {
    bool label = random.below(2);
    for (size_t k = random.below(5) + 1; k > 0; --k)
      text += random.below(3) ? (label ? "ab " : "a ") : "abc ";
    text += label ? "ab\t1\n" : "a\t0\n";
  }
  return text;
}

class LoopTest : public ::testing::Test {
protected:
  LoopTest() {
    DataFile file("train.tsv", texts(50));
    RawExamples raw = expect(
        readExamples(file, FileFormat::Tsv, {}, task, tokenizeInThrees, 100));
    examples = expect(applyLabels(std::move(raw), file, names, task));
    folder = ::testing::TempDir() + "loop-" +
             ::testing::UnitTest::GetInstance()->current_test_info()->name();
    llvm::sys::fs::remove_directories(folder);
    options.outputDir = folder;
    options.loggingDir = folder + "/runs";
    options.loggingSteps = 5;
    options.saveStrategy = Strategy::No;
    evaluation.examples = &examples;
    evaluation.makeEvaluator = [this] {
      return makeEvaluator(examples, task, names);
    };
  }
  ~LoopTest() override { llvm::sys::fs::remove_directories(folder); }

  LoopResult run(FakeTrainer &trainer, bool evaluates = false) {
    return expect(tryRun(trainer, evaluates));
  }
  llvm::Expected<LoopResult> tryRun(FakeTrainer &trainer,
                                    bool evaluates = false) {
    said.clear();
    llvm::raw_string_ostream os(said);
    Progress progress(os, /*terminal=*/false, /*quiet=*/false);
    return train(trainer, task, {&examples, "train.tsv"},
                 evaluates ? &evaluation : nullptr, options, progress);
  }
  std::vector<int64_t> checkpoints() { return expect(listCheckpoints(folder)); }
  /// Objects of metrics.jsonl that have a key, without what a clock measured.
  std::vector<std::string> records(llvm::StringRef key) {
    std::vector<std::string> found;
    auto buffer = llvm::MemoryBuffer::getFile(folder + "/metrics.jsonl");
    llvm::StringRef text = buffer ? (*buffer)->getBuffer() : "";
    while (!text.empty()) {
      auto [line, rest] = text.split('\n');
      text = rest;
      auto value = llvm::json::parse(line);
      if (!value) {
        ADD_FAILURE() << llvm::toString(value.takeError());
        break;
      }
      llvm::json::Object &object = *value->getAsObject();
      for (const char *clock :
           {"tokens_per_second", "eval_runtime", "eval_samples_per_second"})
        object.erase(clock);
      if (object.get(key)) {
        std::string shown;
        llvm::raw_string_ostream(shown) << *value;
        found.push_back(shown);
      }
    }
    return found;
  }

  Task task;
  LabelNames names{2};
  ExampleSet examples;
  Evaluation evaluation;
  LoopOptions options;
  std::string folder, said;
};

double get(const MetricList &metrics, llvm::StringRef name) {
  for (const auto &[key, value] : metrics)
    if (key == name)
      return value;
  ADD_FAILURE() << "no metric " << name.str();
  return 0;
}

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)

} // namespace

TEST_F(LoopTest, Learns) {
  FakeTrainer trainer;
  LoopResult result = run(trainer, /*evaluates=*/true);
  // 50 examples are 7 batches.
  EXPECT_EQ(result.steps, 21);
  EXPECT_EQ(trainer.diary.size(), 21u);
  EXPECT_EQ(trainer.diary[6], 2u);
  EXPECT_EQ(get(result.metrics, "eval_accuracy"), 1);
  EXPECT_LT(get(result.metrics, "train_loss"), 0.6);
  EXPECT_EQ(records("loss").size(), 4u); // at 5, 10, 15, 20
  EXPECT_EQ(records("train_loss").size(), 1u);
  EXPECT_EQ(records("eval_loss").size(), 1u);
  EXPECT_HAS(said, "step 10/21  epoch 1.43  loss 0.");
  EXPECT_HAS(said, "evaluation at step 21:  loss 0.");
  EXPECT_TRUE(checkpoints().empty());
}

TEST_F(LoopTest, CountsSteps) {
  auto count = [&](double epochs, unsigned accumulation, int64_t maxSteps) {
    options.epochs = epochs;
    options.accumulation = accumulation;
    options.maxSteps = maxSteps;
    int64_t steps = countUpdates(examples, options);
    FakeTrainer trainer;
    EXPECT_EQ(run(trainer).steps, steps);
    return steps;
  };
  EXPECT_EQ(count(2, 1, -1), 14);
  EXPECT_EQ(count(2, 3, -1), 6); // 3 + 3 + 1 batches
  EXPECT_EQ(count(1.5, 1, -1), 11);
  EXPECT_EQ(count(0.1, 1, -1), 1);
  EXPECT_EQ(count(1, 2, 9), 9);
  EXPECT_EQ(count(0, 1, -1), 0);
}

TEST_F(LoopTest, AccumulatesTheMean) {
  // All batches of an epoch in one update are one step of descent.
  options.epochs = 1;
  options.accumulation = 100;
  options.batches.sequences = 10; // five equal batches
  FakeTrainer parts;
  run(parts);
  EXPECT_EQ(parts.step, 1);
  options.batches.sequences = 50;
  FakeTrainer whole;
  run(whole);
  for (auto [id, weight] : whole.weights)
    EXPECT_NEAR(parts.weights[id], weight, 1e-15) << id;
}

TEST_F(LoopTest, EvaluatesAndSavesInSteps) {
  options.evalStrategy = options.saveStrategy = Strategy::Steps;
  options.evalSteps = 10;
  options.saveSteps = 4;
  options.saveTotalLimit = 3;
  FakeTrainer trainer;
  run(trainer, /*evaluates=*/true);
  EXPECT_EQ(records("eval_loss").size(), 3u); // 10, 20, and the end
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{16, 20, 21}));
}

TEST_F(LoopTest, EvaluatesAndSavesAtEpochs) {
  options.evalStrategy = options.saveStrategy = Strategy::Epoch;
  FakeTrainer trainer;
  run(trainer, /*evaluates=*/true);
  EXPECT_EQ(records("eval_loss").size(), 3u);
  EXPECT_EQ(checkpoints(), (std::vector<int64_t>{7, 14, 21}));
}

// From every checkpoint to the same parameters and records, bit for bit.
TEST_F(LoopTest, GoesOnFromEveryCheckpoint) {
  options.saveStrategy = options.evalStrategy = Strategy::Steps;
  options.saveSteps = options.accumulation = 2;
  options.evalSteps = 3;
  options.batches.tokens = 40;
  FakeTrainer whole;
  run(whole, /*evaluates=*/true);
  auto steps = checkpoints();
  ASSERT_GE(steps.size(), 6u);
  auto losses = records("loss"), evaluations = records("eval_loss");
  ASSERT_FALSE(losses.empty());
  for (int64_t step : steps) {
    options.resumeFrom = checkpointPath(folder, step);
    FakeTrainer rest;
    LoopResult result = run(rest, /*evaluates=*/true);
    EXPECT_EQ(result.steps, whole.step);
    EXPECT_EQ(rest.weights, whole.weights) << step;
    EXPECT_EQ(records("loss"), losses);
    EXPECT_EQ(records("eval_loss"), evaluations);
  }
}

TEST_F(LoopTest, StopsWithACheckpoint) {
  FakeTrainer whole;
  run(whole);
  volatile std::sig_atomic_t stop = 0;
  options.stop = &stop;
  options.accumulation = 1;
  FakeTrainer first;
  first.afterUpdate = [&] {
    if (first.step == 9)
      stop = SIGINT;
  };
  LoopResult result = run(first);
  EXPECT_EQ(result.signal, SIGINT);
  EXPECT_EQ(result.steps, 9);
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{9});
  stop = 0;
  options.resumeFrom = checkpointPath(folder, 9);
  FakeTrainer rest;
  EXPECT_EQ(run(rest).signal, 0);
  EXPECT_EQ(rest.weights, whole.weights);
}

TEST_F(LoopTest, StopsInAnEvaluation) {
  volatile std::sig_atomic_t stop = 0;
  options.stop = &stop;
  evaluation.makeEvaluator = [&] {
    stop = SIGTERM;
    return makeEvaluator(examples, task, names);
  };
  FakeTrainer trainer;
  LoopResult result = run(trainer, /*evaluates=*/true);
  EXPECT_EQ(result.signal, SIGTERM);
  EXPECT_EQ(checkpoints(), std::vector<int64_t>{21});
}

TEST_F(LoopTest, LossesThatAreNotFinite) {
  options.saveStrategy = Strategy::Steps;
  options.saveSteps = 4;
  options.batches.sequences = 3;
  FakeTrainer trainer;
  trainer.nanLossAt = 7;
  auto result = tryRun(trainer);
  ASSERT_FALSE(bool(result));
  std::string error = message(result.takeError());
  auto batch = epochBatches(exampleLengths(examples), options.batches, 0)[6];
  llvm::sort(batch);
  // The first example is on line 2.
  EXPECT_HAS(error, "train.tsv: error: the loss of step 7 is nan; the examples "
                    "of its batch are at the lines " +
                        std::to_string(batch[0] + 2) + ", " +
                        std::to_string(batch[1] + 2) + ", " +
                        std::to_string(batch[2] + 2) + "\n");
  EXPECT_HAS(error, "the last good checkpoint is " + folder + "/checkpoint-4");
  FakeTrainer other;
  other.nanGradientAt = 2;
  options.accumulation = 2;
  result = tryRun(other);
  ASSERT_FALSE(bool(result));
  error = message(result.takeError());
  EXPECT_HAS(error, "the norm of the gradients of step 2 is inf");
  EXPECT_EQ(
      llvm::StringRef(error).split("lines ").second.split('\n').first.count(
          ','),
      5u);
  EXPECT_HAS(error, "there is no checkpoint yet");
}

TEST_F(LoopTest, RefusesOtherDataAndBatches) {
  options.saveStrategy = Strategy::Epoch;
  FakeTrainer trainer;
  run(trainer);
  options.resumeFrom = checkpointPath(folder, 7);
  options.batches.seed = 1;
  auto result = tryRun(trainer);
  ASSERT_FALSE(bool(result));
  EXPECT_HAS(message(result.takeError()),
             "error: the checkpoint was made with other batches: --seed 42");
  options.batches.seed = 42;
  ++examples.ids[3];
  result = tryRun(trainer);
  ASSERT_FALSE(bool(result));
  EXPECT_HAS(message(result.takeError()),
             "error: the checkpoint was made with other examples than "
             "'train.tsv' gives now");
}

TEST(Checkpoints, PositionsReadBack) {
  Position position;
  position.epoch = 3;
  position.batch = 17;
  position.lossSum = 0.1 + 0.2;
  position.totalLoss = 1e-300;
  position.lossCount = 5;
  position.totalCount = 500;
  position.tokens = 123456789012;
  position.records = 7;
  position.examples = 0xfedcba9876543210;
  position.order = "--seed \"42\"";
  Position back = expect(parsePosition("p", formatPosition(position)));
  EXPECT_EQ(formatPosition(back), formatPosition(position));
  EXPECT_EQ(back.lossSum, position.lossSum);
  EXPECT_EQ(back.examples, position.examples);
  for (llvm::StringRef bad : {"", "{}", "{\"epoch\": -1}", "[]"}) {
    auto parsed = parsePosition("p", bad);
    EXPECT_FALSE(bool(parsed)) << bad.str();
    llvm::consumeError(parsed.takeError());
  }
}

TEST(Checkpoints, OnlyTheirNamesCount) {
  std::string folder = ::testing::TempDir() + "checkpoints";
  llvm::sys::fs::remove_directories(folder);
  for (const char *name :
       {"checkpoint-2", "checkpoint-10", "checkpoint-5.tmp", "checkpoint-07",
        "checkpoint--1", "checkpoint-x", "runs"})
    llvm::sys::fs::create_directories(folder + "/" + name);
  EXPECT_EQ(expect(listCheckpoints(folder)), (std::vector<int64_t>{2, 10}));
  llvm::cantFail(limitCheckpoints(folder, 1));
  EXPECT_EQ(expect(listCheckpoints(folder)), std::vector<int64_t>{10});
  EXPECT_TRUE(llvm::sys::fs::exists(folder + "/checkpoint-5.tmp"));
  llvm::sys::fs::remove_directories(folder);
}

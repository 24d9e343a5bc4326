//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From logits to metrics, by examples small enough to do by hand.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Evaluate.h"
#include "TestData.h"
#include <cmath>

using namespace bertc;
using namespace bertc::finetune;

namespace {
double get(const MetricList &metrics, llvm::StringRef name) {
  for (const auto &[key, value] : metrics)
    if (key == name)
      return value;
  ADD_FAILURE() << "no metric " << name.str();
  return 0;
}
} // namespace

TEST(Evaluate, CrossEntropy) {
  EXPECT_NEAR(crossEntropy({0, 0}, 1), std::log(2), 1e-15);
  EXPECT_NEAR(crossEntropy({1000, 0}, 1), 1000, 1e-12);
  EXPECT_NEAR(crossEntropy({1, 2, 3}, 0),
              std::log(std::exp(1) + std::exp(2) + std::exp(3)) - 1, 1e-15);
}

TEST(Evaluate, Classes) {
  ExampleSet set;
  set.classes = {0, 1, 1};
  LabelNames names(2);
  auto evaluator = makeEvaluator(set, {TaskKind::Classify, 2}, names);
  EXPECT_FALSE(evaluator->perToken);
  // Examples 2 and 0, then 1; of equal logits the first wins.
  evaluator->add({2, 0}, {0, 3, 1, 1});
  evaluator->add({1}, {2, 0});
  MetricList metrics = evaluator->metrics();
  EXPECT_NEAR(
      get(metrics, "loss"),
      (std::log1p(std::exp(-3)) + std::log(2) + std::log1p(std::exp(2))) / 3,
      1e-15);
  EXPECT_NEAR(get(metrics, "accuracy"), 2.0 / 3, 1e-15);
  EXPECT_NEAR(get(metrics, "f1"), 2.0 / 3, 1e-15);
  EXPECT_NEAR(get(metrics, "matthews_correlation"), 0.5, 1e-15);
}

TEST(Evaluate, SeveralLabels) {
  ExampleSet set;
  set.numbers = {1, 0, 0, 0};
  LabelNames names(2);
  auto evaluator = makeEvaluator(set, {TaskKind::MultiLabel, 2}, names);
  evaluator->add({0, 1}, {2, -1, 800, -800});
  MetricList metrics = evaluator->metrics();
  EXPECT_NEAR(get(metrics, "loss"),
              (std::log1p(std::exp(-2)) + std::log1p(std::exp(-1)) + 800) / 4,
              1e-12);
  EXPECT_EQ(get(metrics, "accuracy"), 0.5);
  EXPECT_NEAR(get(metrics, "f1"), 2.0 / 3, 1e-15);
}

TEST(Evaluate, Numbers) {
  ExampleSet set;
  set.numbers = {1, 2, 3};
  LabelNames names(1);
  auto evaluator = makeEvaluator(set, {TaskKind::Regress, 1}, names);
  evaluator->add({2, 0, 1}, {6, 2, 4});
  MetricList metrics = evaluator->metrics();
  EXPECT_NEAR(get(metrics, "mse"), 14.0 / 3, 1e-15);
  EXPECT_NEAR(get(metrics, "pearson"), 1, 1e-15);
  EXPECT_NEAR(get(metrics, "spearmanr"), 1, 1e-15);
}

TEST(Evaluate, Tags) {
  ExampleSet set;
  set.offsets = {0, 3, 6};
  set.classes = {-100, 0, 2, 1, -100, 2};
  LabelNames names(3, {"B-X", "I-X", "O"});
  auto evaluator = makeEvaluator(set, {TaskKind::Tag, 3}, names);
  EXPECT_TRUE(evaluator->perToken);
  // The second example first: I-X O, then B-X B-X.
  evaluator->add({1, 0}, {0, 9, 0, 9, 9, 9, 0, 0, 9, //
                          9, 9, 9, 9, 0, 0, 9, 0, 0});
  MetricList metrics = evaluator->metrics();
  EXPECT_EQ(get(metrics, "accuracy"), 0.75);
  EXPECT_NEAR(get(metrics, "precision"), 2.0 / 3, 1e-15);
  EXPECT_EQ(get(metrics, "recall"), 1);
  EXPECT_NEAR(get(metrics, "f1"), 0.8, 1e-15);
  // Without names there are no entities.
  LabelNames numbers(3);
  metrics = makeEvaluator(set, {TaskKind::Tag, 3}, numbers)->metrics();
  for (const auto &[key, value] : metrics)
    EXPECT_NE(key, "f1");
}

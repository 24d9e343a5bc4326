//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Metrics against finetune-metrics.json: values of scikit-learn, SciPy, seqeval
// and SQuAD's script for the same predictions, to 1e-12.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Metrics.h"
#include "compiler/Import/Json.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace bertc;
using namespace bertc::finetune;

namespace {

constexpr double tolerance = 1e-12;

class Cases {
public:
  explicit Cases(llvm::StringRef kind) {
    auto loaded = JsonDocument::load(BERTC_GOLDEN_DIR "/finetune-metrics.json");
    if (!loaded) {
      ADD_FAILURE() << llvm::toString(loaded.takeError());
      return;
    }
    document = std::move(*loaded);
    list = llvm::cantFail(
        llvm::cantFail(document->cursor().member(kind)).asArray());
    EXPECT_FALSE(list.empty());
  }
  auto begin() const { return list.begin(); }
  auto end() const { return list.end(); }

private:
  std::unique_ptr<JsonDocument> document;
  std::vector<JsonCursor> list;
};

const llvm::json::Value &get(const JsonCursor &test, llvm::StringRef key) {
  return *test.get().getAsObject()->get(key);
}

std::vector<double> numbers(const JsonCursor &test, llvm::StringRef key) {
  std::vector<double> result;
  for (const llvm::json::Value &value : *get(test, key).getAsArray())
    result.push_back(*value.getAsNumber());
  return result;
}

/// null stands for NaN.
void expectNear(double got, const JsonCursor &test, llvm::StringRef key) {
  if (auto want = get(test, key).getAsNumber())
    EXPECT_NEAR(got, *want, tolerance * std::max(1.0, std::abs(*want)))
        << key.str() << " of " << test.describePath();
  else
    EXPECT_TRUE(std::isnan(got)) << key.str() << " of " << test.describePath();
}

} // namespace

TEST(Metrics, Classes) {
  for (const JsonCursor &test : Cases("classes")) {
    Confusion confusion(uint32_t(*get(test, "labels").getAsInteger()));
    for (auto [t, p] :
         llvm::zip(numbers(test, "truth"), numbers(test, "predicted")))
      confusion.add(uint32_t(t), uint32_t(p));
    expectNear(confusion.accuracy(), test, "accuracy");
    expectNear(confusion.f1(1), test, "f1");
    expectNear(confusion.macroF1(), test, "f1_macro");
    expectNear(confusion.matthews(), test, "matthews");
  }
}

TEST(Metrics, SeveralLabels) {
  for (const JsonCursor &test : Cases("several")) {
    size_t labels = size_t(*get(test, "labels").getAsInteger());
    auto truth = numbers(test, "truth"), predicted = numbers(test, "predicted");
    MultiLabelCounts counts{uint32_t(labels)};
    for (size_t i = 0; i < truth.size(); i += labels) {
      llvm::SmallVector<bool> t, p;
      for (size_t k = 0; k < labels; ++k) {
        t.push_back(truth[i + k] != 0);
        p.push_back(predicted[i + k] != 0);
      }
      counts.add(t, p);
    }
    expectNear(counts.subsetAccuracy(), test, "accuracy");
    expectNear(counts.microF1(), test, "f1_micro");
    expectNear(counts.macroF1(), test, "f1_macro");
  }
}

TEST(Metrics, Numbers) {
  for (const JsonCursor &test : Cases("numbers")) {
    auto a = numbers(test, "a"), b = numbers(test, "b");
    expectNear(meanSquaredError(a, b), test, "mse");
    expectNear(pearson(a, b), test, "pearson");
    expectNear(spearman(a, b), test, "spearman");
  }
}

TEST(Metrics, Entities) {
  auto sentences = [](const JsonCursor &test, llvm::StringRef key) {
    std::vector<std::vector<llvm::StringRef>> result;
    for (const llvm::json::Value &sentence : *get(test, key).getAsArray()) {
      result.emplace_back();
      for (const llvm::json::Value &tag : *sentence.getAsArray())
        result.back().push_back(*tag.getAsString());
    }
    return result;
  };
  for (const JsonCursor &test : Cases("tags")) {
    EntityCounts counts;
    for (auto [t, p] :
         llvm::zip(sentences(test, "truth"), sentences(test, "predicted")))
      counts.add(t, p);
    expectNear(counts.precision(), test, "precision");
    expectNear(counts.recall(), test, "recall");
    expectNear(counts.f1(), test, "f1");
  }
}

TEST(Metrics, EntityTags) {
  EXPECT_TRUE(areEntityTags({"B-PER", "I-PER", "O"}));
  EXPECT_TRUE(areEntityTags({"B", "I", "O"}));
  EXPECT_TRUE(areEntityTags({"B-PER", "O", "LABEL_2"}));
  EXPECT_FALSE(areEntityTags({"NOUN", "VERB", "O"}));
  EXPECT_FALSE(areEntityTags({"O"}));
  EXPECT_FALSE(areEntityTags({}));
  // The last of BILOU and the single one end an entity.
  std::vector<Entity> want{{"X", 0, 2}, {"X", 3, 3}, {"X", 4, 4}};
  EXPECT_EQ(findEntities({"B-X", "I-X", "L-X", "U-X", "I-X", "O"}), want);
}

TEST(Metrics, Answers) {
  for (const JsonCursor &test : Cases("answers")) {
    std::vector<std::string> answers;
    for (const llvm::json::Value &answer : *get(test, "answers").getAsArray())
      answers.push_back(answer.getAsString()->str());
    llvm::StringRef predicted = *get(test, "predicted").getAsString();
    EXPECT_EQ(normalizeAnswer(predicted), *get(test, "normal").getAsString());
    expectNear(exactMatch(predicted, answers), test, "exact");
    expectNear(answerF1(predicted, answers), test, "f1");
  }
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses are means over all labels of the file that are not ignored, in double
// precision; so they do not depend on the batches.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Evaluate.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace bertc;
using namespace bertc::finetune;

double finetune::crossEntropy(llvm::ArrayRef<float> row, int32_t label) {
  double most = *llvm::max_element(row), sum = 0;
  for (float logit : row)
    sum += std::exp(double(logit) - most);
  return most + std::log(sum) - double(row[label]);
}

/// The first of the largest.
static uint32_t argmax(llvm::ArrayRef<float> row) {
  return uint32_t(llvm::max_element(row) - row.begin());
}

namespace {

struct Mean {
  double sum = 0;
  size_t count = 0;
  void add(double value) {
    sum += value;
    ++count;
  }
  double get() const { return count ? sum / double(count) : 0; }
};

class ClassEvaluator : public Evaluator {
public:
  ClassEvaluator(const ExampleSet &set, uint32_t labels)
      : set(set), labels(labels), confusion(labels) {}
  void add(llvm::ArrayRef<uint32_t> indexes,
           llvm::ArrayRef<float> logits) override {
    for (auto [i, index] : llvm::enumerate(indexes)) {
      auto row = logits.slice(i * labels, labels);
      loss.add(crossEntropy(row, set.classes[index]));
      confusion.add(uint32_t(set.classes[index]), argmax(row));
    }
  }
  MetricList metrics() const override {
    MetricList list{{"loss", loss.get()}, {"accuracy", confusion.accuracy()}};
    if (labels == 2)
      list.emplace_back("f1", confusion.f1(1));
    list.emplace_back("f1_macro", confusion.macroF1());
    // With one label for each text it is the accuracy.
    list.emplace_back("f1_micro", confusion.accuracy());
    list.emplace_back("matthews_correlation", confusion.matthews());
    return list;
  }

private:
  const ExampleSet &set;
  uint32_t labels;
  Confusion confusion;
  Mean loss;
};

class MultiLabelEvaluator : public Evaluator {
public:
  MultiLabelEvaluator(const ExampleSet &set, uint32_t labels)
      : set(set), labels(labels), counts(labels) {}
  void add(llvm::ArrayRef<uint32_t> indexes,
           llvm::ArrayRef<float> logits) override {
    llvm::SmallVector<bool, 32> truth(labels), predicted(labels);
    for (auto [i, index] : llvm::enumerate(indexes)) {
      for (uint32_t k = 0; k < labels; ++k) {
        double x = logits[i * labels + k];
        double y = set.numbers[size_t(index) * labels + k];
        // Binary cross entropy of the sigmoid, without overflow.
        loss.add(std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x))));
        truth[k] = y > 0.5;
        predicted[k] = x > 0;
      }
      counts.add(truth, predicted);
    }
  }
  MetricList metrics() const override {
    return {{"loss", loss.get()},
            {"accuracy", counts.subsetAccuracy()},
            {"f1", counts.microF1()},
            {"f1_macro", counts.macroF1()}};
  }

private:
  const ExampleSet &set;
  uint32_t labels;
  MultiLabelCounts counts;
  Mean loss;
};

class NumberEvaluator : public Evaluator {
public:
  NumberEvaluator(const ExampleSet &set, uint32_t labels)
      : set(set), labels(labels) {}
  void add(llvm::ArrayRef<uint32_t> indexes,
           llvm::ArrayRef<float> logits) override {
    for (auto [i, index] : llvm::enumerate(indexes))
      for (uint32_t k = 0; k < labels; ++k) {
        predicted.push_back(logits[i * labels + k]);
        truth.push_back(set.numbers[size_t(index) * labels + k]);
      }
  }
  MetricList metrics() const override {
    double mse = meanSquaredError(predicted, truth);
    MetricList list{{"loss", mse}, {"mse", mse}};
    // Correlations of several numbers mixed would mean nothing.
    if (labels == 1) {
      list.emplace_back("pearson", pearson(predicted, truth));
      list.emplace_back("spearmanr", spearman(predicted, truth));
    }
    return list;
  }

private:
  const ExampleSet &set;
  uint32_t labels;
  std::vector<double> predicted, truth;
};

class TagEvaluator : public Evaluator {
public:
  TagEvaluator(const ExampleSet &set, const LabelNames &names)
      : set(set), names(names), confusion(names.size()),
        isEntity(areEntityTags(names.get())) {
    perToken = true;
  }
  void add(llvm::ArrayRef<uint32_t> indexes,
           llvm::ArrayRef<float> logits) override {
    uint32_t width = names.size();
    for (uint32_t index : indexes) {
      std::vector<llvm::StringRef> truth, predicted;
      for (size_t t = set.offsets[index]; t < set.offsets[index + 1]; ++t) {
        auto row = logits.take_front(width);
        logits = logits.drop_front(width);
        if (set.classes[t] == ignoredLabel)
          continue;
        uint32_t label = argmax(row);
        loss.add(crossEntropy(row, set.classes[t]));
        confusion.add(uint32_t(set.classes[t]), label);
        if (isEntity) {
          truth.push_back(names.get()[set.classes[t]]);
          predicted.push_back(names.get()[label]);
        }
      }
      entities.add(truth, predicted);
    }
  }
  MetricList metrics() const override {
    MetricList list{{"loss", loss.get()}};
    if (isEntity) {
      list.emplace_back("precision", entities.precision());
      list.emplace_back("recall", entities.recall());
      list.emplace_back("f1", entities.f1());
    }
    list.emplace_back("accuracy", confusion.accuracy());
    if (!isEntity)
      list.emplace_back("f1_macro", confusion.macroF1());
    return list;
  }

private:
  const ExampleSet &set;
  const LabelNames &names;
  Confusion confusion;
  bool isEntity;
  EntityCounts entities;
  Mean loss;
};

} // namespace

std::unique_ptr<Evaluator> finetune::makeEvaluator(const ExampleSet &set,
                                                   const Task &task,
                                                   const LabelNames &names) {
  switch (task.kind) {
  case TaskKind::Classify:
    return std::make_unique<ClassEvaluator>(set, task.labels);
  case TaskKind::MultiLabel:
    return std::make_unique<MultiLabelEvaluator>(set, task.labels);
  case TaskKind::Regress:
    return std::make_unique<NumberEvaluator>(set, task.labels);
  case TaskKind::Tag:
    return std::make_unique<TagEvaluator>(set, names);
  case TaskKind::Answer:
    break;
  }
  return nullptr;
}

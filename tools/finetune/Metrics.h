//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How good predictions are. Formulas are those of scikit-learn and SciPy, of
// seqeval for entities, and of SQuAD's evaluation script for answers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_METRICS_H
#define BERTC_TOOLS_FINETUNE_METRICS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <vector>

namespace bertc::finetune {

/// Names and values in the order they are shown.
using MetricList = std::vector<std::pair<std::string, double>>;

/// Counts of pairs of a true and a predicted label.
class Confusion {
public:
  explicit Confusion(uint32_t labels)
      : labels(labels), counts(size_t(labels) * labels) {}
  void add(uint32_t truth, uint32_t predicted) {
    ++counts[size_t(truth) * labels + predicted];
    ++total;
  }
  double accuracy() const;
  /// 2 tp / (2 tp + fp + fn) of one label; 0 if there is nothing to count.
  double f1(uint32_t label) const;
  /// The mean of f1 over the labels that occur, true or predicted.
  double macroF1() const;
  /// The coefficient of Matthews, for any number of labels (Gorodkin 2004);
  /// 0 if all truths or all predictions are the same.
  double matthews() const;

private:
  uint64_t at(uint32_t truth, uint32_t predicted) const {
    return counts[size_t(truth) * labels + predicted];
  }
  uint32_t labels;
  std::vector<uint64_t> counts;
  uint64_t total = 0;
};

/// Labels that are each there or not.
class MultiLabelCounts {
public:
  explicit MultiLabelCounts(uint32_t labels) : counts(labels) {}
  void add(llvm::ArrayRef<bool> truth, llvm::ArrayRef<bool> predicted);
  double microF1() const;
  /// The mean over all labels; that of a label without counts is 0.
  double macroF1() const;
  /// The share of examples with every label right.
  double subsetAccuracy() const;

private:
  struct Counts {
    uint64_t hit = 0, extra = 0, missed = 0;
  };
  std::vector<Counts> counts;
  uint64_t examples = 0, exact = 0;
};

double meanSquaredError(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b);
/// NaN if either is constant, as in SciPy.
double pearson(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b);
/// Pearson's coefficient of the ranks; equal values share their mean rank.
double spearman(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b);

/// A run of words with one type: "PER" from B-PER I-PER.
struct Entity {
  std::string type;
  size_t first = 0, last = 0;
  bool operator==(const Entity &other) const {
    return type == other.type && first == other.first && last == other.last;
  }
};
/// Entities of BIO, BIOES or BILOU tags, by the lenient rules of conlleval and
/// seqeval's default: an I- that follows another type begins an entity.
std::vector<Entity> findEntities(llvm::ArrayRef<llvm::StringRef> tags);
/// Whether names look like such tags: O, and others with B- or I- in front.
bool areEntityTags(llvm::ArrayRef<std::string> names);

class EntityCounts {
public:
  /// The tags of one sentence.
  void add(llvm::ArrayRef<llvm::StringRef> truth,
           llvm::ArrayRef<llvm::StringRef> predicted);
  double precision() const { return ratio(hits, predictedEntities); }
  double recall() const { return ratio(hits, trueEntities); }
  /// The harmonic mean of both.
  double f1() const {
    return ratio(2 * hits, predictedEntities + trueEntities);
  }

private:
  static double ratio(uint64_t part, uint64_t whole) {
    return whole ? double(part) / double(whole) : 0;
  }
  uint64_t hits = 0, trueEntities = 0, predictedEntities = 0;
};

/// Lower case, without ASCII punctuation and English articles, blanks single.
std::string normalizeAnswer(llvm::StringRef text);
/// 1 or 0, the best over the answers; "" stands for no answer.
double exactMatch(llvm::StringRef predicted,
                  llvm::ArrayRef<std::string> answers);
/// F1 over the words of the normalized texts, the best over the answers.
double answerF1(llvm::StringRef predicted, llvm::ArrayRef<std::string> answers);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_METRICS_H

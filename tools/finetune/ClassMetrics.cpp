//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Metrics of labels and of numbers.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Metrics.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::finetune;

static double f1Of(uint64_t hit, uint64_t extra, uint64_t missed) {
  uint64_t whole = 2 * hit + extra + missed;
  return whole ? 2.0 * double(hit) / double(whole) : 0;
}

double Confusion::accuracy() const {
  uint64_t hit = 0;
  for (uint32_t i = 0; i < labels; ++i)
    hit += at(i, i);
  return total ? double(hit) / double(total) : 0;
}

double Confusion::f1(uint32_t label) const {
  uint64_t extra = 0, missed = 0;
  for (uint32_t other = 0; other < labels; ++other) {
    if (other == label)
      continue;
    extra += at(other, label);
    missed += at(label, other);
  }
  return f1Of(at(label, label), extra, missed);
}

double Confusion::macroF1() const {
  double sum = 0;
  uint32_t occurring = 0;
  for (uint32_t label = 0; label < labels; ++label) {
    bool occurs = false;
    for (uint32_t other = 0; other < labels; ++other)
      occurs |= at(label, other) || at(other, label);
    occurring += occurs;
    sum += occurs ? f1(label) : 0;
  }
  return occurring ? sum / occurring : 0;
}

double Confusion::matthews() const {
  double hits = 0, product = 0, truths = 0, predictions = 0;
  for (uint32_t k = 0; k < labels; ++k) {
    double truth = 0, predicted = 0;
    for (uint32_t other = 0; other < labels; ++other) {
      truth += double(at(k, other));
      predicted += double(at(other, k));
    }
    hits += double(at(k, k));
    product += truth * predicted;
    truths += truth * truth;
    predictions += predicted * predicted;
  }
  double n = double(total);
  double scale = (n * n - truths) * (n * n - predictions);
  return scale > 0 ? (hits * n - product) / std::sqrt(scale) : 0;
}

void MultiLabelCounts::add(llvm::ArrayRef<bool> truth,
                           llvm::ArrayRef<bool> predicted) {
  bool same = true;
  for (auto [count, t, p] : llvm::zip_equal(counts, truth, predicted)) {
    count.hit += t && p;
    count.extra += !t && p;
    count.missed += t && !p;
    same &= t == p;
  }
  ++examples;
  exact += same;
}

double MultiLabelCounts::microF1() const {
  Counts sum;
  for (const Counts &count : counts) {
    sum.hit += count.hit;
    sum.extra += count.extra;
    sum.missed += count.missed;
  }
  return f1Of(sum.hit, sum.extra, sum.missed);
}

double MultiLabelCounts::macroF1() const {
  double sum = 0;
  for (const Counts &count : counts)
    sum += f1Of(count.hit, count.extra, count.missed);
  return counts.empty() ? 0 : sum / double(counts.size());
}

double MultiLabelCounts::subsetAccuracy() const {
  return examples ? double(exact) / double(examples) : 0;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

double finetune::meanSquaredError(llvm::ArrayRef<double> a,
                                  llvm::ArrayRef<double> b) {
  double sum = 0;
  for (auto [x, y] : llvm::zip_equal(a, b))
    sum += (x - y) * (x - y);
  return a.empty() ? 0 : sum / double(a.size());
}

static double mean(llvm::ArrayRef<double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         double(values.size());
}

double finetune::pearson(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b) {
  double meanA = mean(a), meanB = mean(b), ab = 0, aa = 0, bb = 0;
  for (auto [x, y] : llvm::zip_equal(a, b)) {
    ab += (x - meanA) * (y - meanB);
    aa += (x - meanA) * (x - meanA);
    bb += (y - meanB) * (y - meanB);
  }
  if (a.size() < 2 || aa == 0 || bb == 0)
    return std::numeric_limits<double>::quiet_NaN();
  return std::clamp(ab / (std::sqrt(aa) * std::sqrt(bb)), -1.0, 1.0);
}

static std::vector<double> ranks(llvm::ArrayRef<double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (size_t begin = 0, end; begin < order.size(); begin = end) {
    for (end = begin + 1;
         end < order.size() && values[order[end]] == values[order[begin]];)
      ++end;
    for (size_t i = begin; i < end; ++i)
      result[order[i]] = double(begin + end + 1) / 2;
  }
  return result;
}

double finetune::spearman(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b) {
  return pearson(ranks(a), ranks(b));
}

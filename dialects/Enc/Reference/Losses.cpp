//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A loss and its gradient share one walk over the rows that count, so that they
// cannot disagree about which those are.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Philox.h"
#include "dialects/Enc/Reference/TrainingFunctions.h"

#include <algorithm>
#include <cmath>

using namespace mlir::enc;
using namespace mlir::enc::reference;

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

double reference::dropoutFactor(const DropoutSource &source, int64_t row,
                                int64_t column, int64_t head) {
  uint32_t place =
      source.site + 256 * source.layer + (static_cast<uint32_t>(head) << 20);
  auto draws = philox({static_cast<uint32_t>(column / 4),
                       static_cast<uint32_t>(row), place, source.step},
                      source.seed);
  bool kept = draws[column % 4] >= source.rate * 0x1p32;
  return kept ? 1.0 / (1.0 - source.rate) : 0.0;
}

Tensor reference::dropout(Tensor x, const DropoutSource &source) {
  if (!x.lengths.empty()) {
    forScoreRows(x.lengths, x.shape[0], [&](const ScoreRow &row) {
      for (int64_t j = 0; j < row.count; ++j)
        x.data[row.at + j] *= dropoutFactor(source, row.token, j, row.head);
    });
    return x;
  }
  for (int64_t i = 0; i < x.rows(); ++i)
    for (int64_t j = 0; j < x.width(); ++j)
      x.row(i)[j] *= dropoutFactor(source, i, j, 0);
  return x;
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

/// -log softmax(x)[label] of `count` numbers `stride` apart; adds `weight`
/// times its gradient to `gradient` if there is one.
static double surprise(const double *x, int64_t count, int64_t stride,
                       int64_t label, double *gradient, double weight) {
  double largest = x[0], sum = 0;
  for (int64_t j = 1; j < count; ++j)
    largest = std::max(largest, x[j * stride]);
  for (int64_t j = 0; j < count; ++j)
    sum += std::exp(x[j * stride] - largest);
  for (int64_t j = 0; gradient && j < count; ++j)
    gradient[j * stride] +=
        weight * (std::exp(x[j * stride] - largest) / sum - (j == label));
  return std::log(sum) + largest - x[label * stride];
}

double reference::crossEntropy(const Tensor &x, const Tensor &labels,
                               Tensor *gradient) {
  constexpr double ignored = -100;
  if (gradient)
    *gradient = Tensor(x.shape);
  double count =
      x.rows() - std::count(labels.data.begin(), labels.data.end(), ignored);
  double loss = 0;
  for (int64_t i = 0; i < x.rows(); ++i)
    if (labels.data[i] != ignored)
      loss += surprise(x.row(i), x.width(), 1, labels.data[i],
                       gradient ? gradient->row(i) : nullptr, 1 / count) /
              count;
  return loss;
}

double reference::meanSquaredError(const Tensor &x, const Tensor &labels,
                                   Tensor *gradient) {
  if (gradient)
    *gradient = Tensor(x.shape);
  double loss = 0, count = x.data.size();
  for (size_t i = 0; i < x.data.size(); ++i) {
    double difference = x.data[i] - labels.data[i];
    loss += difference * difference / count;
    if (gradient)
      gradient->data[i] = 2 * difference / count;
  }
  return loss;
}

double reference::binaryCrossEntropy(const Tensor &x, const Tensor &labels,
                                     Tensor *gradient) {
  if (gradient)
    *gradient = Tensor(x.shape);
  double loss = 0, count = x.data.size();
  for (size_t i = 0; i < x.data.size(); ++i) {
    double value = x.data[i], label = labels.data[i];
    // log(1 + exp(x)) without overflow.
    double softplus =
        std::max(value, 0.0) + std::log1p(std::exp(-std::fabs(value)));
    loss += (softplus - label * value) / count;
    if (gradient)
      gradient->data[i] = (1 / (1 + std::exp(-value)) - label) / count;
  }
  return loss;
}

double reference::spanLoss(const Tensor &x, const Tensor &labels,
                           const Tensor &offsets, Tensor *gradient) {
  if (gradient)
    *gradient = Tensor(x.shape);
  double loss = 0;
  for (int64_t side = 0; side < 2; ++side) {
    auto label = [&](int64_t s) { return labels.row(s)[side]; };
    auto length = [&](int64_t s) {
      return offsets.data[s + 1] - offsets.data[s];
    };
    double count = 0;
    for (int64_t s = 0; s < labels.rows(); ++s)
      count += label(s) >= 0 && label(s) < length(s);
    for (int64_t s = 0; s < labels.rows(); ++s) {
      if (label(s) < 0 || label(s) >= length(s))
        continue;
      int64_t first = offsets.data[s];
      loss += surprise(x.row(first) + side, length(s), 2, label(s),
                       gradient ? gradient->row(first) + side : nullptr,
                       0.5 / count) /
              count / 2;
    }
  }
  return loss;
}

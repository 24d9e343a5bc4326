//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention over ragged scores. Each of the three functions walks sequences,
// heads and rows with the same helper, so the layout is written down once.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/TrainingFunctions.h"

#include <algorithm>
#include <cmath>

using namespace mlir::enc;
using namespace mlir::enc::reference;

void reference::forScoreRows(const std::vector<int64_t> &lengths, int64_t heads,
                             llvm::function_ref<void(const ScoreRow &)> body) {
  ScoreRow row{0, 0, 0, 0, 0};
  for (int64_t length : lengths) {
    row.count = length;
    for (row.head = 0; row.head < heads; ++row.head)
      for (int64_t i = 0; i < length; ++i) {
        row.token = row.first + i;
        body(row);
        row.at += length;
      }
    row.first += length;
  }
}

Tensor reference::scores(const Tensor &q, const Tensor &k,
                         const Tensor &offsets, double scale) {
  int64_t heads = q.shape[1], size = q.shape[2];
  Tensor y;
  y.shape = {heads};
  int64_t total = 0;
  for (int64_t s = 0; s + 1 < offsets.rows(); ++s) {
    y.lengths.push_back(offsets.data[s + 1] - offsets.data[s]);
    total += heads * y.lengths.back() * y.lengths.back();
  }
  y.data.resize(total);
  forScoreRows(y.lengths, heads, [&](const ScoreRow &row) {
    for (int64_t j = 0; j < row.count; ++j) {
      const double *a = q.row(row.token) + row.head * size;
      const double *b = k.row(row.first + j) + row.head * size;
      double sum = 0;
      for (int64_t d = 0; d < size; ++d)
        sum += a[d] * b[d];
      y.data[row.at + j] = scale * sum;
    }
  });
  return y;
}

Tensor reference::softmax(Tensor x) {
  forScoreRows(x.lengths, x.shape[0], [&](const ScoreRow &row) {
    double *values = x.data.data() + row.at;
    double largest = *std::max_element(values, values + row.count), sum = 0;
    for (int64_t j = 0; j < row.count; ++j)
      sum += values[j] = std::exp(values[j] - largest);
    for (int64_t j = 0; j < row.count; ++j)
      values[j] /= sum;
  });
  return x;
}

Tensor reference::context(const Tensor &p, const Tensor &v) {
  int64_t size = v.shape[2];
  Tensor y(v.shape);
  forScoreRows(p.lengths, p.shape[0], [&](const ScoreRow &row) {
    double *to = y.row(row.token) + row.head * size;
    for (int64_t j = 0; j < row.count; ++j) {
      const double *from = v.row(row.first + j) + row.head * size;
      for (int64_t d = 0; d < size; ++d)
        to[d] += p.data[row.at + j] * from[d];
    }
  });
  return y;
}

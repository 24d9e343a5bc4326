//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums run in rising index order with one double accumulator each.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/TrainingFunctions.h"

#include <algorithm>
#include <cmath>

using namespace mlir::enc;
using namespace mlir::enc::reference;

//===----------------------------------------------------------------------===//
// Linear layers, embeddings and norms
//===----------------------------------------------------------------------===//

Tensor reference::linearInputGradient(const Tensor &dy, const Weight &weight,
                                      int64_t in) {
  Tensor dx({dy.rows(), in});
  for (int64_t i = 0; i < dy.rows(); ++i)
    for (int64_t n = 0; n < dy.width(); ++n)
      for (int64_t k = 0; k < in; ++k)
        dx.row(i)[k] += dy.row(i)[n] * weight[n * in + k];
  return dx;
}

std::vector<double> reference::linearWeightGradient(const Tensor &dy,
                                                    const Tensor &x) {
  int64_t in = x.width();
  std::vector<double> sum(dy.width() * in);
  for (int64_t i = 0; i < dy.rows(); ++i)
    for (int64_t n = 0; n < dy.width(); ++n)
      for (int64_t k = 0; k < in; ++k)
        sum[n * in + k] += dy.row(i)[n] * x.row(i)[k];
  return sum;
}

std::vector<double> reference::columnSums(const Tensor &dy) {
  std::vector<double> sum(dy.width());
  for (int64_t i = 0; i < dy.rows(); ++i)
    for (int64_t n = 0; n < dy.width(); ++n)
      sum[n] += dy.row(i)[n];
  return sum;
}

std::vector<double> reference::embedGradient(const Tensor &dy,
                                             const Tensor &ids, int64_t rows) {
  int64_t width = dy.width();
  std::vector<double> sum(rows * width);
  for (int64_t i = 0; i < dy.rows(); ++i)
    for (int64_t j = 0; j < width; ++j)
      sum[static_cast<int64_t>(ids.data[i]) * width + j] += dy.row(i)[j];
  return sum;
}

NormGradients reference::layerNormGradient(const Tensor &dy, const Tensor &x,
                                           const Weight &gain, double epsilon) {
  int64_t width = x.width();
  NormGradients result{Tensor(x.shape), std::vector<double>(width),
                       columnSums(dy)};
  std::vector<double> normal(width);
  for (int64_t i = 0; i < x.rows(); ++i) {
    const double *row = x.row(i), *gradient = dy.row(i);
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < width; ++j)
      mean += row[j] / width;
    for (int64_t j = 0; j < width; ++j)
      variance += (row[j] - mean) * (row[j] - mean) / width;
    double deviation = std::sqrt(variance + epsilon);
    double first = 0, second = 0;
    for (int64_t j = 0; j < width; ++j) {
      normal[j] = (row[j] - mean) / deviation;
      first += gain[j] * gradient[j] / width;
      second += gain[j] * gradient[j] * normal[j] / width;
      result.gain[j] += gradient[j] * normal[j];
    }
    for (int64_t j = 0; j < width; ++j)
      result.input.row(i)[j] =
          (gain[j] * gradient[j] - first - normal[j] * second) / deviation;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

double reference::geluSlope(double x) {
  constexpr double inverseSqrt2Pi = 0.3989422804014327;
  return 0.5 * std::erfc(-x * M_SQRT1_2) +
         x * inverseSqrt2Pi * std::exp(-0.5 * x * x);
}

double reference::geluTanhSlope(double x) {
  double c = std::sqrt(2.0 / M_PI);
  double t = std::tanh(c * (x + 0.044715 * x * x * x));
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x);
}

double reference::reluSlope(double x) { return x > 0 ? 1.0 : 0.0; }

double reference::siluSlope(double x) {
  double s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

double reference::tanhSlope(double x) {
  double t = std::tanh(x);
  return 1 - t * t;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Tensor reference::logSumExp(const Tensor &scores) {
  int64_t tokens = 0, heads = scores.shape[0];
  for (int64_t length : scores.lengths)
    tokens += length;
  Tensor y({tokens, heads});
  forScoreRows(scores.lengths, heads, [&](const ScoreRow &row) {
    const double *values = scores.data.data() + row.at;
    double largest = *std::max_element(values, values + row.count), sum = 0;
    for (int64_t j = 0; j < row.count; ++j)
      sum += std::exp(values[j] - largest);
    y.row(row.token)[row.head] = std::log(sum) + largest;
  });
  return y;
}

Tensor reference::attentionGradient(const Tensor &dy, const Tensor &y,
                                    const Tensor &qkv, const Tensor &logSumExp,
                                    const Tensor &offsets, double scale,
                                    const DropoutSource *dropout) {
  int64_t heads = qkv.shape[2], size = qkv.shape[3], width = heads * size;
  Tensor result(qkv.shape);
  std::vector<int64_t> lengths;
  for (int64_t s = 0; s + 1 < offsets.rows(); ++s)
    lengths.push_back(offsets.data[s + 1] - offsets.data[s]);
  forScoreRows(lengths, heads, [&](const ScoreRow &row) {
    int64_t i = row.token, at = row.head * size;
    const double *g = dy.row(i) + at, *q = qkv.row(i) + at;
    double delta = 0;
    for (int64_t d = 0; d < size; ++d)
      delta += g[d] * y.row(i)[at + d];
    for (int64_t j = 0; j < row.count; ++j) {
      int64_t other = row.first + j;
      const double *k = qkv.row(other) + width + at;
      const double *v = qkv.row(other) + 2 * width + at;
      double score = 0, product = 0;
      for (int64_t d = 0; d < size; ++d) {
        score += q[d] * k[d];
        product += g[d] * v[d];
      }
      double p = std::exp(scale * score - logSumExp.row(i)[row.head]);
      double kept = dropout ? dropoutFactor(*dropout, i, j, row.head) : 1.0;
      double ds = scale * p * (kept * product - delta);
      double *dk = result.row(other) + width + at;
      double *dv = result.row(other) + 2 * width + at;
      for (int64_t d = 0; d < size; ++d) {
        result.row(i)[at + d] += ds * k[d];
        dk[d] += ds * q[d];
        dv[d] += kept * p * g[d];
      }
    }
  });
  return result;
}

//===----------------------------------------------------------------------===//
// Sequences
//===----------------------------------------------------------------------===//

Tensor reference::poolGradient(const Tensor &dy, const Tensor *x,
                               const Tensor &offsets, Pooling mode) {
  int64_t width = dy.width();
  Tensor dx({static_cast<int64_t>(offsets.data.back()), width});
  for (int64_t s = 0; s < dy.rows(); ++s) {
    int64_t first = offsets.data[s], last = offsets.data[s + 1];
    double length = last - first;
    double divisor = mode == Pooling::MeanSqrtLen ? std::sqrt(length) : length;
    for (int64_t j = 0; j < width; ++j) {
      if (mode == Pooling::Mean || mode == Pooling::MeanSqrtLen) {
        for (int64_t i = first; i < last; ++i)
          dx.row(i)[j] = dy.row(s)[j] / divisor;
        continue;
      }
      int64_t chosen = first;
      if (mode == Pooling::Max)
        for (int64_t i = first; i < last; ++i)
          if (x->row(i)[j] > x->row(chosen)[j])
            chosen = i;
      dx.row(chosen)[j] = dy.row(s)[j];
    }
  }
  return dx;
}

Tensor reference::normalizeGradient(const Tensor &dy, const Tensor &x) {
  constexpr double least = 1e-12;
  Tensor dx(x.shape);
  for (int64_t i = 0; i < x.rows(); ++i) {
    double square = 0, product = 0;
    for (int64_t j = 0; j < x.width(); ++j) {
      square += x.row(i)[j] * x.row(i)[j];
      product += x.row(i)[j] * dy.row(i)[j];
    }
    double length = std::sqrt(square);
    for (int64_t j = 0; j < x.width(); ++j)
      dx.row(i)[j] =
          length < least
              ? dy.row(i)[j] / least
              : (dy.row(i)[j] - x.row(i)[j] * product / square) / length;
  }
  return dx;
}

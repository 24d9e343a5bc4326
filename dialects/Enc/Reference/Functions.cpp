//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums run in rising index order with one double accumulator each. The only
// loop that is not in the order of its formula is linear's, which keeps that
// order for each output element but works on the outputs side by side: an
// oracle that takes minutes on a real model would not be asked.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Functions.h"

#include <algorithm>
#include <cmath>

using namespace mlir::enc;
using namespace mlir::enc::reference;

Tensor reference::embed(const Tensor &ids, const Weight &table, int64_t width) {
  Tensor y({ids.rows(), width});
  for (int64_t i = 0; i < ids.rows(); ++i) {
    const float *from =
        table.data() + static_cast<int64_t>(ids.data[i]) * width;
    std::copy(from, from + width, y.row(i));
  }
  return y;
}

Tensor reference::add(const Tensor &a, const Tensor &b) {
  Tensor y = a;
  for (size_t i = 0; i < y.data.size(); ++i)
    y.data[i] += b.data[i];
  return y;
}

Tensor reference::layerNorm(const Tensor &x, const Weight &gain,
                            const Weight &bias, double epsilon) {
  Tensor y = x;
  int64_t width = x.width();
  for (int64_t i = 0; i < x.rows(); ++i) {
    double *row = y.row(i);
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < width; ++j)
      mean += row[j];
    mean /= width;
    for (int64_t j = 0; j < width; ++j)
      variance += (row[j] - mean) * (row[j] - mean);
    variance /= width;
    for (int64_t j = 0; j < width; ++j)
      row[j] =
          (row[j] - mean) / std::sqrt(variance + epsilon) * gain[j] + bias[j];
  }
  return y;
}

Tensor reference::linear(const Tensor &x, const Weight &weight,
                         const Weight &bias, int64_t out) {
  Tensor y({x.rows(), out});
  int64_t in = x.width();
  constexpr int64_t panel = 16;
  std::vector<double> columns(in * panel);
  for (int64_t first = 0; first < out; first += panel) {
    int64_t count = std::min(panel, out - first);
    std::fill(columns.begin(), columns.end(), 0.0);
    for (int64_t j = 0; j < count; ++j)
      for (int64_t k = 0; k < in; ++k)
        columns[k * panel + j] = weight[(first + j) * in + k];
    for (int64_t i = 0; i < x.rows(); ++i) {
      const double *row = x.row(i);
      double sum[panel] = {};
      for (int64_t k = 0; k < in; ++k)
        for (int64_t j = 0; j < panel; ++j)
          sum[j] += row[k] * columns[k * panel + j];
      for (int64_t j = 0; j < count; ++j)
        y.row(i)[first + j] = sum[j] + (bias.empty() ? 0.0 : bias[first + j]);
    }
  }
  return y;
}

Tensor reference::reshapeRows(Tensor x, llvm::ArrayRef<int64_t> rowShape) {
  x.shape.truncate(1);
  x.shape.append(rowShape.begin(), rowShape.end());
  return x;
}

Tensor reference::part(const Tensor &x, int64_t index) {
  llvm::SmallVector<int64_t, 4> shape{x.rows()};
  shape.append(x.shape.begin() + 2, x.shape.end());
  Tensor y(shape);
  int64_t width = y.width();
  for (int64_t i = 0; i < x.rows(); ++i)
    std::copy_n(x.row(i) + index * width, width, y.row(i));
  return y;
}

Tensor reference::map(Tensor x, ScalarFunction function) {
  for (double &value : x.data)
    value = function(value);
  return x;
}

double reference::gelu(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }

double reference::geluTanh(double x) {
  double y = std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + std::tanh(y));
}

double reference::relu(double x) { return x < 0.0 ? 0.0 : x; }

double reference::silu(double x) { return x / (1.0 + std::exp(-x)); }

Tensor reference::pool(const Tensor &x, const Tensor &offsets, Pooling mode) {
  int64_t sequences = offsets.rows() - 1, width = x.width();
  Tensor y({sequences, width});
  for (int64_t s = 0; s < sequences; ++s) {
    int64_t first = offsets.data[s], last = offsets.data[s + 1];
    double *to = y.row(s);
    std::copy(x.row(first), x.row(first) + width, to);
    if (mode == Pooling::Cls)
      continue;
    for (int64_t i = first + 1; i < last; ++i)
      for (int64_t j = 0; j < width; ++j)
        to[j] = mode == Pooling::Max ? std::max(to[j], x.row(i)[j])
                                     : to[j] + x.row(i)[j];
    double length = last - first;
    double divisor = mode == Pooling::Mean          ? length
                     : mode == Pooling::MeanSqrtLen ? std::sqrt(length)
                                                    : 1.0;
    for (int64_t j = 0; j < width; ++j)
      to[j] /= divisor;
  }
  return y;
}

Tensor reference::normalize(Tensor x) {
  for (int64_t i = 0; i < x.rows(); ++i) {
    double *row = x.row(i), square = 0;
    for (int64_t j = 0; j < x.width(); ++j)
      square += row[j] * row[j];
    double length = std::max(std::sqrt(square), 1e-12);
    for (int64_t j = 0; j < x.width(); ++j)
      row[j] /= length;
  }
  return x;
}

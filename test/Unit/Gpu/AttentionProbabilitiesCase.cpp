//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionProbabilitiesCase.h"

#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::test;

AttentionProbabilitiesCase::AttentionProbabilitiesCase(
    int64_t heads, int64_t headSize, std::vector<int32_t> lengths,
    int64_t planes, HalfType type)
    : lengths(std::move(lengths)) {
  shape.heads = heads;
  shape.headSize = headSize;
  shape.headStride = (headSize + 15) / 16 * 16;
  shape.inputStride = 3 * heads * shape.headStride;
  shape.planes = planes;
  shape.type = type;
  shape.scale = 1 / std::sqrt(double(headSize));
  longest = *std::max_element(this->lengths.begin(), this->lengths.end());
}

int64_t AttentionProbabilitiesCase::tokens() const {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t(0));
}
std::string AttentionProbabilitiesCase::name() const {
  std::string text =
      llvm::formatv("{0} heads of {1}, {2} planes of {3}, longest {4}, lengths",
                    shape.heads, shape.headSize, shape.planes,
                    shape.type == HalfType::BF16 ? "bf16" : "f16", longest);
  for (int32_t length : lengths)
    text += " " + std::to_string(length);
  if (lowScores)
    text += ", low scores";
  return text;
}

double bertc::test::attentionProbabilitiesTolerance(
    const AttentionProbabilitiesCase &c) {
  // Of two planes, products of both second ones are left out. Else there are
  // sums in float32, which tensor cores cut off once for 16 columns, the
  // log-sum-exp as a float and what is left of both as the exponent.
  double tolerance = c.shape.planes == 2 ? 4e-5 : 5e-6;
  tolerance *= std::max<double>(1, c.shape.headStride / 128.0);
  return c.lowScores ? 10 * tolerance : tolerance;
}

bool AttentionProbabilitiesResult::isGood(
    const AttentionProbabilitiesCase &c) const {
  return report.ok() && report.bankConflicts == 0 &&
         error <= attentionProbabilitiesTolerance(c) && wrongPadding == 0;
}

AttentionProbabilitiesResult
bertc::test::runAttentionProbabilities(const AttentionProbabilitiesCase &c,
                                       const GpuProgram::Change &change) {
  const DeviceAttentionShape &shape = c.shape;
  const size_t tokens = c.tokens(), stride = shape.inputStride;
  const size_t heads = shape.heads, d = shape.headStride, longest = c.longest;
  std::vector<float> values = randomFloats(tokens * stride, 11);
  for (size_t i = 0; i < values.size(); ++i) {
    size_t column = i % stride;
    if (column >= 3 * heads * d || column % d >= size_t(shape.headSize))
      values[i] = 0;
    else if (column < heads * d)
      values[i] = c.lowScores ? -12 - values[i] : 4 * values[i];
    else if (c.lowScores)
      values[i] = 4 + values[i];
  }
  // Planes further apart than they must be.
  const size_t planeStride = tokens * stride + 32;
  DeviceArray<uint16_t> qkv(
      planesOf(values, shape.planes, planeStride, shape.type), "qkv", false);
  std::vector<int32_t> starts(1);
  for (int32_t length : c.lengths)
    starts.push_back(starts.back() + length);
  DeviceArray<int32_t> offsets(starts, "offsets", false);

  const float unset = std::numeric_limits<float>::quiet_NaN();
  auto input = [&](size_t token, size_t part, size_t head, size_t i) {
    return sumOfPlanes(qkv, shape.planes, planeStride,
                       token * stride + (part * heads + head) * d + i,
                       shape.type);
  };
  auto place = [&](size_t sequence, size_t head, size_t i, size_t j) {
    return ((sequence * heads + head) * longest + i) * longest + j;
  };
  const size_t count = c.lengths.size() * heads * longest * longest;
  const size_t sumStride = (heads + 15) / 16 * 16;
  std::vector<double> expected(count);
  std::vector<float> sums(tokens * sumStride, unset);
  for (size_t s = 0; s < c.lengths.size(); ++s)
    for (size_t head = 0; head < heads; ++head) {
      const size_t first = starts[s], length = c.lengths[s];
      std::vector<double> keys(length * d), query(d), scores(length);
      for (size_t j = 0; j < length; ++j)
        for (size_t n = 0; n < d; ++n)
          keys[j * d + n] = input(first + j, 1, head, n);
      for (size_t i = 0; i < length; ++i) {
        for (size_t n = 0; n < d; ++n)
          query[n] = input(first + i, 0, head, n) * shape.scale;
        for (size_t j = 0; j < length; ++j)
          scores[j] =
              std::inner_product(query.begin(), query.end(), &keys[j * d], 0.0);
        double highest = *std::max_element(scores.begin(), scores.end());
        double sum = 0;
        for (double score : scores)
          sum += std::exp(score - highest);
        double log = highest + std::log(sum);
        for (size_t j = 0; j < length; ++j)
          expected[place(s, head, i, j)] = std::exp(scores[j] - log);
        sums[(first + i) * sumStride + head] = float(log);
      }
    }
  DeviceArray<float> logSumExp(sums, "log-sum-exp", false);
  DeviceArray<float> probabilities(count, unset, "probabilities");

  DeviceKernel kernel;
  GpuProgram program(
      [&](mlir::ModuleOp module) {
        GpuBuilder k(module);
        kernel = attentionProbabilitiesKernel(k, shape);
      },
      change);
  AttentionProbabilitiesResult result;
  if (!program.isValid()) {
    result.report.errors.push_back("no program");
    return result;
  }
  constexpr size_t rows = attentionProbabilitiesRows;
  Grid grid((longest + rows - 1) / rows, heads, c.lengths.size());
  Arguments arguments;
  arguments.add(qkv).add(int64_t(planeStride)).add(offsets).add(logSumExp);
  arguments.add(probabilities).add(c.longest);
  result.report = arguments.launch(program, kernel, grid);

  for (size_t s = 0; s < c.lengths.size(); ++s)
    for (size_t head = 0; head < heads; ++head)
      for (size_t i = 0; i < longest; ++i)
        for (size_t j = 0; j < longest; ++j) {
          size_t at = place(s, head, i, j), length = c.lengths[s];
          if (i >= length || j >= length) {
            result.wrongPadding += !(probabilities[at] == 0);
            continue;
          }
          double error = std::fabs(probabilities[at] / expected[at] - 1);
          // A NaN is an error, too.
          if (!(error <= result.error))
            result.error = std::isnan(error)
                               ? std::numeric_limits<double>::infinity()
                               : error;
        }
  return result;
}

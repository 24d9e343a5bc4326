//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionGradientCase.h"

#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::test;

AttentionGradientCase::AttentionGradientCase(int64_t heads, int64_t headSize,
                                             std::vector<int32_t> lengths,
                                             int64_t planes, HalfType type)
    : lengths(std::move(lengths)) {
  shape.heads = heads;
  shape.headSize = headSize;
  shape.headStride = (headSize + 15) / 16 * 16;
  shape.inputStride = 3 * heads * shape.headStride;
  shape.outputStride = heads * shape.headStride;
  shape.planes = planes;
  shape.type = type;
  shape.scale = 1 / std::sqrt(double(headSize));
  shape.gradients = {/*f32=*/true, planes, type};
  shape.gradientStride = shape.inputStride;
  plans = planDeviceAttentionGradient(*findDeviceTarget("cuda:sm_80"), heads,
                                      shape.headStride, planes);
}

int64_t AttentionGradientCase::tokens() const {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t(0));
}
int64_t AttentionGradientCase::longest() const {
  return *std::max_element(lengths.begin(), lengths.end());
}
static std::string nameOf(const DeviceAttentionGradientPlan &plan) {
  return llvm::formatv("{0}x{1} {2} warps {3} stages{4}", plan.rows,
                       plan.columns, plan.warps, plan.stages,
                       plan.resident ? "" : " shared");
}
std::string AttentionGradientCase::name() const {
  std::string text = llvm::formatv(
      "{0} heads of {1}, {2} planes of {3}, plans {4} and {5}, lengths",
      shape.heads, shape.headSize, shape.planes,
      shape.type == HalfType::BF16 ? "bf16" : "f16", nameOf(plans.queries),
      nameOf(plans.keys));
  for (int32_t length : lengths)
    text += " " + std::to_string(length);
  if (shape.dropout)
    text += ", dropout";
  return text;
}

double bertc::test::attentionGradientTolerance(const AttentionGradientCase &c) {
  // Neighbours among floats of 88 differ by 2^-17, and gradients of scores that
  // add up to zero meet keys of 5.
  if (c.lowScores)
    return 5e-4;
  // Outputs, weights and gradients of scores are rounded to the planes' bits,
  // each by at most half an ulp; some elements are several times the root mean
  // square.
  if (c.shape.planes == 1)
    return c.shape.type == HalfType::BF16 ? 4e-2 : 5e-3;
  return c.shape.planes == 2 ? 1e-4 : 1e-5;
}
double bertc::test::attentionSumsTolerance(const AttentionGradientCase &c) {
  // The output has the planes' bits, and so has its product with the gradient.
  if (c.shape.planes == 1)
    return c.shape.type == HalfType::BF16 ? 2e-2 : 2e-3;
  return c.shape.planes == 2 ? 5e-5 : 2e-6;
}

bool AttentionGradientResult::isGood(const AttentionGradientCase &c) const {
  double tolerance = attentionGradientTolerance(c);
  // NaN is not good either.
  return report.ok() && report.bankConflicts == 0 &&
         sums <= attentionSumsTolerance(c) && dq <= tolerance &&
         dk <= tolerance && dv <= tolerance && planes <= 2 * tolerance &&
         wrongPadding == 0;
}

namespace {

/// An error that a NaN does not hide in.
void raise(double &error, double value, double expected) {
  double difference = std::fabs(value - expected);
  if (!(difference <= error))
    error = std::isnan(difference) ? std::numeric_limits<double>::infinity()
                                   : difference;
}

/// What plain loops make of rounded inputs.
class Reference {
public:
  /// `input(token, part, head, i)` is q, k, v or (3) dy.
  template <typename Input>
  Reference(const AttentionGradientCase &c, const Input &input)
      : c(c), heads(c.shape.heads), d(c.shape.headStride),
        output(c.tokens() * heads * d), logSumExp(c.tokens() * heads),
        sums(c.tokens() * heads), gradients(3 * output.size()) {
    int64_t first = 0;
    for (int32_t length : c.lengths) {
      for (int64_t head = 0; head < heads; ++head) {
        std::vector<double> rows[4];
        for (int64_t part = 0; part < 4; ++part)
          for (int64_t t = 0; t < length; ++t)
            for (int64_t i = 0; i < d; ++i)
              rows[part].push_back(input(first + t, part, head, i));
        for (int64_t t = 0; t < length; ++t)
          computeRow(rows, first, t, length, head);
      }
      first += length;
    }
  }

  int64_t place(int64_t token, int64_t head, int64_t i) const {
    return (token * heads + head) * d + i;
  }
  double gradient(int64_t token, int64_t part, int64_t head, int64_t i) const {
    return gradients[3 * place(token, head, 0) + part * d + i];
  }

  const AttentionGradientCase &c;
  int64_t heads, d;
  std::vector<double> output, logSumExp, sums;

private:
  static double dot(const double *a, const double *b, int64_t n) {
    return std::inner_product(a, a + n, b, 0.0);
  }
  double *gradientRow(int64_t token, int64_t part, int64_t head) {
    return &gradients[3 * place(token, head, 0) + part * d];
  }
  void computeRow(const std::vector<double> (&rows)[4], int64_t first,
                  int64_t t, int64_t length, int64_t head) {
    const double scale = c.shape.scale;
    const double *q = &rows[0][t * d], *dy = &rows[3][t * d];
    // `kept` is what a weight is multiplied with before it meets its value.
    std::vector<double> p(length), dp(length), kept(length, 1.0);
    for (int64_t j = 0; j < length; ++j) {
      p[j] = scale * dot(q, &rows[1][j * d], d);
      if (c.shape.dropout)
        kept[j] = c.dropout.isKept(head, first + t, j) ? c.dropout.scale() : 0;
      dp[j] = kept[j] * dot(dy, &rows[2][j * d], d);
    }
    const double highest = *std::max_element(p.begin(), p.end());
    double sum = 0, weighted = 0;
    for (double &weight : p)
      sum += weight = std::exp(weight - highest);
    for (int64_t j = 0; j < length; ++j)
      weighted += (p[j] /= sum) * dp[j];
    logSumExp[(first + t) * heads + head] = highest + std::log(sum);
    sums[(first + t) * heads + head] = weighted;
    double *y = &output[place(first + t, head, 0)];
    double *dq = gradientRow(first + t, 0, head);
    for (int64_t j = 0; j < length; ++j) {
      const double *k = &rows[1][j * d], *v = &rows[2][j * d];
      double *dk = gradientRow(first + j, 1, head);
      double *dv = gradientRow(first + j, 2, head);
      const double ds = scale * p[j] * (dp[j] - weighted);
      for (int64_t i = 0; i < d; ++i) {
        y[i] += kept[j] * p[j] * v[i];
        dq[i] += ds * k[i];
        dk[i] += ds * q[i];
        dv[i] += kept[j] * p[j] * dy[i];
      }
    }
  }

  std::vector<double> gradients; // [token][head][3][d]
};

/// Random rows of `parts` by [heads][headStride], zero where they are padding.
std::vector<float> randomRows(const AttentionGradientCase &c, int64_t parts,
                              int64_t stride, uint32_t seed) {
  std::vector<float> values = randomFloats(c.tokens() * stride, seed);
  const int64_t d = c.shape.headStride;
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t column = i % stride;
    if (column >= parts * c.shape.heads * d || column % d >= c.shape.headSize)
      values[i] = 0;
  }
  return values;
}

} // namespace

AttentionGradientResult
bertc::test::runAttentionGradient(const AttentionGradientCase &c,
                                  const GpuProgram::Change &change) {
  const DeviceAttentionGradientShape &shape = c.shape;
  const int64_t tokens = c.tokens(), heads = shape.heads, d = shape.headStride;
  const HalfType type = shape.type;
  std::vector<float> inputs = randomRows(c, 3, shape.inputStride, 7);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t column = int64_t(i) % shape.inputStride;
    const bool isQuery = column < heads * d, isKey = column < 2 * heads * d;
    if (!c.lowScores)
      inputs[i] *= isQuery ? 4 : 1; // so that weights differ
    else if (isKey && column % d < shape.headSize)
      inputs[i] += isQuery ? 4.7f : -4.7f; // heads of 16: about -88
  }
  // Planes further apart than they must be.
  const int64_t planeStride = tokens * shape.inputStride + 32;
  const int64_t outPlaneStride = tokens * shape.outputStride + 48;
  const int64_t dyPlaneStride = tokens * shape.outputStride + 16;
  const int64_t gradientPlaneStride = tokens * shape.gradientStride + 64;
  const int64_t sumStride = (heads + 15) / 16 * 16;
  DeviceArray<uint16_t> qkv(planesOf(inputs, shape.planes, planeStride, type),
                            "qkv", false);
  DeviceArray<uint16_t> dy(planesOf(randomRows(c, 1, shape.outputStride, 8),
                                    shape.planes, dyPlaneStride, type),
                           "dy", false);
  Reference expected(
      c, [&](int64_t token, int64_t part, int64_t head, int64_t i) {
        if (part == 3)
          return sumOfPlanes(dy, shape.planes, dyPlaneStride,
                             token * shape.outputStride + head * d + i, type);
        return sumOfPlanes(
            qkv, shape.planes, planeStride,
            token * shape.inputStride + (part * heads + head) * d + i, type);
      });

  const float unset = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> output(tokens * shape.outputStride);
  std::vector<float> logs(tokens * sumStride, unset);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t head = 0; head < heads; ++head) {
      logs[t * sumStride + head] = float(expected.logSumExp[t * heads + head]);
      for (int64_t i = 0; i < d; ++i)
        output[t * shape.outputStride + head * d + i] =
            float(expected.output[expected.place(t, head, i)]);
    }
  DeviceArray<uint16_t> y(planesOf(output, shape.planes, outPlaneStride, type),
                          "y", false);
  DeviceArray<float> logSumExp(logs, "log-sum-exp", false);
  DeviceArray<float> sums(tokens * sumStride, unset, "sums");
  std::vector<int32_t> starts(1);
  for (int32_t length : c.lengths)
    starts.push_back(starts.back() + length);
  DeviceArray<int32_t> offsets(starts, "offsets", false);
  DeviceArray<float> rows(shape.gradients.f32 ? tokens * shape.gradientStride
                                              : 0,
                          unset, "gradients");
  const uint16_t unsetHalf = 0x7fff;
  DeviceArray<uint16_t> planes(shape.gradients.planes * gradientPlaneStride,
                               unsetHalf, "planes of gradients");

  DeviceKernel sumsKernel, queryKernel, keyKernel;
  GpuProgram program(
      [&](mlir::ModuleOp module) {
        GpuBuilder k(module);
        sumsKernel = attentionGradientSumsKernel(k, shape);
        queryKernel = attentionQueryGradientKernel(k, shape, c.plans.queries);
        keyKernel = attentionKeyGradientKernel(k, shape, c.plans.keys);
      },
      change);
  AttentionGradientResult result;
  if (!program.isValid()) {
    result.report.errors.push_back("no program");
    return result;
  }
  auto add = [&](const emulator::Report &report) {
    result.report.errors.insert(result.report.errors.end(),
                                report.errors.begin(), report.errors.end());
    result.report.bankConflicts += report.bankConflicts;
  };
  add(program.launch(
      sumsKernel.name, {uint32_t(attentionGradientSumsBlocks(shape, tokens))},
      0, y, outPlaneStride, dy, dyPlaneStride, sums, int32_t(tokens)));
  auto launch = [&](const DeviceKernel &kernel,
                    const DeviceAttentionGradientPlan &plan) {
    Grid grid(attentionGradientBlocks(plan, c.longest()), heads,
              c.lengths.size());
    Arguments arguments;
    arguments.add(qkv).add(planeStride).add(dy).add(dyPlaneStride);
    arguments.add(logSumExp).add(sums).add(offsets);
    if (shape.gradients.f32)
      arguments.add(rows);
    if (shape.gradients.planes)
      arguments.add(planes).add(gradientPlaneStride);
    if (shape.dropout)
      c.dropout.add(arguments);
    arguments.add(int32_t(c.longest()));
    add(arguments.launch(program, kernel, grid));
  };
  launch(queryKernel, c.plans.queries);
  launch(keyKernel, c.plans.keys);

  double *errors[] = {&result.dq, &result.dk, &result.dv};
  double squares[3] = {}, planesErrors[3] = {};
  for (int64_t t = 0; t < tokens; ++t) {
    for (int64_t head = 0; head < heads; ++head) {
      raise(result.sums, sums[t * sumStride + head],
            expected.sums[t * heads + head]);
      for (int64_t part = 0; part < 3; ++part)
        for (int64_t i = 0; i < d; ++i) {
          const int64_t place =
              t * shape.gradientStride + (part * heads + head) * d + i;
          const double value = expected.gradient(t, part, head, i);
          const double row = shape.gradients.f32 ? rows[place] : value;
          const double planeSum =
              shape.gradients.planes
                  ? sumOfPlanes(planes, shape.gradients.planes,
                                gradientPlaneStride, place, type)
                  : value;
          squares[part] += value * value;
          raise(*errors[part], row, value);
          raise(planesErrors[part], planeSum, value);
          if (i >= shape.headSize)
            result.wrongPadding += !(row == 0) || !(planeSum == 0);
        }
    }
    for (int64_t i = 3 * heads * d; i < shape.gradientStride; ++i) {
      const int64_t place = t * shape.gradientStride + i;
      result.wrongPadding += shape.gradients.f32 && !std::isnan(rows[place]);
      result.wrongPadding +=
          shape.gradients.planes && planes[place] != unsetHalf;
    }
  }
  for (int64_t part = 0; part < 3; ++part) {
    // One key has the whole weight, and no gradient of scores.
    const double size =
        std::sqrt(squares[part] / double(tokens * heads * shape.headSize));
    *errors[part] /= std::max(size, 1e-2);
    raise(result.planes, planesErrors[part] / std::max(size, 1e-2), 0);
  }
  return result;
}

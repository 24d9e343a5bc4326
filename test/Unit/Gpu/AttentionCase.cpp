//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/AttentionCase.h"

#include "test/Unit/Gpu/HalfValues.h"
#include "test/Unit/Kernels/RandomFloats.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>
#include <numeric>

using namespace bertc;
using namespace bertc::test;

AttentionCase::AttentionCase(int64_t heads, int64_t headSize,
                             std::vector<int32_t> lengths, int64_t planes,
                             HalfType type)
    : lengths(std::move(lengths)) {
  shape.heads = heads;
  shape.headSize = headSize;
  shape.headStride = (headSize + 15) / 16 * 16;
  shape.inputStride = 3 * heads * shape.headStride;
  shape.outputStride = heads * shape.headStride;
  shape.planes = planes;
  shape.type = type;
  shape.scale = 1 / std::sqrt(double(headSize));
  shape.outputs = {/*f32=*/true, planes, type};
  plan = planDeviceAttention(*findDeviceTarget("cuda:sm_80"), heads,
                             shape.headStride, planes)
             .back()
             .second;
}

int64_t AttentionCase::tokens() const {
  return std::accumulate(lengths.begin(), lengths.end(), int64_t(0));
}
int64_t AttentionCase::longest() const {
  return *std::max_element(lengths.begin(), lengths.end());
}
std::string AttentionCase::name() const {
  std::string text = llvm::formatv(
      "{0} heads of {1}, {2} planes of {3}, plan {4}x{5} {6} warps {7} stages,"
      " lengths",
      shape.heads, shape.headSize, shape.planes,
      shape.type == HalfType::BF16 ? "bf16" : "f16", plan.rows, plan.keys,
      plan.warps, plan.stages);
  if (plan.splitKeys)
    text += " split";
  for (int32_t length : lengths)
    text += " " + std::to_string(length);
  if (shape.dropout)
    text += ", dropout";
  return text;
}

double bertc::test::attentionTolerance(const AttentionCase &c) {
  // Weights are rounded to the planes' bits: each by at most half an ulp, as
  // are sums of products of planes that are left out.
  if (c.shape.planes == 1)
    return c.shape.type == HalfType::BF16 ? 4e-3 : 5e-4;
  return c.shape.planes == 2 ? 3e-5 : 1e-6;
}

bool AttentionResult::isGood(const AttentionCase &c) const {
  double tolerance = attentionTolerance(c);
  // NaN is not good either.
  return report.ok() && report.bankConflicts == 0 && error <= tolerance &&
         planesError <= 2 * tolerance && logSumExpError <= 2e-5 &&
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
} // namespace

AttentionResult bertc::test::runAttention(const AttentionCase &c,
                                          const GpuProgram::Change &change) {
  const DeviceAttentionShape &shape = c.shape;
  const size_t tokens = c.tokens(), stride = shape.inputStride;
  const size_t outStride = shape.outputStride, d = shape.headStride;
  std::vector<float> values = randomFloats(tokens * stride, 7);
  for (size_t i = 0; i < values.size(); ++i) {
    size_t column = i % stride;
    if (column >= 3 * shape.heads * d || column % d >= size_t(shape.headSize))
      values[i] = 0;
    else if (column < shape.heads * d)
      values[i] *= 4; // so that weights differ
  }
  // Planes further apart than they must be.
  const size_t planeStride = tokens * stride + 32;
  const size_t outPlaneStride = tokens * outStride + 48;
  const size_t sumStride = (shape.heads + 15) / 16 * 16;
  DeviceArray<uint16_t> qkv(
      planesOf(values, shape.planes, planeStride, shape.type), "qkv", false);
  std::vector<int32_t> starts(1);
  for (int32_t length : c.lengths)
    starts.push_back(starts.back() + length);
  DeviceArray<int32_t> offsets(starts, "offsets", false);
  const float unset = std::numeric_limits<float>::quiet_NaN();
  DeviceArray<float> rows(shape.outputs.f32 ? tokens * outStride : 0, unset,
                          "rows");
  DeviceArray<uint16_t> planes(shape.outputs.planes * outPlaneStride, 0x7fff,
                               "planes");
  DeviceArray<float> sums(shape.logSumExp ? tokens * sumStride : 0, unset,
                          "sums");

  DeviceKernel kernel;
  GpuProgram program(
      [&](mlir::ModuleOp module) {
        GpuBuilder k(module);
        kernel = attentionKernel(k, shape, c.plan);
      },
      change);
  AttentionResult result;
  if (!program.isValid()) {
    result.report.errors.push_back("no program");
    return result;
  }
  Grid grid(attentionBlocks(c.plan, c.longest()), shape.heads,
            c.lengths.size());
  Arguments arguments;
  arguments.add(qkv).add(int64_t(planeStride)).add(offsets);
  if (shape.outputs.f32)
    arguments.add(rows);
  if (shape.outputs.planes)
    arguments.add(planes).add(int64_t(outPlaneStride));
  if (shape.logSumExp)
    arguments.add(sums);
  if (shape.dropout)
    c.dropout.add(arguments);
  arguments.add(int32_t(c.longest()));
  result.report = arguments.launch(program, kernel, grid);
  for (size_t i = 0; i < rows.size(); ++i)
    result.bits.push_back(llvm::bit_cast<uint32_t>(rows[i]));
  for (size_t i = 0; i < planes.size(); ++i)
    result.bits.push_back(planes[i]);
  for (size_t i = 0; i < sums.size(); ++i)
    result.bits.push_back(llvm::bit_cast<uint32_t>(sums[i]));

  auto input = [&](size_t token, size_t part, size_t head, size_t i) {
    return sumOfPlanes(qkv, shape.planes, planeStride,
                       token * stride + (part * shape.heads + head) * d + i,
                       shape.type);
  };
  std::vector<double> keys, columns, weights, context;
  for (size_t s = 0; s < c.lengths.size(); ++s)
    for (size_t head = 0; head < size_t(shape.heads); ++head) {
      const size_t first = starts[s], length = c.lengths[s];
      keys.resize(length * d);
      columns.resize(length * d);
      for (size_t j = 0; j < length; ++j)
        for (size_t i = 0; i < d; ++i) {
          keys[j * d + i] = input(first + j, 1, head, i);
          columns[j * d + i] = input(first + j, 2, head, i);
        }
      for (size_t token = first; token < first + length; ++token) {
        weights.assign(length, 0);
        for (size_t i = 0; i < d; ++i) {
          double query = input(token, 0, head, i) * shape.scale;
          for (size_t j = 0; j < length; ++j)
            weights[j] += query * keys[j * d + i];
        }
        double highest = *std::max_element(weights.begin(), weights.end());
        double sum = 0;
        for (double &weight : weights)
          sum += weight = std::exp(weight - highest);
        context.assign(d, 0);
        for (size_t j = 0; j < length; ++j) {
          double weight = weights[j] / sum;
          if (shape.dropout)
            weight *= c.dropout.isKept(head, token, j) ? c.dropout.scale() : 0;
          for (size_t i = 0; i < d; ++i)
            context[i] += weight * columns[j * d + i];
        }
        for (size_t i = 0; i < d; ++i) {
          size_t place = token * outStride + head * d + i;
          double planeSum = shape.outputs.planes
                                ? sumOfPlanes(planes, shape.outputs.planes,
                                              outPlaneStride, place, shape.type)
                                : context[i];
          double row = shape.outputs.f32 ? rows[place] : context[i];
          raise(result.error, row, context[i]);
          raise(result.planesError, planeSum, context[i]);
          if (i >= size_t(shape.headSize))
            result.wrongPadding += !(row == 0) || !(planeSum == 0);
        }
        if (shape.logSumExp)
          raise(result.logSumExpError, sums[token * sumStride + head],
                highest + std::log(sum));
      }
    }
  return result;
}

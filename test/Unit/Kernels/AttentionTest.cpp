//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention in each arithmetic against the reference interpreter's functions.
// What a batch does not own is NaN: scratch, the rows of another sequence and
// those behind the last one. Where a result is the same with and without them,
// nothing of them was used.
//
//===----------------------------------------------------------------------===//
#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Target/Target.h"
#include "dialects/Enc/Reference/Functions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "test/Unit/Kernels/IsaJit.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>
#include <random>

using namespace mlir;
using namespace bertc;
using namespace bertc::test;
namespace reference = mlir::enc::reference;

namespace {

constexpr int64_t heads = 2;
/// Words before the scratch: sequences, parts, then where each sequence begins
/// and the last one ends.
constexpr int64_t headerWords = 32;
const float nan = std::nanf("");

struct Case {
  const char *target;
  Precision precision;
  int64_t headSize;
  double relativeRms;
};

/// How GoogleTest shows a case.
void PrintTo(const Case &c, std::ostream *os) {
  *os << c.target << ", heads of " << c.headSize;
}

AttentionShape shapeOf(const Case &c) {
  int64_t stride = roundUp(c.headSize, lanes);
  return {c.headSize, stride, 3 * heads * stride + lanes,
          heads * stride + 2 * lanes, 1.0 / std::sqrt(double(c.headSize))};
}
AttentionPlan planOf(const Case &c) {
  return planAttention(*findTarget(c.target), c.precision,
                       roundUp(c.headSize, lanes));
}

/// All heads of all sequences. As many calls as there are parts share the rows
/// of each, as threads do.
IsaBody attend(const Case &c) {
  return [=](KernelBuilder &k, ValueRange buffers) {
    AttentionShape shape = shapeOf(c);
    AttentionPlan plan = planOf(c);
    Place header{buffers[2], k.index(0)};
    auto number = [&](Value at) -> Value {
      Value bits = arith::BitcastOp::create(k.b, k.loc, k.b.getI32Type(),
                                            k.loadScalar(k.at(header, at)));
      return arith::IndexCastOp::create(k.b, k.loc, k.indexType(), bits);
    };
    if (isTile(plan.arithmetic))
      emitTilesBegin(k);
    Value sequences = number(k.index(0)), parts = number(k.index(1));
    k.forLoop(k.index(0), sequences, 1, [&](Value s) {
      Value first = number(k.add(s, 2));
      Value length = k.sub(number(k.add(s, 3)), first);
      k.forLoop(k.index(0), k.index(heads), 1, [&](Value head) {
        Value column = k.mul(head, shape.headStride);
        AttentionOperands o;
        o.query = {buffers[0], k.add(k.mul(first, shape.rowStride), column)};
        o.key = k.at(o.query, heads * shape.headStride);
        o.value = k.at(o.query, 2 * heads * shape.headStride);
        o.output = {buffers[1],
                    k.add(k.mul(first, shape.outputStride), column)};
        o.scratch = k.at(header, headerWords);
        o.length = length;
        k.forLoop(k.index(0), parts, 1, [&](Value part) {
          std::tie(o.begin, o.end) = k.share(length, part, parts);
          callAttention(k, shape, plan, o);
        });
      });
    });
    if (isTile(plan.arithmetic))
      emitTilesEnd(k);
  };
}

/// Padding columns are zero, as linear layers leave them.
struct Batch {
  std::vector<int64_t> offsets{0};
  std::vector<float> rows;

  Batch(const AttentionShape &shape, const std::vector<int64_t> &lengths,
        float largest = 1) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal(0, largest);
    for (int64_t length : lengths)
      offsets.push_back(offsets.back() + length);
    rows.assign((tokens() + 1) * shape.rowStride, nan);
    for (int64_t t = 0; t < tokens(); ++t)
      for (int64_t h = 0; h < 3 * heads; ++h)
        for (int64_t i = 0; i < shape.headStride; ++i)
          rows[t * shape.rowStride + h * shape.headStride + i] =
              i < shape.headSize ? normal(random) : 0;
  }
  int64_t tokens() const { return offsets.back(); }
  int64_t longest() const {
    int64_t result = 0;
    for (size_t s = 0; s + 1 < offsets.size(); ++s)
      result = std::max(result, offsets[s + 1] - offsets[s]);
    return result;
  }
};

std::vector<float> run(const IsaProgram &program, const Case &c,
                       const Batch &batch, int32_t parts = 1) {
  AttentionShape shape = shapeOf(c);
  AttentionPlan plan = planOf(c);
  constexpr float untouched = 12345;
  std::vector<float> rows = batch.rows;
  std::vector<float> out((batch.tokens() + 1) * shape.outputStride, untouched);
  int64_t scratch =
      scratchFixed(shape, plan) +
      scratchPerKey(shape, plan) * roundUp(batch.longest(), lanes);
  std::vector<float> memory(headerWords + scratch + lanes, nan);
  std::fill(memory.end() - lanes, memory.end(), untouched);
  std::vector<int32_t> header{int32_t(batch.offsets.size() - 1), parts};
  header.insert(header.end(), batch.offsets.begin(), batch.offsets.end());
  std::memcpy(memory.data(), header.data(), 4 * header.size());
  program.run(rows.data(), out.data(), memory.data());
  EXPECT_TRUE(std::all_of(memory.end() - lanes, memory.end(), [](float x) {
    return x == untouched;
  })) << "wrote behind its scratch";
  for (int64_t t = 0; t <= batch.tokens(); ++t)
    for (int64_t i = t < batch.tokens() ? heads * shape.headStride : 0;
         i < shape.outputStride; ++i)
      if (out[t * shape.outputStride + i] != untouched)
        ADD_FAILURE() << "wrote to token " << t << ", column " << i;
  return out;
}

/// The rows of a result and of the reference side by side, padding included.
double relativeRms(const Case &c, const Batch &batch,
                   const std::vector<float> &out) {
  AttentionShape shape = shapeOf(c);
  reference::Tensor qkv[3], offsets({int64_t(batch.offsets.size())});
  offsets.data.assign(batch.offsets.begin(), batch.offsets.end());
  for (int64_t part = 0; part < 3; ++part) {
    qkv[part] = reference::Tensor({batch.tokens(), heads, c.headSize});
    for (int64_t t = 0; t < batch.tokens(); ++t)
      for (int64_t h = 0; h < heads; ++h)
        for (int64_t i = 0; i < c.headSize; ++i)
          qkv[part].row(t)[h * c.headSize + i] =
              batch.rows[t * shape.rowStride +
                         (part * heads + h) * shape.headStride + i];
  }
  reference::Tensor want =
      reference::context(reference::softmax(reference::scores(
                             qkv[0], qkv[1], offsets, shape.scale)),
                         qkv[2]);
  double error = 0, norm = 0;
  for (int64_t t = 0; t < batch.tokens(); ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t i = 0; i < shape.headStride; ++i) {
        double exact = i < c.headSize ? want.row(t)[h * c.headSize + i] : 0;
        double got = out[t * shape.outputStride + h * shape.headStride + i];
        error += (got - exact) * (got - exact);
        norm += exact * exact;
      }
  return std::sqrt(error / norm);
}

const std::vector<std::vector<int64_t>> batches = {
    {1}, {17}, {128}, {384}, {511}, {3, 16, 1, 40, 33}};

class Attention : public testing::TestWithParam<Case> {};

TEST_P(Attention, IsThatOfTheReference) {
  const Case &c = GetParam();
  if (waysToRun(c.target).empty())
    GTEST_SKIP() << "this machine has no AVX2 and FMA";
  for (Way way : waysToRun(c.target)) {
    IsaProgram program(attend(c), c.target, way);
    double worst = 0;
    for (const std::vector<int64_t> &lengths : batches) {
      // Scores of a few, and of some hundred, where one key takes it all.
      for (float largest : {1.0f, 8.0f}) {
        Batch batch(shapeOf(c), lengths, largest);
        double rms = relativeRms(c, batch, run(program, c, batch));
        double weight = largest > 1 ? 8 : 1;
        EXPECT_LE(rms, c.relativeRms * weight)
            << lengths.front() << " tokens, inputs of " << largest;
        worst = std::max(worst, rms / weight);
      }
    }
    std::printf("relative RMS %.2g\n", worst);
  }
}

TEST_P(Attention, HasTheSameBitsInAnyCompany) {
  const Case &c = GetParam();
  if (waysToRun(c.target).empty())
    GTEST_SKIP() << "this machine has no AVX2 and FMA";
  AttentionShape shape = shapeOf(c);
  for (Way way : waysToRun(c.target)) {
    IsaProgram program(attend(c), c.target, way);
    Batch alone(shape, {71}), behind(shape, {71, 5, 64});
    // The others are not numbers.
    std::copy(alone.rows.begin(), alone.rows.end() - shape.rowStride,
              behind.rows.begin());
    std::fill(behind.rows.begin() + 71 * shape.rowStride, behind.rows.end(),
              nan);
    std::vector<float> want = run(program, c, alone);
    want.resize(71 * shape.outputStride);
    EXPECT_TRUE(std::all_of(want.begin(), want.end(),
                            [](float x) { return std::isfinite(x); }));
    for (int32_t parts : {1, 3})
      for (const Batch *batch : {&alone, &behind}) {
        std::vector<float> got = run(program, c, *batch, parts);
        EXPECT_EQ(std::memcmp(want.data(), got.data(), 4 * want.size()), 0);
        if (batch == &behind)
          EXPECT_TRUE(std::isnan(got[72 * shape.outputStride]));
      }
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (int64_t size : {16, 17, 32, 64, 128}) {
    all.push_back({"x86-64-v3", Precision::F32, size, 1e-6});
    all.push_back({"x86-64-v4", Precision::F32, size, 1e-6});
    all.push_back({"x86-64-v4-bf16", Precision::BF16, size, 5e-3});
    all.push_back({"x86-64-v4-amx", Precision::Int8, size, 5e-3});
  }
  return all;
}

std::string caseName(const testing::TestParamInfo<Case> &info) {
  AttentionPlan plan = planOf(info.param);
  return arithmeticName(plan.arithmetic).str() + "_" +
         std::to_string(plan.rows) + "_" + std::to_string(info.param.headSize);
}

INSTANTIATE_TEST_SUITE_P(Arithmetics, Attention, testing::ValuesIn(cases()),
                         caseName);

} // namespace

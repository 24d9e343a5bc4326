//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scratch: key panels, value panels (AttentionPack.h), then for the block of
// query rows at work the scores [rows][keys + 16] (an odd number of cache lines
// a row, so that rows do not fall into the same cache sets), the factors of the
// softmax, in bfloat16 the queries, and where tiles are stored whole the
// context. The maximum of a row is subtracted before exp, the sum divides the
// finished context: softmax needs no second pass over the keys, and a row's
// bits depend on its own sequence only.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "compiler/Kernels/CPU/Softmax.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace bertc;

/// Keys that scratch has room for are a multiple of it.
static constexpr int64_t keyUnit = 2 * lanes;

static int64_t queryWords(const AttentionShape &shape,
                          const AttentionPlan &plan) {
  if (isWidened(shape, plan.arithmetic))
    return plan.rows * shape.headStride;
  return isStaged(plan.arithmetic)
             ? plan.rows * stagedStride(plan.arithmetic, shape.headStride)
             : 0;
}
static int64_t contextWords(const AttentionShape &shape,
                            const AttentionPlan &plan) {
  return isTile(plan.arithmetic) ? plan.rows * shape.headStride : 0;
}

int64_t bertc::scratchPerKey(const AttentionShape &shape,
                             const AttentionPlan &plan) {
  return keyLines(shape, plan.arithmetic) +
         shape.headStride / depthPerLine(plan.arithmetic) + plan.rows +
         (isWidened(shape, plan.arithmetic) ? shape.headStride : 0);
}
int64_t bertc::scratchFixed(const AttentionShape &shape,
                            const AttentionPlan &plan) {
  return (keyUnit - lanes) * scratchPerKey(shape, plan) + plan.rows * lanes +
         roundUp(plan.rows, lanes) + queryWords(shape, plan) +
         contextWords(shape, plan);
}

namespace {
/// C = A * B for the rows at work and all `panels` of B.
struct Product {
  Place a;
  int64_t fixedStrideA; // 0: see strideA
  Value strideA;
  Place b;
  Value panelStride, panels;
  int64_t group; // panels in the register tile
  Place c;
  Value strideC;
  Value lines;
  Place rowFactor; // not with tiles
};
} // namespace

static void callProduct(KernelBuilder &k, const AttentionPlan &plan, Value rows,
                        const Product &p) {
  if (isTile(plan.arithmetic))
    return callTileBlocks(k, rows, p.group,
                          {p.a, p.strideA, p.b, p.panelStride, p.panels, p.c,
                           p.strideC, k.div(p.lines, tileLines)});
  MicroShape shape{plan.arithmetic, plan.rows, p.group, p.fixedStrideA};
  forPanelRuns(k, k.index(0), p.panels, p.group,
               [&](Value panel, int64_t panels, Value blocks) {
                 MicroOperands m;
                 m.a = p.a;
                 m.lda = p.strideA;
                 m.b = k.at(p.b, k.mul(panel, p.panelStride));
                 m.panelStride = p.panelStride;
                 m.c = k.at(p.c, k.mul(panel, lanes));
                 m.ldc = p.strideC;
                 m.lines = p.lines;
                 m.blocks = blocks;
                 m.rowFactor = p.rowFactor;
                 callMicroKernel(k, shape, panels, rows, m);
               });
}

/// Blocks of rows that pass together: even ones in registers, whole tiles.
static void forRowBlocks(KernelBuilder &k, const AttentionPlan &plan,
                         Value rows,
                         llvm::function_ref<void(Value, Value)> body) {
  if (!isTile(plan.arithmetic))
    return forBalancedRows(k, rows, plan.rows, body);
  k.forLoop(k.index(0), rows, plan.rows, [&](Value first) {
    body(first, k.min(k.index(plan.rows), k.sub(rows, first)));
  });
}

/// The weights of rows whose numbers begin with `first`. Their sums are those
/// before, as the gradient expects.
static void emitDropout(KernelBuilder &k, const AttentionOperands &o,
                        const SoftmaxOperands &s, Value first) {
  k.forLoop(k.index(0), s.rows, 1, [&](Value row) {
    Place scores = k.at(s.scores, k.mul(row, s.stride));
    forKept(k, o.dropout, k.add(first, row), o.length,
            [&](Value column, Value kept) {
              Place at = k.at(scores, column);
              k.store(emitKeep(k, o.dropout, kept, k.load(at)), at);
            });
  });
}

/// The weights of rows as they will be multiplied, each times its factor.
static void emitProbabilities(KernelBuilder &k, bool fromBF16,
                              const SoftmaxOperands &s, Place to,
                              Value stride) {
  k.forLoop(k.index(0), s.rows, 1, [&](Value row) {
    Place scores = k.at(s.scores, k.mul(row, s.stride));
    Place out = k.at(to, k.mul(row, stride));
    Value factor = k.broadcast(k.loadScalar(k.at(s.factors, row)));
    auto store = [&](Value weights, Value column) {
      Value left = k.sub(s.length, k.min(s.length, column));
      Place at = k.at(out, column);
      vector::MaskedStoreOp::create(k.b, k.loc, at.buffer, at.offset,
                                    k.laneMask(left), k.mulf(weights, factor));
    };
    k.forLoop(
        k.index(0), s.length, fromBF16 ? 2 * lanes : lanes, [&](Value column) {
          if (!fromBF16)
            return store(k.load(k.at(scores, column)), column);
          auto [low, high] =
              emitFromBF16Words(k, k.load(k.at(scores, k.div(column, 2))));
          store(low, column);
          store(high, k.add(column, lanes));
        });
  });
}

static void emitAttention(KernelBuilder &k, const AttentionShape &shape,
                          const AttentionPlan &plan,
                          const AttentionOperands &o) {
  bool staged = isStaged(plan.arithmetic), tiles = isTile(plan.arithmetic);
  int64_t perLine = depthPerLine(plan.arithmetic);
  Value room = k.mul(k.ceilDiv(o.length, keyUnit), keyUnit);
  Value scoreStride = k.add(room, lanes);
  Value keyPanel = k.index(keyLines(shape, plan.arithmetic) * lanes);
  Value values = valueLines(k, plan.arithmetic, o.length);
  int64_t headPanels = shape.headStride / lanes;
  Place keyPanels = o.scratch;
  Place valuePanels =
      k.at(keyPanels, k.mul(room, keyLines(shape, plan.arithmetic)));
  Place scores = k.at(valuePanels, k.mul(room, shape.headStride / perLine));
  Place factors = k.at(scores, k.mul(scoreStride, plan.rows));
  Place queries = k.at(factors, roundUp(plan.rows, lanes));
  Place context = k.at(queries, queryWords(shape, plan));
  bool widens = isWidened(shape, plan.arithmetic);
  Place wide = k.at(context, contextWords(shape, plan));
  AttentionShape packed = shape;
  if (widens)
    packed.rowStride = shape.headStride;
  auto rowsOf = [&](Place rows) {
    if (widens)
      emitWidenRows(k, shape, rows, wide, o.length);
    return widens ? wide : rows;
  };
  emitPackKeys(k, packed, plan.arithmetic, rowsOf(o.key), keyPanels, o.length);
  emitPackValues(k, packed, plan.arithmetic, rowsOf(o.value), valuePanels,
                 o.length);

  forRowBlocks(k, plan, k.sub(o.end, o.begin), [&](Value first, Value rows) {
    Value row = k.add(o.begin, first);
    Place query = k.at(o.query, k.mul(row, shape.rowStride));
    Place output = k.at(o.output, k.mul(row, shape.outputStride));
    int64_t queryStride = shape.rowStride;
    if (widens) {
      emitWidenRows(k, shape, query, queries, rows);
      query = queries;
      queryStride = shape.headStride;
    } else if (shape.bf16) {
      k.forLoop(k.index(0), rows, 1, [&](Value r) {
        Place from = k.at(query, k.mul(r, shape.rowStride));
        Place to = k.at(
            queries, k.mul(r, stagedStride(plan.arithmetic, shape.headStride)));
        for (int64_t w = 0; w < shape.headStride / 2; w += lanes)
          k.store(k.load(k.at(from, w)), k.at(to, w));
      });
      query = queries;
      queryStride = stagedStride(plan.arithmetic, shape.headStride);
    } else if (staged) {
      callStage(k, plan.arithmetic, shape.headStride, shape.rowStride,
                {query, queries, {}, {}, {}, rows});
      query = queries;
      queryStride = stagedStride(plan.arithmetic, shape.headStride);
    }
    int64_t depth = tiles ? keyLines(shape, plan.arithmetic)
                          : (shape.headSize + perLine - 1) / perLine;
    callProduct(k, plan, rows,
                {query,
                 queryStride,
                 k.index(queryStride),
                 keyPanels,
                 keyPanel,
                 k.ceilDiv(o.length, lanes),
                 plan.keyPanels,
                 scores,
                 scoreStride,
                 k.index(depth),
                 {}});
    SoftmaxOperands softmax{scores,  scoreStride, rows, o.length,
                            factors, {},          {}};
    if (shape.logSumExp) {
      softmax.logSumExp = k.at(o.logSumExp, k.mul(row, shape.logSumExpStride));
      softmax.logSumExpStride = k.index(shape.logSumExpStride);
    }
    emitSoftmax(k, shape.scale, staged, softmax);
    if (shape.probabilities)
      emitProbabilities(
          k, staged, softmax,
          k.at(o.probabilities, k.mul(row, o.probabilitiesStride)),
          o.probabilitiesStride);
    if (shape.dropout)
      emitDropout(k, o, softmax, k.add(o.token, row));
    Product last{scores,
                 0,
                 scoreStride,
                 valuePanels,
                 k.mul(values, lanes),
                 k.index(headPanels),
                 plan.valuePanels,
                 tiles ? context : output,
                 k.index(tiles ? shape.headStride : shape.outputStride),
                 values,
                 factors};
    callProduct(k, plan, rows, last);
    if (!tiles)
      return;
    k.forLoop(k.index(0), rows, 1, [&](Value r) {
      Value factor = k.broadcast(k.loadScalar(k.at(factors, r)));
      Place from = k.at(context, k.mul(r, shape.headStride));
      Place to = k.at(output, k.mul(r, shape.outputStride));
      auto scaled = [&](int64_t column) {
        return k.mulf(k.load(k.at(from, column)), factor);
      };
      for (int64_t c = 0; !shape.bf16Output && c < shape.headStride; c += lanes)
        k.store(scaled(c), k.at(to, c));
      for (int64_t c = 0; shape.bf16Output && c < shape.headStride;
           c += 2 * lanes) {
        k.store(emitBF16Words(k, scaled(c), scaled(c + lanes)),
                k.at(to, c / 2));
      }
    });
  });
}

void bertc::callAttention(KernelBuilder &k, const AttentionShape &shape,
                          const AttentionPlan &plan,
                          const AttentionOperands &operands) {
  std::string name = llvm::formatv(
      "attention_{0}_{1}_ld{2}_{3}", arithmeticName(plan.arithmetic),
      shape.headSize, shape.rowStride, shape.outputStride);
  if (shape.scale != 1.0 / std::sqrt(double(shape.headSize)))
    name +=
        llvm::formatv("_scale{0:x-}", llvm::bit_cast<uint64_t>(shape.scale));
  if (shape.bf16)
    name += "_from_bf16";
  if (shape.bf16Output)
    name += "_to_bf16";
  AttentionOperands o = operands;
  SmallVector<Place *> places = {&o.query, &o.key, &o.value, &o.output,
                                 &o.scratch};
  if (shape.logSumExp) {
    name += llvm::formatv("_lse{0}", shape.logSumExpStride);
    places.push_back(&o.logSumExp);
  }
  if (shape.probabilities) {
    name += "_probabilities";
    places.push_back(&o.probabilities);
  }
  SmallVector<Value *> slots = slotsOf(places);
  if (shape.probabilities)
    slots.push_back(&o.probabilitiesStride);
  slots.append({&o.length, &o.begin, &o.end});
  if (shape.dropout) {
    name += "_dropout";
    slots.append(o.dropout.slots());
    slots.push_back(&o.token);
  }
  k.callKernel(name, slots, [&] { emitAttention(k, shape, plan, o); });
}

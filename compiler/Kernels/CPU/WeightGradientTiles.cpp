//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of a weight with AMX: products of bfloat16 over pairs of rows,
// sums in float32, in the gradient itself. Loop order: block of k columns,
// block of rows (x transposed in scratch, in L2), two panels of dy (in L1), 32
// k columns. A block is many rows, since the gradient is read and written once
// for each.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Kernels/CPU/WeightGradient.h"

using namespace mlir;
using namespace bertc;

/// Rows that a tile register holds as pairs.
static constexpr int64_t chunkRows = 2 * tileLines;

/// From one k column of transposed x to the next, and all of them.
static int64_t columnWords(const WeightGradientPlan &plan) {
  return plan.rowBlock / 2 + lanes;
}
static int64_t transposedWords(const WeightGradientPlan &plan) {
  return roundUp(plan.depthBlock, plan.rows) * columnWords(plan);
}
int64_t bertc::weightGradientTileScratch(const WeightGradientPlan &plan) {
  return transposedWords(plan) + plan.panels * plan.rowBlock / 2 * lanes;
}

/// Vectors of 16 columns at `from` of the rows `row` and `row` + 1 of `rows`; a
/// row that is not there is zero. Columns are float32, or bfloat16 already.
static Value loadPair(KernelBuilder &k, Place from, int64_t stride, Value row,
                      Value rows, bool bf16 = false) {
  auto load = [&](Value r) {
    int64_t words = bf16 ? lanes / 2 : lanes;
    Value last = k.sub(rows, k.index(1));
    Value v = k.load(k.at(from, k.mul(k.min(r, last), stride)), words);
    return k.select(k.less(r, rows), v, k.splat(0.0, words));
  };
  Value even = load(row), odd = load(k.add(row, 1));
  if (!bf16)
    return emitBF16Pairs(k, even, odd);
  SmallVector<int64_t> turns;
  for (int64_t i = 0; i < lanes; ++i)
    turns.append({i, lanes + i});
  Type half = k.b.getBF16Type();
  Value pairs =
      k.shuffle(emitBitcast(k, even, half), emitBitcast(k, odd, half), turns);
  return emitBitcast(k, pairs, k.b.getF32Type());
}

/// x [rows][columns] -> [columns][pairs of rows].
static void emitTransposedRows(KernelBuilder &k, const WeightGradientPlan &plan,
                               const WeightGradientShape &shape, Place x,
                               Place to, Value rows, Value columns) {
  k.forLoop(k.index(0), columns, lanes, [&](Value column) {
    Place from = k.at(x, shape.bf16 ? k.div(column, 2) : column);
    k.forLoop(k.index(0), rows, chunkRows, [&](Value row) {
      SmallVector<Value> words;
      for (int64_t pair = 0; pair < tileLines; ++pair)
        words.push_back(loadPair(k, from, shape.inputStride,
                                 k.add(row, 2 * pair), rows, shape.bf16));
      emitTranspose(k, words);
      Place own =
          k.at(k.at(to, k.mul(column, columnWords(plan))), k.div(row, 2));
      for (int64_t i = 0; i < lanes; ++i)
        k.store(words[i], k.at(own, i * columnWords(plan)));
    });
  });
}

/// A panel of dy as lines of pairs of rows. With `bias`, adds the sums of the
/// columns to it.
static void emitPackPanel(KernelBuilder &k, Place dy, int64_t stride, Place to,
                          Value rows, Place bias, Value wantsBias) {
  k.forLoop(k.index(0), k.mul(k.ceilDiv(rows, chunkRows), tileLines), 1,
            [&](Value line) {
              k.store(loadPair(k, dy, stride, k.mul(line, 2), rows),
                      k.at(to, k.mul(line, lanes)));
            });
  if (!wantsBias)
    return;
  k.ifThen(wantsBias, [&] {
    Value sum = k.forLoop(k.index(0), rows, 1, {k.load(bias)},
                          [&](Value row, ValueRange acc) {
                            Value v = k.load(k.at(dy, k.mul(row, stride)));
                            return SmallVector<Value>{k.addf(acc[0], v)};
                          })[0];
    k.store(sum, bias);
  });
}

void bertc::emitWeightGradientTiles(KernelBuilder &k,
                                    const WeightGradientShape &shape,
                                    const WeightGradientPlan &plan,
                                    const WeightGradientOperands &o) {
  int64_t panelWords = shape.depth * lanes, lines = plan.rowBlock / 2;
  Place panels = k.at(o.scratch, transposedWords(plan));
  TileOperands t;
  t.panelStride = k.index(lines * lanes);
  t.accumulate = k.boolean(true);
  t.aheadLines = k.index(0);
  t.outputStride = k.index(panelWords);
  k.forLoop(
      k.index(0), k.index(shape.depth), plan.depthBlock, [&](Value depth) {
        Value columns =
            k.min(k.index(plan.depthBlock), k.sub(k.index(shape.depth), depth));
        k.forLoop(k.index(0), o.rows, plan.rowBlock, [&](Value row) {
          Value rows = k.min(k.index(plan.rowBlock), k.sub(o.rows, row));
          Place x = k.at(k.at(o.x, k.mul(row, shape.inputStride)),
                         shape.bf16 ? k.div(depth, 2) : depth);
          emitTransposedRows(k, plan, shape, x, o.scratch, rows, columns);
          t.chunks = k.ceilDiv(rows, chunkRows);
          forPanelGroups(
              k, o.panelBegin, o.panelEnd, plan.panels,
              [&](Value panel, int64_t count) {
                Value wantsBias =
                    shape.bias ? k.equal(depth, k.index(0)) : Value();
                for (int64_t p = 0; p < count; ++p) {
                  Value column = k.mul(k.add(panel, p), lanes);
                  Place dy =
                      k.at(o.dy, k.add(k.mul(row, shape.outputStride), column));
                  emitPackPanel(k, dy, shape.outputStride,
                                k.at(panels, p * lines * lanes), rows,
                                k.at(o.bias, column), wantsBias);
                }
                Place weight = k.at(k.at(o.weight, k.mul(panel, panelWords)),
                                    k.mul(depth, lanes));
                k.forLoop(k.index(0), columns, plan.rows, [&](Value first) {
                  t.a = k.at(o.scratch, k.mul(first, columnWords(plan)));
                  t.b = t.ahead = panels;
                  t.c = k.at(weight, k.mul(first, lanes));
                  callTileKernel(
                      k, Arithmetic::BF16Tile, columnWords(plan),
                      k.min(k.index(plan.rows), k.sub(columns, first)), count,
                      t);
                });
              });
        });
      });
}

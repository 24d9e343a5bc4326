//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scale, bias, activation and residual are applied to a tile right after its
// last k block, while it is in L1.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/LinearBlock.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"

using namespace mlir;
using namespace bertc;

void bertc::emitEpilogue(KernelBuilder &k, const LinearShape &shape, Sums sums,
                         Place y, Place residual, Place bias, Value rows,
                         int64_t panels) {
  bool integer = sums.rowScale.buffer != nullptr;
  bool scaled = sums.columnScale.buffer != nullptr;
  SmallVector<Value> biases, scales, columnSums;
  for (int64_t p = 0; p < panels; ++p) {
    if (shape.bias)
      biases.push_back(k.load(k.at(bias, p * lanes)));
    if (!scaled)
      continue;
    scales.push_back(k.load(k.at(sums.columnScale, p * lanes)));
    if (integer)
      columnSums.push_back(k.load(k.at(sums.columnSum, p * lanes)));
  }
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Place from = k.at(sums.place, k.mul(row, sums.stride));
    Place to = k.at(y, k.mul(row, shape.outputStride));
    Value scale, zero;
    if (integer) {
      Place own = k.at(sums.rowScale, k.mul(row, scaleWords));
      scale = k.broadcast(k.loadScalar(own));
      zero = k.broadcast(k.loadScalar(k.at(own, 1)));
    }
    for (int64_t p = 0; p < panels; ++p) {
      Value v = k.load(k.at(from, p * lanes));
      if (integer)
        v = emitScaledSum(k, v, scale, zero, scales[p], columnSums[p]);
      else if (scaled)
        v = k.mulf(v, scales[p]);
      if (shape.bias)
        v = k.addf(v, biases[p]);
      v = emitActivation(k, shape.activation, v);
      if (shape.residual) {
        Place other = k.at(residual, k.mul(row, shape.residualStride));
        v = k.addf(v, k.load(k.at(other, p * lanes)));
      }
      k.store(v, k.at(to, p * lanes));
    }
  });
}

int64_t bertc::partWords(const LinearShape &shape, Arithmetic arithmetic) {
  int64_t perLine = depthPerLine(arithmetic);
  int64_t whole = perLine == 1 ? 1 : tileLines;
  return roundUp(shape.depth / perLine, whole) * lanes;
}
int64_t bertc::panelWords(const LinearShape &shape, Arithmetic arithmetic) {
  return (isSplit(arithmetic) ? 2 : 1) * partWords(shape, arithmetic);
}
int64_t bertc::storedLine(Arithmetic arithmetic) {
  return lanes * depthPerLine(productOf(arithmetic)) / depthPerLine(arithmetic);
}
int64_t bertc::widenedStride(const LinearPlan &plan) {
  return plan.depthBlock / depthPerLine(productOf(plan.arithmetic)) * lanes;
}

static Place widenedPanel(KernelBuilder &k, const LinearPlan &plan,
                          const WeightBlock &w, Value panel) {
  return k.at(w.widened,
              k.mul(k.sub(panel, w.groupBegin), widenedStride(plan)));
}

/// Each row tile asks for its share of the k block that comes next, so that
/// weights arrive from memory while arithmetic goes on. Behind the last block
/// this reads ahead into what follows the weight; a prefetch of an address that
/// is not mapped does nothing.
void bertc::emitBlock(KernelBuilder &k, const LinearShape &shape,
                      const LinearPlan &plan, const LinearOperands &o,
                      const Input &input, Value rowBlock, Value blockRows,
                      const WeightBlock &w) {
  Arithmetic product = productOf(plan.arithmetic);
  Value panelSize = k.index(panelWords(shape, plan.arithmetic));
  Value accumulate = k.less(k.index(0), w.first);
  Value tiles = k.ceilDiv(blockRows, plan.rows);
  int64_t pass = linesPerPass(product), stored = storedLine(plan.arithmetic);
  Value aheadStep = k.ceilDiv(k.index(pass * stored), tiles);
  Value shareAhead = k.mul(k.div(w.lines, pass), aheadStep);
  Value least = k.div(blockRows, tiles);
  Value larger = k.sub(blockRows, k.mul(least, tiles)); // tiles of one row more
  Value firstWord = k.mul(w.first, inputWords(product));
  MicroShape micro{product, plan.rows, plan.panels, input.stride};
  k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
    Value begin = k.add(k.mul(tile, least), k.min(tile, larger));
    Value rows = k.select(k.less(tile, larger), k.add(least, 1), least);
    Value row = k.add(rowBlock, begin);
    Value ahead = k.add(w.distance, k.mul(tile, shareAhead));
    Place yRow = k.at(o.y, k.mul(row, shape.outputStride));
    Place residualRow = k.at(o.residual, k.mul(row, shape.residualStride));
    MicroOperands m;
    m.a = k.at(k.at(input.place, k.mul(begin, input.stride)), firstWord);
    m.panelStride = panelSize;
    if (isWidened(plan.arithmetic)) {
      m.aheadStride = panelSize;
      m.panelStride = k.index(widenedStride(plan));
    }
    m.ldc = k.index(shape.outputStride);
    m.lines = w.lines;
    m.accumulate = accumulate;
    m.aheadStep = aheadStep;
    if (isSplit(plan.arithmetic))
      m.restStride = k.index(partWords(shape, plan.arithmetic));
    if (isInt8(plan.arithmetic))
      m.rowScale = k.at(input.scales, k.mul(begin, scaleWords));
    forPanelGroups(k, w.groupBegin, w.groupEnd, plan.panels,
                   [&](Value panel, int64_t panels) {
                     Value column = k.mul(panel, lanes);
                     m.b = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                                k.mul(w.first, stored));
                     m.c = k.at(yRow, column);
                     m.ahead = k.at(m.b, ahead);
                     Sums done{m.c, shape.outputStride, {}, {}, {}};
                     if (isWidened(plan.arithmetic))
                       m.b = widenedPanel(k, plan, w, panel);
                     if (isInt8(plan.arithmetic)) {
                       m.columnScale = k.at(o.columnScale, column);
                       m.columnSum = k.at(o.columnSum, column);
                     } else if (isInt8Weight(plan.arithmetic)) {
                       done.columnScale = k.at(o.columnScale, column);
                     }
                     callMicroKernel(k, micro, panels, rows, m);
                     k.ifThen(w.last, [&] {
                       emitEpilogue(k, shape, done, m.c,
                                    k.at(residualRow, column),
                                    k.at(o.bias, column), rows, panels);
                     });
                   });
  });
}

/// The sums rest in scratch, where whole tiles have room.
void bertc::emitTileBlock(KernelBuilder &k, const LinearShape &shape,
                          const LinearPlan &plan, const LinearOperands &o,
                          const Input &input, Place sums, Value rowBlock,
                          Value blockRows, const WeightBlock &w) {
  Arithmetic product = productOf(plan.arithmetic);
  Value panelSize = k.index(panelWords(shape, plan.arithmetic));
  Value tiles = k.ceilDiv(blockRows, plan.rows);
  int64_t ldc = plan.group * lanes, stored = storedLine(plan.arithmetic);
  Value chunks = k.ceilDiv(w.lines, tileLines);
  Value aheadLines = k.ceilDiv(k.index(tileLines * stored / lanes), tiles);
  Value shareAhead = k.mul(k.mul(chunks, aheadLines), lanes);
  k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
    Value begin = k.mul(tile, plan.rows);
    Value rows = k.min(k.index(plan.rows), k.sub(blockRows, begin));
    Value row = k.add(rowBlock, begin);
    Place yRow = k.at(o.y, k.mul(row, shape.outputStride));
    Place residualRow = k.at(o.residual, k.mul(row, shape.residualStride));
    TileOperands t;
    t.a = k.at(k.at(input.place, k.mul(begin, input.stride)), w.first);
    t.panelStride = panelSize;
    if (isWidened(plan.arithmetic)) {
      t.aheadStride = panelSize;
      t.panelStride = k.index(widenedStride(plan));
    }
    t.chunks = chunks;
    t.accumulate = k.less(k.index(0), w.first);
    t.aheadLines = aheadLines;
    forPanelGroups(
        k, w.groupBegin, w.groupEnd, plan.panels,
        [&](Value panel, int64_t panels) {
          Value column = k.mul(panel, lanes);
          Value inGroup = k.mul(k.sub(panel, w.groupBegin), lanes);
          t.b = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                     k.mul(w.first, stored));
          t.c = k.at(k.at(sums, k.mul(begin, ldc)), inGroup);
          t.ahead = k.at(t.b, k.add(w.distance, k.mul(tile, shareAhead)));
          if (isWidened(plan.arithmetic))
            t.b = widenedPanel(k, plan, w, panel);
          callTileKernel(k, product, input.stride, ldc, rows, panels, t);
          // The other halves of split operands: without the two lower ones the
          // error would be a third larger.
          int64_t rest = partWords(shape, plan.arithmetic);
          int64_t lower = stagedWords(plan.arithmetic, shape.depth) / 2;
          for (int half = 1; isSplit(plan.arithmetic) && half < 4; ++half) {
            TileOperands part = t;
            part.accumulate = k.boolean(true);
            part.a = k.at(t.a, half & 2 ? lower : 0);
            part.b = k.at(t.b, half & 1 ? rest : 0);
            part.ahead = k.at(t.ahead, half & 1 ? rest : 0);
            callTileKernel(k, plan.arithmetic, input.stride, ldc, rows, panels,
                           part);
          }
          k.ifThen(w.last, [&] {
            Sums done{t.c, ldc, {}, {}, {}};
            if (isInt8(plan.arithmetic)) {
              done.rowScale = k.at(input.scales, k.mul(begin, scaleWords));
              done.columnScale = k.at(o.columnScale, column);
              done.columnSum = k.at(o.columnSum, column);
            }
            if (isWidened(plan.arithmetic))
              done.columnScale = k.at(o.columnScale, column);
            emitEpilogue(k, shape, done, k.at(yRow, column),
                         k.at(residualRow, column), k.at(o.bias, column), rows,
                         panels);
          });
        });
  });
}

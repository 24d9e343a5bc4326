//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Epilogues are applied to a tile right after its last k block, while it is in
// L1.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/LinearBlock.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"

using namespace mlir;
using namespace bertc;

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

Place bertc::widenedPanel(KernelBuilder &k, const LinearPlan &plan,
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
    forPanelGroups(
        k, w.groupBegin, w.groupEnd, plan.panels,
        [&](Value panel, int64_t panels) {
          Value column = k.mul(panel, lanes);
          m.b = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                     k.mul(w.first, stored));
          m.c = k.at(yRow, column);
          m.ahead = k.at(m.b, ahead);
          Epilogue done;
          done.sums = {m.c, shape.outputStride, lanes, {}, {}, {}};
          done.y = m.c;
          done.residual = k.at(residualRow, column);
          done.bias = k.at(o.bias, column);
          if (isWidened(plan.arithmetic))
            m.b = widenedPanel(k, plan, w, panel);
          if (isInt8(plan.arithmetic)) {
            m.columnScale = k.at(o.columnScale, column);
            m.columnSum = k.at(o.columnSum, column);
          } else if (isInt8Weight(plan.arithmetic)) {
            done.sums.columnScale = k.at(o.columnScale, column);
          }
          callMicroKernel(k, micro, panels, rows, m);
          k.ifThen(w.last, [&] { emitEpilogue(k, shape, done, rows, panels); });
        });
  });
}

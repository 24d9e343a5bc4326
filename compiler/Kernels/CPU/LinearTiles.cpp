//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tile registers are slow to leave: their sums go through memory, and the last
// product has to be complete. So the epilogue of a block of sums waits for the
// next block, and runs beside its products.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/LinearBlock.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"

using namespace mlir;
using namespace bertc;

namespace {

class TileBlock {
public:
  TileBlock(KernelBuilder &k, const LinearShape &shape, const LinearPlan &plan,
            const LinearOperands &o, const Input &input, Place sums,
            Value rowBlock, Value blockRows, const WeightBlock &w);
  void emit();

private:
  /// A block of 32 rows and `panels` panels from `panel` on.
  struct Block {
    Value tile, panel, parity;
    int64_t panels;
  };
  Value rowsOf(Value tile) {
    return k.min(k.index(plan.rows), k.sub(blockRows, k.mul(tile, plan.rows)));
  }
  Place sumsOf(const Block &block);
  Epilogue epilogueOf(const Block &block);
  TileOperands operandsOf(const Block &block);
  void emitProduct(const Block &block, std::optional<TileFinish> finish);
  void emitLastEpilogue(const Block &block);

  KernelBuilder &k;
  const LinearShape &shape;
  const LinearPlan &plan;
  const LinearOperands &o;
  const Input &input;
  Place sums;
  Value rowBlock, blockRows;
  const WeightBlock &w;
  int64_t panelSize, stored;
  Value tiles, chunks, aheadLines;
};

} // namespace

TileBlock::TileBlock(KernelBuilder &k, const LinearShape &shape,
                     const LinearPlan &plan, const LinearOperands &o,
                     const Input &input, Place sums, Value rowBlock,
                     Value blockRows, const WeightBlock &w)
    : k(k), shape(shape), plan(plan), o(o), input(input), sums(sums),
      rowBlock(rowBlock), blockRows(blockRows), w(w),
      panelSize(panelWords(shape, plan.arithmetic)),
      stored(storedLine(plan.arithmetic)),
      tiles(k.ceilDiv(blockRows, plan.rows)),
      chunks(k.ceilDiv(w.lines, tileLines)),
      aheadLines(k.ceilDiv(k.index(tileLines * stored / lanes), tiles)) {}

/// Of one k block, two blocks of sums take turns; of several, all sums exist.
Place TileBlock::sumsOf(const Block &block) {
  if (plan.depthBlock >= shape.depth)
    return k.at(sums, k.mul(block.parity, plan.panels * tileSumWords));
  Value first = k.mul(block.tile, k.sub(w.end, w.begin));
  return k.at(sums,
              k.mul(k.add(first, k.sub(block.panel, w.begin)), tileSumWords));
}

Epilogue TileBlock::epilogueOf(const Block &block) {
  Value begin = k.mul(block.tile, plan.rows), row = k.add(rowBlock, begin);
  Value column = k.mul(block.panel, lanes);
  auto at = [&](Place rows, int64_t stride) {
    return k.at(k.at(rows, k.mul(row, stride)), column);
  };
  Epilogue e;
  e.sums = {sumsOf(block), lanes, tileSumWords, {}, {}, {}};
  e.y = at(o.y, shape.outputStride);
  if (shape.stagedOutput)
    e.y = k.at(k.at(o.y, k.mul(row, shape.outputStride)), k.div(column, 2));
  if (shape.residual)
    e.residual = at(o.residual, shape.residualStride);
  if (shape.bias)
    e.bias = k.at(o.bias, column);
  if (isInt8(plan.arithmetic)) {
    e.sums.rowScale = k.at(input.scales, k.mul(begin, scaleWords));
    e.sums.columnSum = k.at(o.columnSum, column);
  }
  if (isInt8Weight(plan.arithmetic))
    e.sums.columnScale = k.at(o.columnScale, column);
  return e;
}

TileOperands TileBlock::operandsOf(const Block &block) {
  TileOperands t;
  Value begin = k.mul(block.tile, plan.rows);
  t.a = k.at(k.at(input.place, k.mul(begin, input.stride)), w.first);
  t.b = k.at(k.at(o.weight, k.mul(block.panel, panelSize)),
             k.mul(w.first, stored));
  Value share = k.mul(k.mul(chunks, aheadLines), lanes);
  t.ahead = k.at(t.b, k.add(w.distance, k.mul(block.tile, share)));
  t.panelStride = k.index(panelSize);
  if (isWidened(plan.arithmetic)) {
    t.b = widenedPanel(k, plan, w, block.panel);
    t.aheadStride = t.panelStride;
    t.panelStride = k.index(widenedStride(plan));
  }
  t.c = sumsOf(block);
  t.chunks = chunks;
  t.accumulate = k.less(k.index(0), w.first);
  t.aheadLines = aheadLines;
  return t;
}

void TileBlock::emitProduct(const Block &block,
                            std::optional<TileFinish> finish) {
  TileOperands t = operandsOf(block);
  Value rows = rowsOf(block.tile);
  callTileKernel(k, productOf(plan.arithmetic), input.stride, rows,
                 block.panels, t, finish);
  // The other halves of split operands: without the two lower ones the error
  // would be a third larger.
  int64_t rest = partWords(shape, plan.arithmetic);
  int64_t lower = stagedWords(plan.arithmetic, shape.depth) / 2;
  for (int half = 1; isSplit(plan.arithmetic) && half < 4; ++half) {
    TileOperands part = t;
    part.accumulate = k.boolean(true);
    part.a = k.at(t.a, half & 2 ? lower : 0);
    part.b = k.at(t.b, half & 1 ? rest : 0);
    part.ahead = k.at(t.ahead, half & 1 ? rest : 0);
    callTileKernel(k, plan.arithmetic, input.stride, rows, block.panels, part);
  }
}

void TileBlock::emitLastEpilogue(const Block &block) {
  k.ifThen(w.last, [&] {
    emitEpilogue(k, shape, epilogueOf(block), rowsOf(block.tile), block.panels);
  });
}

void TileBlock::emit() {
  Value panels = k.sub(w.groupEnd, w.groupBegin);
  Value pairs = k.div(panels, plan.panels);
  auto blockAt = [&](Value tile, Value pair, Value index) {
    Value parity = k.sub(index, k.mul(k.div(index, 2), 2));
    return Block{tile, k.add(w.groupBegin, k.mul(pair, plan.panels)), parity,
                 plan.panels};
  };
  Value none = k.index(0), one = k.index(1);
  Value outRows = k.select(w.last, k.ceilDiv(k.index(plan.rows), chunks), none);
  k.forLoop(none, tiles, 1, [&](Value tile) {
    k.forLoop(none, pairs, 1, [&](Value pair) {
      Value index = k.add(k.mul(tile, pairs), pair);
      Block block = blockAt(tile, pair, index);
      Value wraps = k.equal(pair, none);
      Value before = k.select(wraps, k.sub(tile, one), tile);
      Block previous = blockAt(before, k.sub(k.select(wraps, pairs, pair), one),
                               k.add(index, one));
      TileFinish finish{shape, epilogueOf(previous), {}, {}, outRows};
      finish.out = epilogueOf(block).y;
      Value rows = k.select(w.last, rowsOf(before), none);
      finish.rows = k.select(k.equal(index, none), none, rows);
      emitProduct(block, finish);
    });
  });
  k.ifThen(k.less(none, pairs), [&] {
    emitLastEpilogue(blockAt(k.sub(tiles, one), k.sub(pairs, one),
                             k.sub(k.mul(tiles, pairs), one)));
  });
  // A panel that has no partner.
  if (plan.panels == 1)
    return;
  k.ifThen(k.less(k.mul(pairs, plan.panels), panels), [&] {
    k.forLoop(none, tiles, 1, [&](Value tile) {
      Block block{tile, k.sub(w.groupEnd, one), none, 1};
      emitProduct(block, std::nullopt);
      emitLastEpilogue(block);
    });
  });
}

void bertc::emitTileBlock(KernelBuilder &k, const LinearShape &shape,
                          const LinearPlan &plan, const LinearOperands &o,
                          const Input &input, Place sums, Value rowBlock,
                          Value blockRows, const WeightBlock &w) {
  TileBlock(k, shape, plan, o, input, sums, rowBlock, blockRows, w).emit();
}

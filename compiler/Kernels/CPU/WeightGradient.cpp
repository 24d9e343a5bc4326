//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop order: block of k columns (with their gradient they stay in L3), group
// of panels of dy, row block (packed so that a panel is contiguous; stays in
// L2), tile of k columns of x (packed for all panels: in x, each of its rows is
// in another page), panels. The gradient has the layout of the weight, so the
// optimizer needs no other copy of either.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/WeightGradient.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

int64_t bertc::weightGradientScratch(const WeightGradientPlan &plan) {
  if (isTile(plan.arithmetic))
    return weightGradientTileScratch(plan);
  return (plan.group * lanes + plan.rows) * plan.rowBlock;
}

namespace {
/// Columns [depth, depth + columns) of x and panels [group, group + panels) of
/// dy, in rows [row, row + rows).
struct GradientBlock {
  Value depth, columns;
  Value group, panels;
  Value row, rows;
};
} // namespace

/// dy [rows][16 * panels] -> panels [rows][16], `rowBlock` rows apart. With
/// `bias`, adds the sums of the columns to it.
static void emitPack(KernelBuilder &k, const WeightGradientShape &shape,
                     const WeightGradientPlan &plan,
                     const WeightGradientOperands &o, const GradientBlock &w,
                     bool bias) {
  Place dy = k.at(
      o.dy, k.add(k.mul(w.row, shape.outputStride), k.mul(w.group, lanes)));
  k.forLoop(k.index(0), w.panels, 1, [&](Value panel) {
    Place from = k.at(dy, k.mul(panel, lanes));
    Place to = k.at(o.scratch, k.mul(panel, plan.rowBlock * lanes));
    Place sums = k.at(o.bias, k.mul(k.add(w.group, panel), lanes));
    SmallVector<Value> init;
    if (bias)
      init.push_back(k.load(sums));
    SmallVector<Value> sum =
        k.forLoop(k.index(0), w.rows, 1, init, [&](Value row, ValueRange acc) {
          Value v = k.load(k.at(from, k.mul(row, shape.outputStride)));
          k.store(v, k.at(to, k.mul(row, lanes)));
          SmallVector<Value> next;
          if (bias)
            next.push_back(k.addf(acc[0], v));
          return next;
        });
    if (bias)
      k.store(sum[0], sums);
  });
}

/// x [rows][tile], the transposed operand of the tile. What lies behind the
/// columns of the last tile is read, but not multiplied.
static Place emitPackColumns(KernelBuilder &k, const WeightGradientShape &shape,
                             const WeightGradientPlan &plan,
                             const WeightGradientOperands &o, Place x,
                             Value rows) {
  Place to = k.at(o.scratch, plan.group * plan.rowBlock * lanes);
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Value v = k.load(k.at(x, k.mul(row, shape.inputStride)), plan.rows);
    k.store(v, k.at(to, k.mul(row, plan.rows)));
  });
  return to;
}

/// Prefetches the next sums (the tile below in the next panel), and of the next
/// columns of x, in each call, one row in so many as a pass has.
static void emitGradientBlock(KernelBuilder &k,
                              const WeightGradientShape &shape,
                              const WeightGradientPlan &plan,
                              const WeightGradientOperands &o,
                              const GradientBlock &w) {
  int64_t panelWords = shape.depth * lanes;
  int64_t pass = linesPerPass(Arithmetic::F32);
  Place x = k.at(o.x, k.add(k.mul(w.row, shape.inputStride), w.depth));
  Place weight =
      k.at(o.weight, k.add(k.mul(w.group, panelWords), k.mul(w.depth, lanes)));
  MicroShape micro{Arithmetic::F32, plan.rows, plan.panels, /*lda=*/1};
  MicroOperands m;
  m.wordStride = k.index(plan.rows);
  m.panelStride = k.index(plan.rowBlock * lanes);
  m.ldc = k.index(lanes);
  m.outputStride = k.index(panelWords);
  m.lines = w.rows;
  m.accumulate = k.boolean(true);
  m.aheadStep = k.index(pass * shape.inputStride);
  forBalancedRows(k, w.columns, plan.rows, [&](Value first, Value tile) {
    Place columns = k.at(x, first);
    m.a = emitPackColumns(k, shape, plan, o, columns, w.rows);
    forPanelGroups(
        k, k.index(0), w.panels, plan.panels, [&](Value panel, int64_t count) {
          m.b = k.at(o.scratch, k.mul(panel, m.panelStride));
          m.c =
              k.at(k.at(weight, k.mul(panel, panelWords)), k.mul(first, lanes));
          for (int64_t r = 0; r < plan.rows; ++r)
            k.prefetch(k.at(m.c, count * panelWords + r * lanes));
          Value own = k.sub(panel, k.mul(k.div(panel, pass), pass));
          m.ahead = k.at(k.at(columns, tile), k.mul(own, shape.inputStride));
          callMicroKernel(k, micro, count, tile, m);
        });
  });
}

static void emitWeightGradient(KernelBuilder &k,
                               const WeightGradientShape &shape,
                               const WeightGradientPlan &plan,
                               const WeightGradientOperands &o) {
  k.forLoop(
      k.index(0), k.index(shape.depth), plan.depthBlock, [&](Value depth) {
        Value columns =
            k.min(k.index(plan.depthBlock), k.sub(k.index(shape.depth), depth));
        Value isFirst = k.equal(depth, k.index(0));
        k.forLoop(o.panelBegin, o.panelEnd, plan.group, [&](Value group) {
          GradientBlock block;
          block.depth = depth;
          block.columns = columns;
          block.group = group;
          block.panels = k.min(k.index(plan.group), k.sub(o.panelEnd, group));
          k.forLoop(k.index(0), o.rows, plan.rowBlock, [&](Value row) {
            block.row = row;
            block.rows = k.min(k.index(plan.rowBlock), k.sub(o.rows, row));
            k.ifThen(
                isFirst,
                [&] { emitPack(k, shape, plan, o, block, shape.bias); },
                [&] { emitPack(k, shape, plan, o, block, false); });
            emitGradientBlock(k, shape, plan, o, block);
          });
        });
      });
}

void bertc::callWeightGradient(KernelBuilder &k,
                               const WeightGradientShape &shape,
                               const WeightGradientPlan &plan,
                               const WeightGradientOperands &operands) {
  std::string name = llvm::formatv(
      "weight_gradient_{5}_{0}x{1}{2}_{6}ld{3}_{4}", shape.depth, shape.columns,
      shape.bias ? "_bias" : "", shape.inputStride, shape.outputStride,
      arithmeticName(plan.arithmetic), shape.bf16 ? "bf16_" : "");
  WeightGradientOperands o = operands;
  SmallVector<Place *> places = {&o.x, &o.dy, &o.weight, &o.scratch};
  if (shape.bias)
    places.push_back(&o.bias);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append({&o.rows, &o.panelBegin, &o.panelEnd});
  k.callKernel(name, slots, [&] {
    if (!shape.bias)
      o.bias = o.weight;
    if (isTile(plan.arithmetic))
      emitWeightGradientTiles(k, shape, plan, o);
    else
      emitWeightGradient(k, shape, plan, o);
  });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop order: row block, panel group, k block (of the group's weights, stays in
// L2), row tile (its k block of x stays in L1), panels. The weights stream from
// L2 through the register tile, which hides that latency easily; holding them
// in L1 instead is as fast on an idle machine and 10 to 20 percent slower when
// a neighbour shares the caches. Weights that are widened are so block by
// block, and the widened block is what stays in L2. Partial sums of a k block
// rest in y; bias, activation and residual are applied to a tile right after
// its last k block.
//
// Tile registers need two tiles of weights and two of x for four products, so
// all but one k block go through L2 with both: k blocks are long, row blocks as
// large as L2 can hold, and k blocks are outside of panel groups, so that the
// k block of x is read from beyond L2 once. Where there are several, the sums
// of all columns rest in scratch.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Linear.h"
#include "compiler/Kernels/CPU/LinearBlock.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Kernels/CPU/Widen.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

/// Whether x has to be staged; whether there is anything in scratch.
static bool stages(const LinearShape &shape, Arithmetic arithmetic) {
  return isStaged(productOf(arithmetic)) && !shape.stagedInput;
}
static bool usesScratch(const LinearShape &shape, Arithmetic arithmetic) {
  return stages(shape, arithmetic) || isTile(arithmetic) ||
         isWidened(arithmetic);
}

/// Words before the staged rows, for their scales; of the staged rows, in whole
/// tiles; of the sums of a panel group; and of its widened block. A rotated row
/// follows.
static int64_t scaleBlockWords(const LinearPlan &plan) {
  return roundUp(plan.rowBlock * scaleWords, lanes);
}
static int64_t stagedBlockWords(const LinearShape &shape,
                                const LinearPlan &plan) {
  if (!stages(shape, plan.arithmetic))
    return 0;
  return roundUp(plan.rowBlock, 2 * tileLines) *
         stagedStride(productOf(plan.arithmetic), shape.depth);
}
static int64_t sumWords(const LinearShape &shape, const LinearPlan &plan) {
  if (!isTile(plan.arithmetic))
    return 0;
  return plan.depthBlock < shape.depth
             ? roundUp(plan.rowBlock, 2 * tileLines) * shape.columns
             : 2 * plan.panels * tileSumWords;
}
static int64_t widenedWords(const LinearPlan &plan) {
  return isWidened(plan.arithmetic) ? plan.group * widenedStride(plan) : 0;
}

int64_t bertc::linearScratch(const LinearShape &shape, const LinearPlan &plan) {
  if (!usesScratch(shape, plan.arithmetic))
    return 0;
  return scaleBlockWords(plan) + stagedBlockWords(shape, plan) +
         sumWords(shape, plan) + widenedWords(plan) +
         rotatedWords(plan.arithmetic, shape.depth);
}

namespace {
/// Emits the blocks of the weights that [begin, end) panels have.
struct BlockLoops {
  KernelBuilder &k;
  const LinearShape &shape;
  const LinearPlan &plan;
  Value begin, end;

  void emit(llvm::function_ref<void(const WeightBlock &)> body) const;

private:
  void forGroups(llvm::function_ref<void(Value)> body) const {
    k.forLoop(begin, end, plan.group, body);
  }
  void forDepth(llvm::function_ref<void(Value)> body) const {
    k.forLoop(k.index(0), lines(), blockLines(), body);
  }
  Value lines() const {
    return k.index(shape.depth / depthPerLine(productOf(plan.arithmetic)));
  }
  /// int8 outside of tiles has no partial sums to go on from; a plan may count
  /// on fewer k steps than there are where heads are padded.
  int64_t blockLines() const {
    bool whole = isInt8(plan.arithmetic) && !isTile(plan.arithmetic);
    return (whole ? shape.depth : plan.depthBlock) /
           depthPerLine(productOf(plan.arithmetic));
  }
  WeightBlock block(Value group, Value first) const;
};
} // namespace

WeightBlock BlockLoops::block(Value group, Value first) const {
  int64_t stored = storedLine(plan.arithmetic);
  int64_t panelSize = panelWords(shape, plan.arithmetic);
  WeightBlock w;
  w.begin = begin;
  w.end = end;
  w.groupBegin = group;
  w.groupEnd = k.min(k.add(group, plan.group), end);
  w.first = first;
  w.lines = k.min(k.index(blockLines()), k.sub(lines(), first));
  w.last = k.equal(k.add(first, w.lines), lines());
  Value nextGroup = k.index(plan.group * panelSize);
  Value nextDepth = k.index(blockLines() * stored);
  // Behind the last block of all lies the next weight.
  Value behind = k.sub(nextGroup, k.mul(first, stored));
  if (isTile(plan.arithmetic)) {
    Value back = k.mul(k.sub(group, begin), panelSize);
    Value next = k.select(w.last, behind, k.sub(nextDepth, back));
    w.distance = k.select(k.less(w.groupEnd, end), nextGroup, next);
  } else {
    w.distance = k.select(w.last, behind, nextDepth);
  }
  return w;
}

void BlockLoops::emit(
    llvm::function_ref<void(const WeightBlock &)> body) const {
  if (isTile(plan.arithmetic))
    forDepth([&](Value first) {
      forGroups([&](Value group) { body(block(group, first)); });
    });
  else
    forGroups([&](Value group) {
      forDepth([&](Value first) { body(block(group, first)); });
    });
}

static void emitLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  Arithmetic product = productOf(plan.arithmetic);
  Place staged = k.at(o.scratch, scaleBlockWords(plan));
  Place sums = k.at(staged, stagedBlockWords(shape, plan));
  Place behind = k.at(sums, sumWords(shape, plan));
  forBalancedRows(k, o.rows, plan.rowBlock, [&](Value row, Value rows) {
    Input input{k.at(o.x, k.mul(row, shape.inputStride)), shape.inputStride,
                o.scratch};
    if (stages(shape, plan.arithmetic)) {
      Place rotated = k.at(behind, widenedWords(plan));
      callStage(k, plan.arithmetic, shape.depth, shape.inputStride,
                {input.place, staged, o.smoothing, o.scratch, rotated, rows});
      input.place = staged;
      input.stride = stagedStride(product, shape.depth);
    }
    k.forLoop(k.index(0), k.index(shape.parts), 1, [&](Value part) {
      Value shift = k.mul(part, shape.partStride);
      BlockLoops loops{k, shape, plan, k.add(o.panelBegin, shift),
                       k.add(o.panelEnd, shift)};
      loops.emit([&](WeightBlock w) {
        if (isWidened(plan.arithmetic)) {
          int64_t size = panelWords(shape, plan.arithmetic);
          WidenOperands widen;
          w.widened = widen.to = behind;
          widen.from = k.at(k.at(o.weight, k.mul(w.groupBegin, size)),
                            k.mul(w.first, storedLine(plan.arithmetic)));
          widen.panels = k.sub(w.groupEnd, w.groupBegin);
          widen.lines = w.lines;
          callWiden(k, plan.arithmetic, size, widenedStride(plan), widen);
        }
        if (isTile(plan.arithmetic))
          emitTileBlock(k, shape, plan, o, input, sums, row, rows, w);
        else
          emitBlock(k, shape, plan, o, input, row, rows, w);
      });
    });
  });
}

/// The arguments of a linear kernel, in the order of its function.
static SmallVector<Value *> argumentsOf(LinearOperands &o,
                                        const LinearShape &shape,
                                        const LinearPlan &plan) {
  SmallVector<Place *> places = {&o.x, &o.y, &o.weight};
  if (shape.residual)
    places.push_back(&o.residual);
  if (shape.bias)
    places.push_back(&o.bias);
  if (isInt8(plan.arithmetic))
    places.append({&o.columnScale, &o.columnSum, &o.smoothing});
  else if (isInt8Weight(plan.arithmetic))
    places.push_back(&o.columnScale);
  if (usesScratch(shape, plan.arithmetic))
    places.push_back(&o.scratch);
  SmallVector<Value *> all = slotsOf(places);
  all.append({&o.rows, &o.panelBegin, &o.panelEnd});
  return all;
}

void bertc::callLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &operands) {
  std::string name = llvm::formatv(
      "linear_{0}_{1}x{2}{3}{4}_ld{5}_{6}", arithmeticName(plan.arithmetic),
      shape.depth, shape.columns, shape.bias ? "_bias" : "",
      shape.activation == ActivationFunction::None
          ? ""
          : "_" + activationFunctionName(shape.activation).str(),
      shape.inputStride, shape.outputStride);
  if (shape.residual)
    name += "_residual" + std::to_string(shape.residualStride);
  if (shape.stagedInput)
    name += "_from_bf16";
  if (shape.stagedOutput)
    name += "_to_bf16";
  if (shape.parts > 1)
    name += "_parts" + std::to_string(shape.parts);
  LinearOperands o = operands;
  k.callKernel(name, argumentsOf(o, shape, plan), [&] {
    // What the shape lacks is computed nowhere, but its place is moved along.
    if (!shape.residual)
      o.residual = o.y;
    if (!shape.bias)
      o.bias = o.weight;
    if (!usesScratch(shape, plan.arithmetic))
      o.scratch = o.x;
    emitLinear(k, shape, plan, o);
  });
}

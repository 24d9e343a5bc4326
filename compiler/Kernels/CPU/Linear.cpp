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
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Linear.h"
#include "compiler/Kernels/CPU/LinearBlock.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Kernels/CPU/Widen.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static bool usesScratch(Arithmetic arithmetic) {
  return isStaged(productOf(arithmetic)) || isWidened(arithmetic);
}

/// Words before the staged rows, for their scales; of the staged rows, in whole
/// tiles; of the sums of a panel group; and of its widened block. A rotated row
/// follows.
static int64_t scaleBlockWords(const LinearPlan &plan) {
  return roundUp(plan.rowBlock * scaleWords, lanes);
}
static int64_t stagedBlockWords(const LinearPlan &plan, int64_t depth) {
  Arithmetic product = productOf(plan.arithmetic);
  return isStaged(product) ? roundUp(plan.rowBlock, 2 * tileLines) *
                                 stagedStride(product, depth)
                           : 0;
}
static int64_t sumWords(const LinearPlan &plan) {
  return isTile(plan.arithmetic)
             ? roundUp(plan.rowBlock, 2 * tileLines) * plan.group * lanes
             : 0;
}
static int64_t widenedWords(const LinearPlan &plan) {
  return isWidened(plan.arithmetic) ? plan.group * widenedStride(plan) : 0;
}

int64_t bertc::linearScratch(const LinearPlan &plan, int64_t depth) {
  if (!usesScratch(plan.arithmetic))
    return 0;
  return scaleBlockWords(plan) + stagedBlockWords(plan, depth) +
         sumWords(plan) + widenedWords(plan) +
         rotatedWords(plan.arithmetic, depth);
}

static void emitLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  Arithmetic product = productOf(plan.arithmetic);
  int64_t perLine = depthPerLine(product), stored = storedLine(plan.arithmetic);
  Value lines = k.index(shape.depth / perLine);
  // int8 outside of tiles has no partial sums to go on from; a plan may count
  // on fewer k steps than there are where heads are padded.
  bool whole = isInt8(plan.arithmetic) && !isTile(plan.arithmetic);
  int64_t block = (whole ? shape.depth : plan.depthBlock) / perLine;
  Value nextGroup = k.index(plan.group * panelWords(shape, plan.arithmetic));
  Place staged = k.at(o.scratch, scaleBlockWords(plan));
  Place sums = k.at(staged, stagedBlockWords(plan, shape.depth));
  WidenOperands widen;
  if (isWidened(plan.arithmetic))
    widen.to = k.at(sums, sumWords(plan));
  forBalancedRows(k, o.rows, plan.rowBlock, [&](Value row, Value rows) {
    Input input{k.at(o.x, k.mul(row, shape.inputStride)), shape.inputStride,
                o.scratch};
    if (isStaged(product)) {
      Place rotated = k.at(sums, sumWords(plan) + widenedWords(plan));
      callStage(k, plan.arithmetic, shape.depth, shape.inputStride,
                {input.place, staged, o.smoothing, o.scratch, rotated, rows});
      input.place = staged;
      input.stride = stagedStride(product, shape.depth);
    }
    k.forLoop(k.index(0), k.index(shape.parts), 1, [&](Value part) {
      Value shift = k.mul(part, shape.partStride);
      Value end = k.add(o.panelEnd, shift);
      k.forLoop(k.add(o.panelBegin, shift), end, plan.group, [&](Value group) {
        k.forLoop(k.index(0), lines, block, [&](Value first) {
          WeightBlock w;
          w.groupBegin = group;
          w.groupEnd = k.min(k.add(group, plan.group), end);
          w.first = first;
          w.lines = k.min(k.index(block), k.sub(lines, first));
          w.last = k.equal(k.add(first, w.lines), lines);
          w.distance = k.select(w.last, k.sub(nextGroup, k.mul(first, stored)),
                                k.index(block * stored));
          if (isWidened(plan.arithmetic)) {
            int64_t size = panelWords(shape, plan.arithmetic);
            w.widened = widen.to;
            widen.from =
                k.at(k.at(o.weight, k.mul(group, size)), k.mul(first, stored));
            widen.panels = k.sub(w.groupEnd, group);
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
  if (usesScratch(plan.arithmetic))
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
  if (shape.parts > 1)
    name += "_parts" + std::to_string(shape.parts);
  LinearOperands o = operands;
  k.callKernel(name, argumentsOf(o, shape, plan), [&] {
    // What the shape lacks is computed nowhere, but its place is moved along.
    if (!shape.residual)
      o.residual = o.y;
    if (!shape.bias)
      o.bias = o.weight;
    if (!usesScratch(plan.arithmetic))
      o.scratch = o.x;
    emitLinear(k, shape, plan, o);
  });
}

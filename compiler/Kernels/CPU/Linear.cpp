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
// a neighbour shares the caches. Partial sums of a k block rest in y; bias,
// activation and residual are applied to a tile right after its last k block.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Linear.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

llvm::StringRef bertc::activationFunctionName(ActivationFunction activation) {
  switch (activation) {
  case ActivationFunction::None:
    return "none";
  case ActivationFunction::Gelu:
    return "gelu";
  case ActivationFunction::GeluTanh:
    return "gelu_tanh";
  case ActivationFunction::Relu:
    return "relu";
  case ActivationFunction::Silu:
    return "silu";
  case ActivationFunction::Tanh:
    return "tanh";
  }
  return "none";
}

Value bertc::emitActivation(KernelBuilder &k, ActivationFunction activation,
                            Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return x;
  case ActivationFunction::Gelu:
    return emitGelu(k.b, k.loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanh(k.b, k.loc, x);
  case ActivationFunction::Relu:
    return emitRelu(k.b, k.loc, x);
  case ActivationFunction::Silu:
    return emitSilu(k.b, k.loc, x);
  case ActivationFunction::Tanh:
    return emitTanh(k.b, k.loc, x);
  }
  return x;
}

namespace {
/// Sums of a block: float32, or int32 to be scaled by row and column.
struct Sums {
  Place place;
  int64_t stride;
  Place rowScale, columnScale, columnSum; // int32 only
};
} // namespace

/// y = activation(sums + bias) + residual for a finished block.
static void emitEpilogue(KernelBuilder &k, const LinearShape &shape, Sums sums,
                         Place y, Place residual, Place bias, Value rows,
                         int64_t panels) {
  bool scaled = sums.rowScale.buffer != nullptr;
  SmallVector<Value> biases, scales, columnSums;
  for (int64_t p = 0; p < panels; ++p) {
    if (shape.bias)
      biases.push_back(k.load(k.at(bias, p * lanes)));
    if (!scaled)
      continue;
    scales.push_back(k.load(k.at(sums.columnScale, p * lanes)));
    columnSums.push_back(k.load(k.at(sums.columnSum, p * lanes)));
  }
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Place from = k.at(sums.place, k.mul(row, sums.stride));
    Place to = k.at(y, k.mul(row, shape.outputStride));
    Value scale, zero;
    if (scaled) {
      Place own = k.at(sums.rowScale, k.mul(row, scaleWords));
      scale = k.broadcast(k.loadScalar(own));
      zero = k.broadcast(k.loadScalar(k.at(own, 1)));
    }
    for (int64_t p = 0; p < panels; ++p) {
      Value v = k.load(k.at(from, p * lanes));
      if (scaled)
        v = emitScaledSum(k, v, scale, zero, scales[p], columnSums[p]);
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

namespace {
/// One k block of one panel group, in lines.
struct WeightBlock {
  Value groupBegin, groupEnd; // panels
  Value first, lines;
  Value last;     // i1: the sums are complete after it
  Value distance; // words from here to the block that comes next
};

/// x of a row block as the micro-kernel reads it.
struct Input {
  Place place;
  int64_t stride;
  Place scales;
};
} // namespace

/// Lines of a panel, with the zeros behind its k steps.
static int64_t panelLines(const LinearShape &shape, Arithmetic arithmetic) {
  int64_t perLine = depthPerLine(arithmetic);
  int64_t whole = perLine == 1 ? 1 : 16; // lines of an AMX tile
  return roundUp(shape.depth / perLine, whole);
}

/// Each row tile asks for its share of the k block that comes next, so that
/// weights arrive from memory while arithmetic goes on. Behind the last block
/// this reads ahead into what follows the weight; a prefetch of an address that
/// is not mapped does nothing.
static void emitBlock(KernelBuilder &k, const LinearShape &shape,
                      const LinearPlan &plan, const LinearOperands &o,
                      const Input &input, Value rowBlock, Value blockRows,
                      const WeightBlock &w) {
  Value panelSize = k.index(panelLines(shape, plan.arithmetic) * lanes);
  Value accumulate = k.less(k.index(0), w.first);
  Value tiles = k.ceilDiv(blockRows, plan.rows);
  int64_t pass = linesPerPass(plan.arithmetic);
  Value aheadStep = k.ceilDiv(k.index(pass * lanes), tiles);
  Value shareAhead = k.mul(k.div(w.lines, pass), aheadStep);
  Value least = k.div(blockRows, tiles);
  Value larger = k.sub(blockRows, k.mul(least, tiles)); // tiles of one row more
  Value firstWord = k.mul(w.first, inputWords(plan.arithmetic));
  MicroShape micro{plan.arithmetic, plan.rows, plan.panels, input.stride};
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
    m.ldc = k.index(shape.outputStride);
    m.lines = w.lines;
    m.accumulate = accumulate;
    m.aheadStep = aheadStep;
    if (isInt8(plan.arithmetic))
      m.rowScale = k.at(input.scales, k.mul(begin, scaleWords));
    forPanelGroups(k, w.groupBegin, w.groupEnd, plan.panels,
                   [&](Value panel, int64_t panels) {
                     Value column = k.mul(panel, lanes);
                     m.b = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                                k.mul(w.first, lanes));
                     m.c = k.at(yRow, column);
                     m.ahead = k.at(m.b, ahead);
                     if (isInt8(plan.arithmetic)) {
                       m.columnScale = k.at(o.columnScale, column);
                       m.columnSum = k.at(o.columnSum, column);
                     }
                     callMicroKernel(k, micro, panels, rows, m);
                     k.ifThen(w.last, [&] {
                       emitEpilogue(k, shape,
                                    {m.c, shape.outputStride, {}, {}, {}}, m.c,
                                    k.at(residualRow, column),
                                    k.at(o.bias, column), rows, panels);
                     });
                   });
  });
}

/// The same with tile registers. Their sums rest in scratch, where whole tiles
/// have room.
static void emitTileBlock(KernelBuilder &k, const LinearShape &shape,
                          const LinearPlan &plan, const LinearOperands &o,
                          const Input &input, Place sums, Value rowBlock,
                          Value blockRows, const WeightBlock &w) {
  Value panelSize = k.index(panelLines(shape, plan.arithmetic) * lanes);
  Value tiles = k.ceilDiv(blockRows, plan.rows);
  int64_t ldc = plan.group * lanes;
  Value chunks = k.ceilDiv(w.lines, tileLines);
  Value aheadLines = k.ceilDiv(k.index(tileLines), tiles);
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
    t.chunks = chunks;
    t.accumulate = k.less(k.index(0), w.first);
    t.aheadLines = aheadLines;
    forPanelGroups(k, w.groupBegin, w.groupEnd, plan.panels,
                   [&](Value panel, int64_t panels) {
                     Value column = k.mul(panel, lanes);
                     Value inGroup = k.mul(k.sub(panel, w.groupBegin), lanes);
                     t.b = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                                k.mul(w.first, lanes));
                     t.c = k.at(k.at(sums, k.mul(begin, ldc)), inGroup);
                     t.ahead =
                         k.at(t.b, k.add(w.distance, k.mul(tile, shareAhead)));
                     callTileKernel(k, plan.arithmetic, input.stride, ldc, rows,
                                    panels, t);
                     k.ifThen(w.last, [&] {
                       Sums done{t.c, ldc, {}, {}, {}};
                       if (isInt8(plan.arithmetic)) {
                         done.rowScale = k.at(input.scales, begin);
                         done.columnScale = k.at(o.columnScale, column);
                       }
                       emitEpilogue(k, shape, done, k.at(yRow, column),
                                    k.at(residualRow, column),
                                    k.at(o.bias, column), rows, panels);
                     });
                   });
  });
}

/// Words before the staged rows, for their scales; of the staged rows, in whole
/// tiles; and of the sums of a panel group.
static int64_t scaleBlockWords(const LinearPlan &plan) {
  return roundUp(plan.rowBlock * scaleWords, lanes);
}
static int64_t stagedBlockWords(const LinearPlan &plan, int64_t depth) {
  return roundUp(plan.rowBlock, 2 * tileLines) *
         stagedStride(plan.arithmetic, depth);
}
static int64_t sumWords(const LinearPlan &plan) {
  return isTile(plan.arithmetic)
             ? roundUp(plan.rowBlock, 2 * tileLines) * plan.group * lanes
             : 0;
}

int64_t bertc::linearScratch(const LinearPlan &plan, int64_t depth) {
  if (!isStaged(plan.arithmetic))
    return 0;
  return scaleBlockWords(plan) + stagedBlockWords(plan, depth) + sumWords(plan);
}

static void emitLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  int64_t perLine = depthPerLine(plan.arithmetic);
  Value lines = k.index(shape.depth / perLine);
  int64_t block = plan.depthBlock / perLine;
  Value nextGroup =
      k.index(plan.group * panelLines(shape, plan.arithmetic) * lanes);
  Place staged = k.at(o.scratch, scaleBlockWords(plan));
  Place sums = k.at(staged, stagedBlockWords(plan, shape.depth));
  forBalancedRows(k, o.rows, plan.rowBlock, [&](Value row, Value rows) {
    Input input{k.at(o.x, k.mul(row, shape.inputStride)), shape.inputStride,
                o.scratch};
    if (isStaged(plan.arithmetic)) {
      callStage(k, plan.arithmetic, shape.depth, shape.inputStride, input.place,
                staged, o.scratch, rows);
      input.place = staged;
      input.stride = stagedStride(plan.arithmetic, shape.depth);
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
          w.distance = k.select(w.last, k.sub(nextGroup, k.mul(first, lanes)),
                                k.index(block * lanes));
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
    places.append({&o.columnScale, &o.columnSum});
  if (isStaged(plan.arithmetic))
    places.push_back(&o.scratch);
  SmallVector<Value *> all;
  for (Place *place : places)
    all.append({&place->buffer, &place->offset});
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
  SmallVector<Value *> slots = argumentsOf(o, shape, plan);
  SmallVector<Value> arguments;
  SmallVector<Type> types;
  for (Value *slot : slots) {
    arguments.push_back(*slot);
    types.push_back(slot->getType());
  }
  func::FuncOp kernel = k.kernel(name, types, [&](ValueRange values) {
    for (auto [slot, value] : llvm::zip_equal(slots, values))
      *slot = value;
    // What the shape lacks is computed nowhere, but its place is moved along.
    if (!shape.residual)
      o.residual = o.y;
    if (!shape.bias)
      o.bias = o.weight;
    if (!isStaged(plan.arithmetic))
      o.scratch = o.x;
    emitLinear(k, shape, plan, o);
  });
  k.call(kernel, arguments);
}

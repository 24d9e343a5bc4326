//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The phases of each gradient op. A phase that adds to gradients of weights
// gives each thread columns and reads all rows, so that the order of a sum does
// not depend on the threads; no two phases between two barriers add to the same
// gradient.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/AttentionGradient.h"
#include "compiler/Kernels/CPU/InputGradient.h"
#include "compiler/Kernels/CPU/Loss.h"
#include "compiler/Kernels/CPU/NarrowWeights.h"
#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/CPU/RowsGradient.h"
#include "compiler/Kernels/CPU/WeightGradient.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Lowering/TrainProgram.h"
#include "compiler/Plan/PlanAttributes.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace bertc;

//===----------------------------------------------------------------------===//
// Shared
//===----------------------------------------------------------------------===//

Value TrainProgram::count(const Buffer &buffer) {
  return buffer.extent == Extent::PerToken ? e->frame.tokens
                                           : e->frame.sequences;
}

std::pair<Value, Value> TrainProgram::ownVectors(int64_t columns) {
  KernelBuilder &k = e->k;
  return k.share(k.index(columns / lanes), e->frame.tid, e->frame.threads);
}

Place TrainProgram::gradientOf(StringAttr weight) {
  return gradients.place(e->k, frame->gradients, weight, e->layer);
}

void TrainProgram::describeGradient(StringAttr weight, StringRef what,
                                    const Buffer &x, const Buffer &y) {
  StringRef name = weight.getValue();
  name.consume_back("_weight");
  describe((name + "_" + what).str());
  int64_t flops = 2 * x.columns.real() * y.columns.real();
  (y.extent == Extent::PerSequence ? e->next.flopsPerSequence
                                   : e->next.flopsPerToken) = flops;
}

/// All threads narrow, and meet before they multiply.
void TrainProgram::narrowTransposed(const InputGradient &g, int64_t slot) {
  int64_t depth = (*buffers)[g.dx].columns.padded();
  int64_t columns = (*buffers)[g.dy].columns.padded();
  PhaseInfo product = e->next;
  describe("narrow_weights");
  e->next.weightBytes = depth * columns * 4;
  e->phases.run({}, {{slot, Split::Columns}}, [&] {
    auto [begin, end] = ownVectors(depth);
    callNarrowTransposed(e->k, depth, columns, weight(g.weight),
                         slotOf(slot).place, begin, end);
  });
  e->phases.join();
  e->next = product;
}

/// In bfloat16 a linear layer of the transposed weight, with the derivative of
/// the activation in a pass of its own.
void TrainProgram::inputGradientProduct(
    Operation *op, const InputGradient &g, const LinearPlan &plan, Value rows,
    llvm::function_ref<Place(Value)> rowsOf) {
  KernelBuilder &k = e->k;
  const Buffer &dy = (*buffers)[g.dy], &dx = (*buffers)[g.dx];
  Value panels = k.index(dx.columns.padded() / lanes);
  if (plan.arithmetic == Arithmetic::F32) {
    InputGradientShape shape;
    shape.depth = dx.columns.padded();
    shape.columns = dy.columns.padded();
    shape.inputStride = dx.stride;
    shape.outputStride = dy.stride;
    shape.activation = g.activation;
    InputGradientOperands o;
    if (g.before) {
      shape.beforeStride = (*buffers)[g.before].stride;
      o.before = rowsOf(g.before);
    }
    if (g.plus) {
      shape.plus = true;
      shape.plusStride = (*buffers)[g.plus].stride;
      o.plus = rowsOf(g.plus);
    }
    o.dy = rowsOf(g.dy);
    o.dx = rowsOf(g.dx);
    o.weight = weight(g.weight);
    o.scratch = workspace.scratch(k, e->frame);
    o.rows = rows;
    o.panelBegin = k.index(0);
    o.panelEnd = panels;
    callInputGradient(k, shape, plan, o);
    return;
  }
  LinearShape shape = linearShape(dy, dx, /*bias=*/false);
  LinearOperands o;
  o.x = rowsOf(g.dy);
  o.y = rowsOf(g.dx);
  o.residual = o.y;
  if (g.plus) {
    shape.residual = true;
    shape.residualStride = (*buffers)[g.plus].stride;
    o.residual = rowsOf(g.plus);
  }
  o.weight = slotOf(transposed.lookup(op)).place;
  o.scratch = workspace.scratch(k, e->frame);
  o.rows = rows;
  o.panelBegin = k.index(0);
  o.panelEnd = panels;
  callLinear(k, shape, plan, o);
  if (g.before)
    callActivationGradient(k, dx.rows(), g.activation,
                           {rowsOf(g.before), (*buffers)[g.before].rows()}, o.y,
                           o.y, rows);
}

void TrainProgram::inputGradientPhase(Operation *op, const InputGradient &g) {
  KernelBuilder &k = e->k;
  LinearPlan plan = *linearPlan(op);
  const Buffer &dy = (*buffers)[g.dy], &dx = (*buffers)[g.dx];
  if (plan.arithmetic != Arithmetic::F32)
    narrowTransposed(g, transposed.lookup(op));
  Split split = rowSplit(dx);
  SmallVector<Access> reads = {{dy.slot, split}};
  SmallVector<Access> writes = {{dx.slot, split}};
  for (Value read : {g.before, g.plus})
    if (read)
      reads.push_back({(*buffers)[read].slot, split});
  if (g.activated)
    writes.push_back({(*buffers)[g.activated].slot, split});
  e->phases.run(reads, writes, [&] {
    Value first = begin(dx);
    auto rowsOf = [&](Value value) {
      return k.at(place(value), k.mul(first, (*buffers)[value].stride));
    };
    Value rows = k.sub(end(dx), first);
    inputGradientProduct(op, g, plan, rows, rowsOf);
    if (g.activated)
      callActivation(
          k, g.activation, {rowsOf(g.before), (*buffers)[g.before].rows()},
          {rowsOf(g.activated), (*buffers)[g.activated].rows()}, rows);
  });
}

void TrainProgram::weightGradientPhase(Operation *op, const WeightGradient &g) {
  KernelBuilder &k = e->k;
  const Buffer &dy = (*buffers)[g.dy];
  int64_t columns = dy.columns.padded() / g.parts;
  SmallVector<Access> reads = {{dy.slot, Split::Whole}};
  if (g.weight)
    reads.push_back({(*buffers)[g.x].slot, Split::Whole});
  e->phases.run(reads, {}, [&] {
    auto [begin, end] = ownVectors(columns);
    Place from = k.at(place(g.dy), g.part * columns);
    if (!g.weight) {
      // The sums of columns, as those of a norm's bias.
      NormWeightGradientOperands o;
      o.x = o.dy = o.moments = from;
      o.bias = gradientOf(g.bias);
      o.rows = count(dy);
      o.begin = begin;
      o.end = end;
      callNormWeightGradient(k, {columns, dy.stride}, o);
      return;
    }
    const Buffer &x = (*buffers)[g.x];
    WeightGradientShape shape;
    shape.depth = x.columns.padded();
    shape.columns = columns;
    shape.inputStride = x.stride;
    shape.outputStride = dy.stride;
    shape.bias = bool(g.bias);
    shape.bf16 = x.staged;
    WeightGradientOperands o;
    o.x = place(g.x);
    o.dy = from;
    o.weight = gradientOf(g.weight);
    if (g.bias)
      o.bias = gradientOf(g.bias);
    o.scratch = workspace.scratch(k, e->frame);
    o.rows = count(dy);
    o.panelBegin = begin;
    o.panelEnd = end;
    callWeightGradient(k, shape, *weightGradientPlan(op), o);
  });
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

void TrainProgram::emitInputGradient(Operation *op,
                                     ArrayRef<StringAttr> weights,
                                     StringAttr name, InputGradient g) {
  g.dy = op->getOperand(0);
  g.dx = op->getResult(0);
  const Buffer &dy = (*buffers)[g.dy], &dx = (*buffers)[g.dx];
  // Side by side in the packed weight, so in the gradient.
  Grouping columns = dy.columns;
  columns.count /= int64_t(weights.size());
  g.weight = panels(weights, Arithmetic::F32, columns, dx.columns).weight;
  describeGradient(name, "input_gradient", dx, dy);
  inputGradientPhase(op, g);
}

void TrainProgram::emitLinearInput(enc::LinearInputGradientOp op) {
  InputGradient g;
  g.plus = op.getPlus();
  StringAttr weight = op.getWeightAttr().getAttr();
  emitInputGradient(op, weight, weight, g);
}

void TrainProgram::emitFusedActivation(enc::FusedActivationGradientOp op) {
  InputGradient g;
  g.before = op.getUp();
  g.activation = activationOf(op.getActivation());
  g.activated = op.getActivated();
  StringAttr weight = op.getDownAttr().getAttr();
  emitInputGradient(op, weight, weight, g);
}

void TrainProgram::emitQKVInput(enc::FusedQKVInputGradientOp op) {
  InputGradient g;
  g.plus = op.getPlus();
  emitInputGradient(op,
                    {op.getQueryAttr().getAttr(), op.getKeyAttr().getAttr(),
                     op.getValueAttr().getAttr()},
                    StringAttr::get(op.getContext(), "query_key_value"), g);
}

void TrainProgram::emitLinearWeight(enc::LinearWeightGradientOp op) {
  WeightGradient g;
  g.dy = op.getGradient();
  g.x = op.getInput();
  g.weight = wantedGradient(op.getInto(), op.getWeightAttr());
  g.bias = wantedGradient(op.getInto(), op.getBiasAttr());
  if (g.x)
    describeGradient(op.getWeightAttr().getAttr(), "weight_gradient",
                     (*buffers)[g.x], (*buffers)[g.dy]);
  else
    describe("bias_gradient");
  weightGradientPhase(op, g);
}

void TrainProgram::emitQKVWeight(enc::FusedQKVWeightGradientOp op) {
  std::pair<FlatSymbolRefAttr, FlatSymbolRefAttr> parts[] = {
      {op.getQueryAttr(), op.getQueryBiasAttr()},
      {op.getKeyAttr(), op.getKeyBiasAttr()},
      {op.getValueAttr(), op.getValueBiasAttr()}};
  for (auto [number, names] : llvm::enumerate(parts)) {
    WeightGradient g;
    g.dy = op.getGradient();
    g.x = op.getInput();
    g.weight = wantedGradient(op.getInto(), names.first);
    g.bias = wantedGradient(op.getInto(), names.second);
    g.part = number;
    g.parts = 3;
    if (!g.weight && !g.bias)
      continue;
    describe("bias_gradient");
    if (g.weight) {
      Buffer part = (*buffers)[g.dy];
      part.columns.count /= 3;
      describeGradient(g.weight, "weight_gradient", (*buffers)[g.x], part);
    }
    weightGradientPhase(op, g);
  }
}

//===----------------------------------------------------------------------===//
// Attention: whole heads, so that no sum over queries is cut
//===----------------------------------------------------------------------===//

void TrainProgram::emitAttentionGradient(enc::AttentionGradientOp op) {
  KernelBuilder &k = e->k;
  const Buffer &in = (*buffers)[op.getQkv()], &out = (*buffers)[op.getOutput()];
  const Buffer &sums = (*buffers)[op.getLogSumExp()];
  const Buffer &gradients = (*buffers)[op.getResult()];
  AttentionShape shape = gradientShape(op);
  shape.dropout = bool(op.getRandom());
  AttentionGradientPlan plan = *attentionGradientPlan(op);
  int64_t heads = out.columns.count;
  describe("attention_gradient");
  e->next.flopsPerPair = 5 * 2 * out.columns.real();
  SmallVector<Access> reads;
  for (Value read :
       {op.getGradient(), op.getOutput(), op.getQkv(), op.getLogSumExp()})
    reads.push_back({(*buffers)[read].slot, Split::Whole});
  Access write{(*buffers)[op.getResult()].slot, Split::Pairs};
  e->phases.run(reads, write, [&] {
    Place qkv = place(op.getQkv()), dqkv = place(op.getResult());
    Place y = place(op.getOutput()), dy = place(op.getGradient());
    Place logSumExp = place(op.getLogSumExp());
    Place scratch = workspace.scratch(k, e->frame);
    auto attend = [&](const HeadRows &head) {
      auto at = [&](Place rows, const Buffer &buffer, int64_t part) {
        int64_t headWords = buffer.columns.stride / (buffer.staged ? 2 : 1);
        Place row = k.at(rows, k.mul(head.first, buffer.stride));
        return k.at(k.at(row, k.mul(head.head, headWords)),
                    part * heads * headWords);
      };
      AttentionGradientOperands o;
      o.query = at(qkv, in, 0);
      o.key = at(qkv, in, 1);
      o.value = at(qkv, in, 2);
      o.output = at(y, out, 0);
      o.gradient = at(dy, out, 0);
      o.logSumExp =
          k.at(k.at(logSumExp, k.mul(head.first, sums.stride)), head.head);
      o.logSumExpStride = k.index(sums.stride);
      o.queryGradient = at(dqkv, gradients, 0);
      o.keyGradient = at(dqkv, gradients, 1);
      o.valueGradient = at(dqkv, gradients, 2);
      o.scratch = scratch;
      o.length = head.length;
      if (shape.dropout) {
        o.dropout = dropout(op.getSiteAttr(), op.getRateAttr());
        o.dropout.stream = addHead(k, o.dropout.stream, head.head);
        o.token = head.first;
      }
      callAttentionGradient(k, shape, plan, o);
    };
    constexpr int64_t whole = std::numeric_limits<int32_t>::max();
    forOwnHeads(k, e->frame, heads, whole, attend);
  });
}

//===----------------------------------------------------------------------===//
// Norms and embeddings
//===----------------------------------------------------------------------===//

void TrainProgram::normGradientPhases(const NormGradient &g) {
  KernelBuilder &k = e->k;
  const Buffer &dy = (*buffers)[g.dy];
  SlotPlace moments = slotOf(momentsSlot);
  auto rowsOf = [&](Place rows, int64_t stride) {
    return k.at(rows, k.mul(e->tokenBegin, stride));
  };
  describe("norm_gradient");
  e->phases.run({{g.x.slot, Split::Rows}, {dy.slot, Split::Rows}},
                {{g.dx.slot, Split::Rows}, {moments.slot, Split::Rows}}, [&] {
                  NormGradientOperands o;
                  o.x = rowsOf(g.x.place, dy.stride);
                  o.dy = rowsOf(place(g.dy), dy.stride);
                  o.gain = weight(vector({g.gain.getAttr()}, dy.columns));
                  o.dx = rowsOf(g.dx.place, dy.stride);
                  o.moments = rowsOf(moments.place, momentWords);
                  o.rows = k.sub(e->tokenEnd, e->tokenBegin);
                  callLayerNormGradient(k, dy.rows(), g.epsilon, o);
                });
  StringAttr gain = wantedGradient(g.into, g.gain),
             bias = wantedGradient(g.into, g.bias);
  if (!gain && !bias)
    return;
  describe("norm_weight_gradient");
  e->phases.run({{g.x.slot, Split::Whole},
                 {dy.slot, Split::Whole},
                 {moments.slot, Split::Whole}},
                {}, [&] {
                  NormWeightGradientOperands o;
                  o.x = g.x.place;
                  o.dy = place(g.dy);
                  o.moments = moments.place;
                  if (gain)
                    o.gain = gradientOf(gain);
                  if (bias)
                    o.bias = gradientOf(bias);
                  o.rows = e->frame.tokens;
                  std::tie(o.begin, o.end) = ownVectors(dy.columns.padded());
                  callNormWeightGradient(k, dy.rows(), o);
                });
}

void TrainProgram::emitLayerNormGradient(enc::LayerNormGradientOp op) {
  normGradientPhases({slotOf(op.getInput()), op.getGradient(),
                      slotOf(op.getResult()), op.getGainAttr(),
                      op.getBiasAttr(), op.getEpsilon().convertToDouble(),
                      op.getInto()});
}

void TrainProgram::tableGradientPhase(Value ids, SlotPlace dy,
                                      const Buffer &rows, StringAttr table) {
  KernelBuilder &k = e->k;
  describe((table.getValue() + "_gradient").str());
  e->phases.run({{dy.slot, Split::Whole}}, {}, [&] {
    auto [begin, end] = ownVectors(rows.columns.padded());
    callEmbedGradient(k, rows.rows(), ids, dy.place, gradientOf(table),
                      e->frame.tokens, begin, end);
  });
}

/// The sum of embeddings, the input of the norm, is gathered again.
void TrainProgram::emitEmbedNormGradient(enc::FusedEmbedNormGradientOp op) {
  KernelBuilder &k = e->k;
  const Buffer &dy = (*buffers)[op.getGradient()];
  SlotPlace sums = slotOf(sumsSlot), dx = slotOf(inputSlot);
  std::pair<Value, FlatSymbolRefAttr> parts[] = {
      {op.getIds(), op.getWordTableAttr()},
      {op.getTypes(), op.getTypeTableAttr()},
      {op.getPositions(), op.getPositionTableAttr()}};
  describe("embed");
  e->phases.run({}, {{sums.slot, Split::Rows}, {dx.slot, Split::Rows}}, [&] {
    Value first = k.mul(e->tokenBegin, dy.stride);
    Place own = k.at(sums.place, first), other = k.at(dx.place, first);
    for (auto [number, part] : llvm::enumerate(parts)) {
      callEmbed(k, dy.rows(), ids(part.first),
                weight(table(part.second.getAttr())),
                number ? dx.place : sums.place, e->tokenBegin, e->tokenEnd);
      if (number)
        callAdd(k, dy.rows(), own, other, own,
                k.sub(e->tokenEnd, e->tokenBegin));
    }
  });
  normGradientPhases({sums, op.getGradient(), dx, op.getGainAttr(),
                      op.getBiasAttr(), op.getEpsilon().convertToDouble(),
                      op.getInto()});
  for (auto [from, table] : parts)
    if (StringAttr wanted = wantedGradient(op.getInto(), table))
      tableGradientPhase(ids(from), dx, dy, wanted);
}

void TrainProgram::emitEmbedGradient(enc::EmbedGradientOp op) {
  if (StringAttr table = wantedGradient(op.getInto(), op.getTableAttr()))
    tableGradientPhase(ids(op.getIds()), slotOf(op.getGradient()),
                       (*buffers)[op.getGradient()], table);
}

//===----------------------------------------------------------------------===//
// Rows, sequences and losses
//===----------------------------------------------------------------------===//

void TrainProgram::emitActivationGradient(enc::ActivationGradientOp op) {
  RowShape shape = (*buffers)[op.getResult()].rows();
  describe("activation_gradient");
  rowsPhase({op.getGradient(), op.getInput()}, op.getResult(),
            [&](ArrayRef<Place> in, Place dx, Value rows) {
              callActivationGradient(e->k, shape,
                                     activationOf(op.getActivation()),
                                     {in[1], shape}, in[0], dx, rows);
            });
}

void TrainProgram::emitPoolGradient(enc::PoolGradientOp op) {
  const Buffer &dy = (*buffers)[op.getGradient()];
  const Buffer &dx = (*buffers)[op.getResult()];
  SmallVector<Access> reads = {{dy.slot, Split::Sequences}};
  if (op.getInput())
    reads.push_back({(*buffers)[op.getInput()].slot, Split::Whole});
  describe("pool_gradient");
  e->phases.run(reads, {{dx.slot, Split::Sequences}}, [&] {
    Place to = place(op.getResult());
    callPoolGradient(
        e->k, dx.rows(), dy.rows(), poolingOf(op.getMode()), e->frame.offsets,
        op.getInput() ? place(op.getInput()) : to, place(op.getGradient()), to,
        e->sequenceBegin, e->sequenceEnd);
  });
}

void TrainProgram::emitNormalizeGradient(enc::NormalizeGradientOp op) {
  RowShape shape = (*buffers)[op.getResult()].rows();
  describe("normalize_gradient");
  rowsPhase({op.getInput(), op.getGradient()}, op.getResult(),
            [&](ArrayRef<Place> in, Place dx, Value rows) {
              callNormalizeGradient(e->k, shape, in[0], in[1], dx, rows);
            });
}

/// One thread computes the loss and its gradient.
void TrainProgram::emitLoss(Operation *op) {
  KernelBuilder &k = e->k;
  Value x = op->getOperand(0), dx = op->getResult(0);
  const Buffer &in = (*buffers)[x], &out = (*buffers)[dx];
  describe("loss");
  e->phases.run({{in.slot, Split::Whole}}, {{out.slot, Split::Whole}}, [&] {
    LossOperands o;
    o.x = place(x);
    o.loss = {frame->loss, k.index(0)};
    o.gradient = place(dx);
    o.rows = count(in);
    k.ifThen(k.equal(e->frame.tid, k.index(0)), [&] {
      Place targets{frame->targets, k.index(0)};
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](enc::CrossEntropyGradientOp) {
            o.labels = frame->labels;
            callCrossEntropy(k, in.rows(), o);
          })
          .Case([&](enc::MseGradientOp) {
            o.targets = targets;
            callMeanSquaredError(k, in.rows(), o);
          })
          .Case([&](enc::BinaryCrossEntropyGradientOp) {
            o.targets = targets;
            callBinaryCrossEntropy(k, in.rows(), o);
          })
          .Case([&](enc::SpanLossGradientOp) {
            o.labels = frame->labels;
            o.offsets = e->frame.offsets;
            o.sequences = e->frame.sequences;
            callSpanLoss(k, in.rows(), o);
          });
    });
  });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The walks over a training function, and the forward ops that leave more
// behind than they do in inference.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/TrainProgram.h"
#include "compiler/Kernels/CPU/AttentionGradient.h"
#include "compiler/Kernels/CPU/InputGradient.h"
#include "compiler/Kernels/CPU/NarrowWeights.h"
#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/CPU/WeightGradient.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/PlanAttributes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

TrainProgram::TrainProgram(func::FuncOp train, WeightLayoutBuilder &weights,
                           GradientLayout &gradients)
    : Program(train, SplitBy::Rows, 0, weights), gradients(gradients),
      frozen(frozenPrefix(train)) {}

//===----------------------------------------------------------------------===//
// First walk
//===----------------------------------------------------------------------===//

LogicalResult TrainProgram::needInputGradientScratch(Operation *op) {
  FailureOr<LinearPlan> plan = linearPlan(op);
  if (failed(plan))
    return failure();
  const Buffer &dy = (*buffers)[op->getOperand(0)];
  const Buffer &dx = (*buffers)[op->getResult(0)];
  int64_t columns = dy.columns.padded();
  switch (plan->arithmetic) {
  case Arithmetic::F32:
    workspace.needScratch(inputGradientScratch(*plan), 0);
    return success();
  case Arithmetic::BF16Tile:
    usesTiles = true;
    workspace.needScratch(linearScratch(linearShape(dy, dx, false), *plan), 0);
    transposed[op] = workspace.reserve(
        Extent::Fixed, dx.columns.padded() / lanes * narrowPanelWords(columns));
    return success();
  default:
    return op->emitOpError("plan has arithmetic '")
           << arithmeticName(plan->arithmetic)
           << "', expected f32 or bf16_tile for a gradient";
  }
}

/// Weights are float32; where tiles multiply, they are narrowed layer by layer.
Program::LinearWeights TrainProgram::panels(ArrayRef<StringAttr> symbols,
                                            Arithmetic arithmetic,
                                            Grouping columns, Grouping depth) {
  LinearWeights indices =
      Program::panels(symbols, Arithmetic::F32, columns, depth);
  if (arithmetic == Arithmetic::F32)
    return indices;
  usesTiles = true;
  auto [slot, isNew] = narrowed.try_emplace(indices.weight, 0);
  if (isNew)
    slot->second = workspace.reserve(
        Extent::Fixed, columns.padded() * int64_t(symbols.size()) / lanes *
                           narrowPanelWords(depth.padded()));
  indices.narrowed = slot->second;
  return indices;
}

/// Forward products that learnable weights can be narrowed for.
static LogicalResult verifyForwardPlan(Operation *op, StringRef part = {}) {
  FailureOr<LinearPlan> plan = linearPlan(op, part);
  if (failed(plan))
    return failure();
  if (plan->arithmetic == Arithmetic::F32 ||
      plan->arithmetic == Arithmetic::BF16Tile)
    return success();
  return op->emitOpError("plan has arithmetic '")
         << arithmeticName(plan->arithmetic)
         << "', expected f32 or bf16_tile in a training function";
}

LogicalResult TrainProgram::needWeightGradientScratch(Operation *op) {
  FailureOr<WeightGradientPlan> plan = weightGradientPlan(op);
  if (failed(plan))
    return failure();
  usesTiles |= isTile(plan->arithmetic);
  workspace.needScratch(weightGradientScratch(*plan), 0);
  return success();
}

AttentionShape TrainProgram::gradientShape(enc::AttentionGradientOp op) const {
  AttentionShape shape =
      attentionShape(op.getScale().convertToDouble(), (*buffers)[op.getQkv()],
                     (*buffers)[op.getOutput()]);
  shape.gradientStride = (*buffers)[op.getResult()].stride;
  return shape;
}

LogicalResult TrainProgram::prepare(Operation *op) {
  if (op == frozen.last && failed(verifyPlain(op, (*buffers)[frozen.rows])))
    return failure();
  if (isa<enc::LayersBackwardOp, enc::LinearInputGradientOp,
          enc::LinearWeightGradientOp, enc::FusedQKVInputGradientOp,
          enc::FusedQKVWeightGradientOp, enc::FusedActivationGradientOp,
          enc::AttentionGradientOp, enc::LayerNormGradientOp,
          enc::FusedEmbedNormGradientOp, enc::EmbedGradientOp,
          enc::ActivationGradientOp, enc::PoolGradientOp,
          enc::NormalizeGradientOp>(op))
    return prepareGradient(op);
  return prepareForward(op);
}

LogicalResult TrainProgram::prepareForward(Operation *op) {
  if (isa<enc::CrossEntropyOp, enc::MseOp, enc::BinaryCrossEntropyOp,
          enc::SpanLossOp, enc::CrossEntropyGradientOp, enc::MseGradientOp,
          enc::BinaryCrossEntropyGradientOp, enc::SpanLossGradientOp>(op))
    return success();
  if (isa<enc::LinearOp, enc::FusedQKVOp, enc::FusedLinearAddNormOp>(op) &&
      failed(verifyForwardPlan(op)))
    return failure();
  if (isa<enc::FusedFeedForwardOp>(op) &&
      (failed(verifyForwardPlan(op, "up")) ||
       failed(verifyForwardPlan(op, "down"))))
    return failure();
  if (auto dropout = dyn_cast<enc::DropoutOp>(op))
    return verifyPlain(op, (*buffers)[dropout.getInput()]);
  if (auto layers = dyn_cast<enc::LayersOp>(op))
    if (!layers.getCollect().empty())
      return op->emitOpError("collects states, which training has no use for");
  return Program::prepare(op);
}

LogicalResult TrainProgram::prepareGradient(Operation *op) {
  const BufferAssignment &b = *buffers;
  auto needMoments = [&] {
    if (momentsSlot < 0)
      momentsSlot = workspace.reserve(Extent::PerToken, momentWords);
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<enc::LinearInputGradientOp, enc::FusedQKVInputGradientOp,
            enc::FusedActivationGradientOp>(
          [&](auto) { return needInputGradientScratch(op); })
      .Case<enc::LinearWeightGradientOp, enc::FusedQKVWeightGradientOp>(
          [&](auto o) {
            return o.getInput() ? needWeightGradientScratch(op) : success();
          })
      .Case([&](enc::AttentionGradientOp o) -> LogicalResult {
        FailureOr<AttentionGradientPlan> plan = attentionGradientPlan(op);
        if (failed(plan))
          return failure();
        AttentionShape shape = gradientShape(o);
        workspace.needScratch(gradientScratchFixed(shape, *plan),
                              gradientScratchPerKey(shape, *plan));
        return success();
      })
      .Case([&](enc::LayerNormGradientOp o) -> LogicalResult {
        if (b[o.getInput()].extent != Extent::PerToken)
          return op->emitOpError("has no kernel for rows of sequences");
        needMoments();
        return verifyPlain(op, b[o.getInput()]);
      })
      .Case([&](enc::FusedEmbedNormGradientOp o) {
        needMoments();
        int64_t stride = b[o.getGradient()].stride;
        sumsSlot = workspace.reserve(Extent::PerToken, stride);
        inputSlot = workspace.reserve(Extent::PerToken, stride);
        return success();
      })
      .Case([&](enc::LayersBackwardOp o) {
        Value next = o.getBody().front().getTerminator()->getOperand(0);
        return success(succeeded(verifyPlain(op, b[o.getInit()])) &&
                       succeeded(verifyPlain(op, b[next])));
      })
      .Case([&](enc::PoolGradientOp o) {
        return verifyPlain(op, b[o.getResult()]);
      })
      .Default([](Operation *) { return success(); });
}

//===----------------------------------------------------------------------===//
// Second walk
//===----------------------------------------------------------------------===//

void TrainProgram::emit(KernelBuilder &k, TrainFrame &trainFrame,
                        PhaseTable &table) {
  frame = &trainFrame;
  Program::emit(k, trainFrame, table);
  frame = nullptr;
}

/// The thread's rows of the frozen output, from the caller's memory.
void TrainProgram::readFrozen(Value rows) {
  KernelBuilder &k = e->k;
  const Buffer &out = (*buffers)[frozen.rows];
  int64_t stride = roundUp(out.columns.real(), lanes);
  describe("read_frozen");
  e->phases.run({}, {{out.slot, rowSplit(out)}}, [&] {
    Value first = begin(out);
    callCopy(k, {out.columns.real(), stride}, out.rows(),
             k.at({rows, k.index(0)}, k.mul(first, stride)),
             k.at(place(frozen.rows), k.mul(first, out.stride)),
             k.sub(end(out), first));
  });
}

void TrainProgram::emitBlock(Block &block) {
  if (!frozen.last || &block != frozen.last->getBlock())
    return Program::emitBlock(block);
  auto end = std::next(frozen.last->getIterator());
  // Both ways leave no phase open, so what follows is right for either.
  frame->withFrozen(
      [&](Value rows) {
        readFrozen(rows);
        e->phases.join();
      },
      [&] {
        for (Operation &op : llvm::make_range(block.begin(), end))
          emitOp(&op);
        e->phases.join();
      });
  for (Operation &op : llvm::make_range(end, block.end()))
    emitOp(&op);
}

void TrainProgram::emitOp(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](enc::FusedLinearAddNormOp o) { emitLinearAddNorm(o); })
      .Case([&](enc::FusedFeedForwardOp o) { emitFeedForward(o); })
      .Case([&](enc::DropoutOp o) { emitDropout(o); })
      .Case([&](enc::LayersBackwardOp o) { emitLayersBackward(o); })
      .Case([&](enc::LinearInputGradientOp o) { emitLinearInput(o); })
      .Case([&](enc::LinearWeightGradientOp o) { emitLinearWeight(o); })
      .Case([&](enc::FusedQKVInputGradientOp o) { emitQKVInput(o); })
      .Case([&](enc::FusedQKVWeightGradientOp o) { emitQKVWeight(o); })
      .Case([&](enc::FusedActivationGradientOp o) { emitFusedActivation(o); })
      .Case([&](enc::AttentionGradientOp o) { emitAttentionGradient(o); })
      .Case([&](enc::LayerNormGradientOp o) { emitLayerNormGradient(o); })
      .Case([&](enc::FusedEmbedNormGradientOp o) { emitEmbedNormGradient(o); })
      .Case([&](enc::EmbedGradientOp o) { emitEmbedGradient(o); })
      .Case([&](enc::ActivationGradientOp o) { emitActivationGradient(o); })
      .Case([&](enc::PoolGradientOp o) { emitPoolGradient(o); })
      .Case([&](enc::NormalizeGradientOp o) { emitNormalizeGradient(o); })
      .Case<enc::CrossEntropyGradientOp, enc::MseGradientOp,
            enc::BinaryCrossEntropyGradientOp, enc::SpanLossGradientOp>(
          [&](Operation *o) { emitLoss(o); })
      // The kernel of its gradient computes it, too.
      .Case<enc::CrossEntropyOp, enc::MseOp, enc::BinaryCrossEntropyOp,
            enc::SpanLossOp>([](Operation *) {})
      .Case([&](enc::FusedQKVOp o) {
        narrowWeights(qkvWeights(o));
        Program::emitOp(o);
      })
      .Case([&](enc::LinearOp o) {
        narrowWeights(linearWeights(*linearPlan(o), (*buffers)[o.getInput()],
                                    (*buffers)[o.getResult()],
                                    o.getWeightAttr(), o.getBiasAttr()));
        Program::emitOp(o);
      })
      .Default([&](Operation *o) { Program::emitOp(o); });
}

/// All threads narrow, and meet before they multiply.
void TrainProgram::narrowWeights(const LinearWeights &indices) {
  if (!indices.narrowed)
    return;
  KernelBuilder &k = e->k;
  const PackedWeight &packed = weights.layout().weights[indices.weight];
  describe("narrow_weights");
  e->next.weightBytes = packed.bytes();
  e->phases.run({}, {{*indices.narrowed, Split::Columns}}, [&] {
    auto [begin, end] =
        ownVectors(packed.columns.padded() * int64_t(packed.sources.size()));
    callNarrowPanels(k, packed.depth.padded(), weight(indices.weight),
                     slotOf(*indices.narrowed).place, begin, end);
  });
  e->phases.join();
}

/// The loss has a place of its own; outputs are numbered without it.
void TrainProgram::emitReturn(Operation *op) {
  int64_t number = 0;
  for (Value value : op->getOperands())
    if (!isa<enc::ScalarType>(value.getType()))
      writeOutput(number++, value);
}

void TrainProgram::emitLayersBackward(enc::LayersBackwardOp op) {
  KernelBuilder &k = e->k;
  Block &body = op.getBody().front();
  Value carried = body.getArgument(0);
  if ((*buffers)[op.getInit()].slot != (*buffers)[carried].slot)
    copyRows(op.getInit(), carried);
  e->phases.join();
  int64_t trips = op.getEndTrip() - op.getFirstTrip();
  k.forLoop(k.index(0), k.index(trips), 1, [&](Value trip) {
    e->layer = k.sub(k.index(op.getEndTrip() - 1), trip);
    emitBlock(body);
    if (buffers->needsCopy(op))
      copyRows(body.getTerminator()->getOperand(0), carried);
    e->phases.join();
  });
  e->layer = {};
}

//===----------------------------------------------------------------------===//
// Forward ops that leave the input of their norm or activation
//===----------------------------------------------------------------------===//

Program::SlotPlace TrainProgram::slotOf(Value value) {
  return {(*buffers)[value].slot, place(value)};
}
Program::SlotPlace TrainProgram::slotOf(int64_t slot) {
  return {slot, workspace.slot(e->k, e->frame, slot)};
}

DropoutOperands TrainProgram::dropout(IntegerAttr site, FloatAttr rate) {
  return makeDropout(e->k, frame->seed, frame->step, site.getInt(), e->layer,
                     rate.getValueAsDouble());
}

void TrainProgram::emitDropout(enc::DropoutOp op) {
  const Buffer &out = (*buffers)[op.getResult()];
  describe("dropout");
  rowsPhase({op.getInput()}, op.getResult(),
            [&](ArrayRef<Place> in, Place y, Value rows) {
              callDropout(e->k, out.rows(),
                          dropout(op.getSiteAttr(), op.getRateAttr()), in[0],
                          {}, y, begin(out), rows);
            });
}

void TrainProgram::emitLinearAddNorm(enc::FusedLinearAddNormOp op) {
  narrowWeights(linearWeights(*linearPlan(op), (*buffers)[op.getInput()],
                              (*buffers)[op.getResult()], op.getWeightAttr(),
                              op.getBiasAttr()));
  if (!op.getSum() && !op.getRandom())
    return Program::emitLinearAddNorm(op);
  Value sum = op.getSum() ? op.getSum() : op.getResult();
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  LinearShape shape = linearShape(x, y, true);
  shape.residual = !op.getRandom();
  shape.residualStride = (*buffers)[op.getResidual()].stride;
  LinearPlan plan = *linearPlan(op);
  LinearWeights w =
      linearWeights(plan, x, y, op.getWeightAttr(), op.getBiasAttr());
  describeLinear(op.getWeightAttr(), x, y, w);
  linearPhase(shape, plan, op.getInput(), sum,
              shape.residual ? op.getResidual() : Value(), w);
  if (op.getRandom()) {
    describe("dropout_add");
    rowsPhase({sum, op.getResidual()}, sum,
              [&](ArrayRef<Place> in, Place out, Value rows) {
                callDropout(e->k, y.rows(),
                            dropout(op.getSiteAttr(), op.getRateAttr()), in[0],
                            in[1], out, e->tokenBegin, rows);
              });
  }
  int64_t gain = vector({op.getGainAttr().getAttr()}, y.columns);
  int64_t bias = vector({op.getNormBiasAttr().getAttr()}, y.columns);
  describe("add_norm");
  rowsPhase({sum}, op.getResult(),
            [&](ArrayRef<Place> in, Place out, Value rows) {
              callLayerNorm(e->k, y.rows(), op.getEpsilon().convertToDouble(),
                            in[0], out, weight(gain), weight(bias), rows);
            });
}

/// Blocks of rows as in Program; the activation passes from `up` to scratch.
void TrainProgram::emitFeedForward(enc::FusedFeedForwardOp op) {
  const FeedForward f = feedForward(op);
  narrowWeights(f.upWeights);
  narrowWeights(f.downWeights);
  if (!op.getSum() && !op.getUpResult() && !op.getRandom())
    return Program::emitFeedForward(op);
  KernelBuilder &k = e->k;
  Value x = op.getInput(), y = op.getResult();
  Value sum = op.getSum() ? op.getSum() : y;
  const Buffer &in = (*buffers)[x], &out = (*buffers)[y];
  ActivationFunction activation = activationOf(op.getActivation());

  SmallVector<Access> writes = {{out.slot, Split::Rows}};
  for (Value extra : {op.getSum(), op.getUpResult()})
    if (extra)
      writes.push_back({(*buffers)[extra].slot, Split::Rows});
  describeLinear(op.getUpAttr(), in, f.middle, f.upWeights);
  e->phases.run({{in.slot, Split::Rows}}, writes, [&] {
    Place scratch = workspace.scratch(k, e->frame);
    Value count = k.sub(e->tokenEnd, e->tokenBegin);
    forBalancedRows(
        k, count, f.downPlan.rowBlock, [&](Value first, Value rows) {
          Value row = k.add(e->tokenBegin, first);
          auto rowsOf = [&](Value value) {
            return k.at(place(value), k.mul(row, (*buffers)[value].stride));
          };
          describeLinear(op.getUpAttr(), in, f.middle, f.upWeights);
          beginPhase();
          LinearOperands o;
          o.x = rowsOf(x);
          o.y = op.getUpResult() ? rowsOf(op.getUpResult()) : scratch;
          o.scratch = k.at(scratch, f.middle.words(f.downPlan.rowBlock));
          o.rows = rows;
          o.panelBegin = k.index(0);
          o.panelEnd = k.index(f.up.columns / lanes);
          setWeights(o, f.upWeights);
          callLinear(k, f.up, f.upPlan, o);
          if (op.getUpResult())
            callActivation(k, activation, {o.y, f.middle.rows()},
                           {scratch, f.middle.rows()}, rows);
          describeLinear(op.getDownAttr(), f.middle, out, f.downWeights);
          beginPhase();
          Place residual = o.x;
          o.residual = residual;
          o.x = scratch;
          o.y = rowsOf(sum);
          o.panelEnd = k.index(f.down.columns / lanes);
          setWeights(o, f.downWeights);
          callLinear(k, f.down, f.downPlan, o);
          describe("add_norm");
          beginPhase();
          if (op.getRandom())
            callDropout(k, out.rows(),
                        dropout(op.getSiteAttr(), op.getRateAttr()), o.y,
                        residual, o.y, row, rows);
          callLayerNorm(k, out.rows(), op.getEpsilon().convertToDouble(), o.y,
                        rowsOf(y), weight(f.gain), weight(f.normBias), rows);
        });
  });
}

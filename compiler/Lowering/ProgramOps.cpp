//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The lowering of each op: what it needs (first walk) and its phases (second).
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Attention.h"
#include "compiler/Kernels/CPU/Rows.h"
#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Lowering/Attentions.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/PlanAttributes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

LinearShape bertc::linearShape(const Buffer &x, const Buffer &y, bool bias) {
  LinearShape shape;
  shape.depth = x.columns.padded();
  shape.columns = y.columns.padded();
  shape.inputStride = x.stride;
  shape.outputStride = y.stride;
  shape.stagedInput = x.staged;
  shape.stagedOutput = y.staged;
  shape.bias = bias;
  return shape;
}

AttentionShape bertc::attentionShape(double scale, const Buffer &in,
                                     const Buffer &out) {
  AttentionShape shape;
  shape.headSize = in.columns.size;
  shape.headStride = in.columns.stride;
  shape.rowStride = in.stride;
  shape.outputStride = out.stride;
  shape.bf16 = in.staged;
  shape.bf16Output = out.staged;
  shape.scale = scale;
  return shape;
}

ActivationFunction bertc::activationOf(enc::ActivationKind kind) {
  switch (kind) {
  case enc::ActivationKind::Gelu:
    return ActivationFunction::Gelu;
  case enc::ActivationKind::GeluTanh:
    return ActivationFunction::GeluTanh;
  case enc::ActivationKind::Relu:
    return ActivationFunction::Relu;
  case enc::ActivationKind::Silu:
    return ActivationFunction::Silu;
  case enc::ActivationKind::Tanh:
    return ActivationFunction::Tanh;
  }
  llvm_unreachable("all activations listed");
}

ActivationFunction bertc::activationOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, ActivationFunction>(op)
      .Case([](enc::GeluOp) { return ActivationFunction::Gelu; })
      .Case([](enc::GeluTanhOp) { return ActivationFunction::GeluTanh; })
      .Case([](enc::ReluOp) { return ActivationFunction::Relu; })
      .Case([](enc::SiluOp) { return ActivationFunction::Silu; })
      .Case([](enc::TanhOp) { return ActivationFunction::Tanh; })
      .Default([](Operation *) { return ActivationFunction::None; });
}

Pooling bertc::poolingOf(enc::PoolMode mode) {
  switch (mode) {
  case enc::PoolMode::Cls:
    return Pooling::Cls;
  case enc::PoolMode::Mean:
    return Pooling::Mean;
  case enc::PoolMode::Max:
    return Pooling::Max;
  case enc::PoolMode::MeanSqrtLen:
    return Pooling::MeanSqrtLen;
  }
  llvm_unreachable("all modes listed");
}

//===----------------------------------------------------------------------===//
// First walk: weights, scratch, checks
//===----------------------------------------------------------------------===//

LogicalResult bertc::verifyPlain(Operation *op, const Buffer &buffer) {
  if (buffer.isPlain())
    return success();
  return op->emitOpError("has no lowering on the result of attention with a "
                         "head size of ")
         << buffer.columns.size << ", which is padded to "
         << buffer.columns.stride << " columns; apply enc.linear first";
}

LogicalResult Program::needLinearScratch(Operation *op, const Buffer &x,
                                         const Buffer &y) {
  FailureOr<LinearPlan> plan = linearPlan(op);
  if (failed(plan))
    return failure();
  // Behind the rows of the last slot there must be some memory to read.
  int64_t behind = x.staged ? 2 * tileLines * x.stride : 0;
  int64_t words = linearScratch(linearShape(x, y, true), *plan);
  workspace.needScratch(std::max(words, behind), 0);
  return success();
}

LogicalResult Program::prepare(Operation *op) {
  const BufferAssignment &b = *buffers;
  auto attr = [](FlatSymbolRefAttr symbol) { return symbol.getAttr(); };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](enc::FusedEmbedNormOp o) {
        Grouping columns = b[o.getResult()].columns;
        table(attr(o.getWordTableAttr()));
        table(attr(o.getTypeTableAttr()));
        table(attr(o.getPositionTableAttr()));
        vector({attr(o.getGainAttr())}, columns);
        vector({attr(o.getBiasAttr())}, columns);
        return success();
      })
      .Case([&](enc::EmbedOp o) {
        table(attr(o.getTableAttr()));
        return success();
      })
      .Case([&](enc::FusedQKVOp o) {
        if (failed(needLinearScratch(op, b[o.getInput()], b[o.getResult()])))
          return failure();
        qkvWeights(o);
        return success();
      })
      .Case([&](enc::FusedAttentionOp o) -> LogicalResult {
        FailureOr<AttentionPlan> plan = attentionPlan(op);
        if (failed(plan))
          return failure();
        AttentionShape shape = attentionShape(o.getScale().convertToDouble(),
                                              b[o.getQkv()], b[o.getResult()]);
        workspace.needScratch(scratchFixed(shape, *plan),
                              scratchPerKey(shape, *plan));
        usesTiles |= isTile(plan->arithmetic);
        return success();
      })
      .Case([&](enc::LinearOp o) {
        if (failed(needLinearScratch(op, b[o.getInput()], b[o.getResult()])))
          return failure();
        linearWeights(*linearPlan(op), b[o.getInput()], b[o.getResult()],
                      o.getWeightAttr(), o.getBiasAttr());
        return success();
      })
      .Case([&](enc::FusedLinearAddNormOp o) {
        const Buffer &out = b[o.getResult()];
        if (failed(needLinearScratch(op, b[o.getInput()], b[o.getResult()])))
          return failure();
        linearWeights(*linearPlan(op), b[o.getInput()], out, o.getWeightAttr(),
                      o.getBiasAttr());
        vector({attr(o.getGainAttr())}, out.columns);
        vector({attr(o.getNormBiasAttr())}, out.columns);
        return success();
      })
      .Case([&](enc::FusedFeedForwardOp o) { return prepareFeedForward(o); })
      .Case([&](enc::LayerNormOp o) {
        Grouping columns = b[o.getResult()].columns;
        vector({attr(o.getGainAttr())}, columns);
        vector({attr(o.getBiasAttr())}, columns);
        return verifyPlain(op, b[o.getInput()]);
      })
      .Case([&](enc::PoolOp o) { return verifyPlain(op, b[o.getInput()]); })
      .Case([&](enc::LayersOp o) {
        // The carried value has one layout, that of every layer's result.
        Value next = o.getBody().front().getTerminator()->getOperand(0);
        return success(succeeded(verifyPlain(op, b[o.getInit()])) &&
                       succeeded(verifyPlain(op, b[next])));
      })
      .Case<enc::YieldOp, enc::EntryOp, enc::NormalizeOp, enc::AddOp,
            enc::GeluOp, enc::GeluTanhOp, enc::ReluOp, enc::SiluOp, enc::TanhOp,
            func::ReturnOp>([](Operation *) { return success(); })
      .Default([](Operation *o) {
        return o->emitOpError("has no kernel; run the fusion passes first");
      });
}

/// The intermediate as its consumer sees it; with what is before the activation
/// in another type, if that is saved so.
Buffer Program::intermediate(enc::FusedFeedForwardOp op) const {
  auto up =
      SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(op, op.getUpAttr());
  Buffer buffer;
  buffer.columns =
      plainColumns(cast<RankedTensorType>(up.getType()).getShape()[0]);
  int64_t columns = buffer.columns.padded();
  LinearPlan down = *linearPlan(op, "down");
  buffer.staged = op.getUpResult()
                      ? (*buffers)[op.getUpResult()].staged
                      : passesBF16(*linearPlan(op, "up"), down, columns);
  buffer.stride = buffer.staged ? stagedStride(down.arithmetic, columns)
                                : rowStride(columns);
  return buffer;
}

LogicalResult Program::prepareFeedForward(enc::FusedFeedForwardOp op) {
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  FailureOr<LinearPlan> up = linearPlan(op, "up"),
                        down = linearPlan(op, "down");
  if (failed(up) || failed(down))
    return failure();
  Buffer middle = intermediate(op);
  linearWeights(*up, x, middle, op.getUpAttr(), op.getUpBiasAttr());
  linearWeights(*down, middle, y, op.getDownAttr(), op.getDownBiasAttr());
  vector({op.getGainAttr().getAttr()}, y.columns);
  vector({op.getNormBiasAttr().getAttr()}, y.columns);
  int64_t inside = std::max(linearScratch(linearShape(x, middle, true), *up),
                            linearScratch(linearShape(middle, y, true), *down));
  if (splitBy == SplitBy::Rows) {
    workspace.needScratch(middle.words(down->rowBlock) + inside, 0);
  } else {
    workspace.needScratch(inside, 0);
    int64_t slot = workspace.acquire(Extent::Fixed, middle.words(mostTokens));
    intermediates[op] = slot;
    workspace.release(slot);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Second walk: embeddings, linear layers, norms
//===----------------------------------------------------------------------===//

void Program::emitEmbedNorm(enc::FusedEmbedNormOp op) {
  const Buffer &out = (*buffers)[op.getResult()];
  describe("embed_norm");
  e->phases.run({}, {{out.slot, Split::Rows}}, [&] {
    EmbeddingOperands o;
    o.ids = ids(op.getIds());
    o.types = ids(op.getTypes());
    o.positions = ids(op.getPositions());
    o.word = weight(table(op.getWordTableAttr().getAttr()));
    o.type = weight(table(op.getTypeTableAttr().getAttr()));
    o.position = weight(table(op.getPositionTableAttr().getAttr()));
    o.gain = weight(vector({op.getGainAttr().getAttr()}, out.columns));
    o.bias = weight(vector({op.getBiasAttr().getAttr()}, out.columns));
    o.y = place(op.getResult());
    o.begin = e->tokenBegin;
    o.end = e->tokenEnd;
    callEmbedNorm(e->k, out.rows(), op.getEpsilon().convertToDouble(), o);
  });
}

void Program::emitEmbed(enc::EmbedOp op) {
  const Buffer &out = (*buffers)[op.getResult()];
  describe("embed");
  e->phases.run({}, {{out.slot, Split::Rows}}, [&] {
    callEmbed(e->k, out.rows(), ids(op.getIds()),
              weight(table(op.getTableAttr().getAttr())), place(op.getResult()),
              e->tokenBegin, e->tokenEnd);
  });
}

void Program::emitLinear(enc::LinearOp op) {
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  LinearShape shape = linearShape(x, y, op.getBias().has_value());
  LinearPlan plan = *linearPlan(op);
  LinearWeights w =
      linearWeights(plan, x, y, op.getWeightAttr(), op.getBiasAttr());
  describeLinear(op.getWeightAttr(), x, y, w);
  linearPhase(shape, plan, op.getInput(), op.getResult(), {}, w);
}

void Program::emitLinearAddNorm(enc::FusedLinearAddNormOp op) {
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  LinearShape shape = linearShape(x, y, true);
  shape.residual = true;
  shape.residualStride = (*buffers)[op.getResidual()].stride;
  LinearPlan plan = *linearPlan(op);
  LinearWeights w =
      linearWeights(plan, x, y, op.getWeightAttr(), op.getBiasAttr());
  describeLinear(op.getWeightAttr(), x, y, w);
  linearPhase(shape, plan, op.getInput(), op.getResult(), op.getResidual(), w);
  describe("add_norm");
  normPhase(op.getResult(), op.getEpsilon().convertToDouble(),
            vector({op.getGainAttr().getAttr()}, y.columns),
            vector({op.getNormBiasAttr().getAttr()}, y.columns));
}

void Program::emitLayerNorm(enc::LayerNormOp op) {
  const Buffer &out = (*buffers)[op.getResult()];
  describe("layer_norm");
  rowsPhase({op.getInput()}, op.getResult(),
            [&](ArrayRef<Place> in, Place y, Value rows) {
              callLayerNorm(
                  e->k, out.rows(), op.getEpsilon().convertToDouble(), in[0], y,
                  weight(vector({op.getGainAttr().getAttr()}, out.columns)),
                  weight(vector({op.getBiasAttr().getAttr()}, out.columns)),
                  rows);
            });
}

Program::FeedForward Program::feedForward(enc::FusedFeedForwardOp op) {
  const Buffer &in = (*buffers)[op.getInput()],
               &out = (*buffers)[op.getResult()];
  FeedForward f;
  f.middle = intermediate(op);
  f.upPlan = *linearPlan(op, "up");
  f.downPlan = *linearPlan(op, "down");
  f.up = linearShape(in, f.middle, true);
  if (!op.getUpResult())
    f.up.activation = activationOf(op.getActivation());
  f.down = linearShape(f.middle, out, true);
  f.down.residual = !op.getRandom();
  f.down.residualStride = in.stride;
  f.upWeights =
      linearWeights(f.upPlan, in, f.middle, op.getUpAttr(), op.getUpBiasAttr());
  f.downWeights = linearWeights(f.downPlan, f.middle, out, op.getDownAttr(),
                                op.getDownBiasAttr());
  f.gain = vector({op.getGainAttr().getAttr()}, out.columns);
  f.normBias = vector({op.getNormBiasAttr().getAttr()}, out.columns);
  return f;
}

/// Split by rows, blocks of rows pass through both layers and the norm while
/// the intermediate stays in the thread's scratch; split by panels, it is
/// shared.
void Program::emitFeedForward(enc::FusedFeedForwardOp op) {
  KernelBuilder &k = e->k;
  Value x = op.getInput(), y = op.getResult();
  const Buffer &in = (*buffers)[x], &out = (*buffers)[y];
  const FeedForward f = feedForward(op);
  double epsilon = op.getEpsilon().convertToDouble();

  describeLinear(op.getUpAttr(), in, f.middle, f.upWeights);
  if (splitBy == SplitBy::Rows) {
    rowsPhase({x}, y, [&](ArrayRef<Place> from, Place to, Value rows) {
      Place scratch = workspace.scratch(k, e->frame);
      forBalancedRows(
          k, rows, f.downPlan.rowBlock, [&](Value first, Value count) {
            Place blockIn = k.at(from[0], k.mul(first, in.stride));
            Place blockOut = k.at(to, k.mul(first, out.stride));
            describeLinear(op.getUpAttr(), in, f.middle, f.upWeights);
            beginPhase();
            LinearOperands o;
            o.x = blockIn;
            o.y = scratch;
            o.scratch = k.at(scratch, f.middle.words(f.downPlan.rowBlock));
            o.rows = count;
            o.panelBegin = k.index(0);
            o.panelEnd = k.index(f.up.columns / lanes);
            setWeights(o, f.upWeights);
            callLinear(k, f.up, f.upPlan, o);
            describeLinear(op.getDownAttr(), f.middle, out, f.downWeights);
            beginPhase();
            o.x = scratch;
            o.y = blockOut;
            o.residual = blockIn;
            o.panelEnd = k.index(f.down.columns / lanes);
            setWeights(o, f.downWeights);
            callLinear(k, f.down, f.downPlan, o);
            describe("add_norm");
            beginPhase();
            callLayerNorm(k, out.rows(), epsilon, blockOut, blockOut,
                          weight(f.gain), weight(f.normBias), count);
          });
    });
    return;
  }
  int64_t slot = intermediates.lookup(op);
  panelsPhase(f.up, f.upPlan, {in.slot, place(x)},
              {slot, workspace.slot(k, e->frame, slot)}, std::nullopt,
              e->frame.tokens, f.upWeights);
  describeLinear(op.getDownAttr(), f.middle, out, f.downWeights);
  panelsPhase(f.down, f.downPlan, {slot, workspace.slot(k, e->frame, slot)},
              {out.slot, place(y)}, SlotPlace{in.slot, place(x)},
              e->frame.tokens, f.downWeights);
  describe("add_norm");
  normPhase(y, epsilon, f.gain, f.normBias);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

Program::LinearWeights Program::qkvWeights(enc::FusedQKVOp op) {
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  Grouping columns = headColumns(y.columns.count / 3, y.columns.size);
  LinearWeights indices =
      panels({op.getQueryAttr().getAttr(), op.getKeyAttr().getAttr(),
              op.getValueAttr().getAttr()},
             linearPlan(op)->arithmetic, columns, x.columns);
  indices.bias =
      vector({op.getQueryBiasAttr().getAttr(), op.getKeyBiasAttr().getAttr(),
              op.getValueBiasAttr().getAttr()},
             columns);
  return indices;
}

void Program::emitQKV(enc::FusedQKVOp op) {
  KernelBuilder &k = e->k;
  const Buffer &x = (*buffers)[op.getInput()], &y = (*buffers)[op.getResult()];
  LinearShape shape = linearShape(x, y, true);
  LinearPlan plan = *linearPlan(op);
  LinearWeights w = qkvWeights(op);
  describeLinear(op.getQueryAttr(), x, y, w);
  e->next.name = "query_key_value";
  if (splitBy == SplitBy::Rows) {
    linearPhase(shape, plan, op.getInput(), op.getResult(), {}, w);
    return;
  }
  // A thread computes query, key and value of its heads, and goes on to their
  // attention without a barrier.
  int64_t heads = y.columns.count / 3, perHead = y.columns.stride / lanes;
  e->phases.run({{x.slot, Split::Whole}}, {{y.slot, Split::Heads}}, [&] {
    auto [begin, end] = k.share(k.index(heads), e->frame.tid, e->frame.threads);
    LinearOperands o;
    o.x = place(op.getInput());
    o.y = place(op.getResult());
    o.rows = e->frame.tokens;
    o.panelBegin = k.mul(begin, perHead);
    o.panelEnd = k.mul(end, perHead);
    setWeights(o, w);
    shape.parts = 3;
    shape.partStride = heads * perHead;
    callLinear(k, shape, plan, o);
  });
}

using Values = SmallVector<Value>;

/// Runs `body(sequence, firstToken, length, carried)`, which returns what it
/// carries on.
static Values
forSequences(KernelBuilder &k, CallFrame &frame, ValueRange start,
             llvm::function_ref<Values(Value, Value, Value, ValueRange)> body) {
  return k.forLoop(k.index(0), frame.sequences, 1, start,
                   [&](Value s, ValueRange carried) {
                     Value first = k.loadIndex(frame.offsets, s);
                     Value end = k.loadIndex(frame.offsets, k.add(s, 1));
                     return body(s, first, k.sub(end, first), carried);
                   });
}

void bertc::forOwnHeads(KernelBuilder &k, CallFrame &frame, int64_t heads,
                        int64_t unit,
                        llvm::function_ref<void(const HeadRows &)> body) {
  auto square = [&](Value length) { return k.mul(length, length); };
  auto limit = [&](Value x, Value low, Value high) {
    return k.sub(k.min(k.max(x, low), high), low);
  };
  // A row costs as much as its sequence is long; no sequence is empty.
  Value work =
      forSequences(k, frame, k.index(0),
                   [&](Value, Value, Value length, ValueRange sum) -> Values {
                     return {k.add(sum[0], square(length))};
                   })[0];
  auto [ownBegin, ownEnd] =
      k.share(k.mul(work, heads), frame.tid, frame.threads);
  auto visit = [&, ownBegin = ownBegin,
                ownEnd = ownEnd](Value sequence, Value first, Value length,
                                 ValueRange before) -> Values {
    Value after = k.add(before[0], k.mul(square(length), heads));
    auto rowOf = [&](Value position) {
      Value row = k.div(limit(position, before[0], after), length);
      Value head = k.mul(k.div(row, length), length);
      return k.add(head, k.mul(k.div(k.sub(row, head), unit), unit));
    };
    Value begin = rowOf(ownBegin), end = rowOf(ownEnd);
    k.forLoop(k.div(begin, length), k.ceilDiv(end, length), 1, [&](Value head) {
      Value low = k.mul(head, length), high = k.add(low, length);
      body({sequence, head, first, length, limit(begin, low, high),
            limit(end, low, high)});
    });
    return {after};
  };
  forSequences(k, frame, k.index(0), visit);
}

void Program::emitAttention(enc::FusedAttentionOp op) {
  KernelBuilder &k = e->k;
  const Buffer &in = (*buffers)[op.getQkv()], &out = (*buffers)[op.getResult()];
  AttentionShape shape =
      attentionShape(op.getScale().convertToDouble(), in, out);
  AttentionPlan plan = *attentionPlan(op);
  shape.dropout = bool(op.getRandom());
  describeAttention(in, out);
  int64_t heads = out.columns.count;
  Place qkv = place(op.getQkv()), context = place(op.getResult());
  Place scratch = workspace.scratch(k, e->frame), logSumExp;
  AttentionsOutputs outputs = attentionsOutputs(op);

  auto attend = [&](const HeadRows &at) {
    Place row = k.at(qkv, k.mul(at.first, in.stride));
    int64_t headWords = in.columns.stride / (in.staged ? 2 : 1);
    AttentionOperands o;
    o.query = k.at(row, k.mul(at.head, headWords));
    o.key = k.at(o.query, heads * headWords);
    o.value = k.at(o.query, 2 * heads * headWords);
    o.output = k.at(k.at(context, k.mul(at.first, out.stride)),
                    k.mul(at.head, out.columns.stride / (out.staged ? 2 : 1)));
    o.scratch = scratch;
    if (shape.logSumExp)
      o.logSumExp = k.at(
          k.at(logSumExp, k.mul(at.first, shape.logSumExpStride)), at.head);
    if (shape.dropout) {
      o.dropout = dropout(op.getSiteAttr(), op.getRateAttr());
      o.dropout.stream = addHead(k, o.dropout.stream, at.head);
      o.token = at.first;
    }
    o.length = at.length;
    o.begin = at.begin;
    o.end = at.end;
    e->frame.withAttentions(
        e->layer, outputs,
        [&](Value matrices) {
          AttentionShape handsOut = shape;
          handsOut.probabilities = true;
          Value side = o.probabilitiesStride = e->frame.pairLength;
          Value number = k.add(k.mul(at.sequence, heads), at.head);
          o.probabilities = {matrices, k.mul(number, k.mul(side, side))};
          callAttention(k, handsOut, plan, o);
        },
        [&] { callAttention(k, shape, plan, o); });
  };
  if (splitBy == SplitBy::Panels) {
    e->phases.run({{in.slot, Split::Heads}}, {{out.slot, Split::Heads}}, [&] {
      auto [begin, end] =
          k.share(k.index(heads), e->frame.tid, e->frame.threads);
      forSequences(
          k, e->frame, {},
          [&, begin = begin, end = end](Value sequence, Value first,
                                        Value length, ValueRange) -> Values {
            k.forLoop(begin, end, 1, [&](Value head) {
              attend({sequence, head, first, length, k.index(0), length});
            });
            return {};
          });
    });
    return;
  }
  SmallVector<Access> writes = {{out.slot, Split::Pairs}};
  if (Value value = op.getLogSumExp()) {
    const Buffer &sums = (*buffers)[value];
    logSumExp = place(value);
    shape.logSumExp = true;
    shape.logSumExpStride = sums.stride;
    writes.push_back({sums.slot, Split::Pairs});
  }
  e->phases.run({{in.slot, Split::Whole}}, writes,
                [&] { forOwnHeads(k, e->frame, heads, plan.rows, attend); });
}

//===----------------------------------------------------------------------===//
// Rows and sequences
//===----------------------------------------------------------------------===//

void Program::emitElementwise(Operation *op) {
  Value result = op->getResult(0);
  RowShape shape = (*buffers)[result].rows();
  SmallVector<Value> inputs(op->getOperands());
  describe(op->getName().stripDialect());
  rowsPhase(inputs, result, [&](ArrayRef<Place> in, Place y, Value rows) {
    if (isa<enc::AddOp>(op))
      callAdd(e->k, shape, in[0], in[1], y, rows);
    else
      callActivation(e->k, activationOf(op), {in[0], shape}, {y, shape}, rows);
  });
}

void Program::emitPool(enc::PoolOp op) {
  const Buffer &in = (*buffers)[op.getInput()],
               &out = (*buffers)[op.getResult()];
  describe("pool");
  e->phases.run({{in.slot, Split::Whole}}, {{out.slot, Split::Sequences}}, [&] {
    callPool(e->k, in.rows(), out.rows(), poolingOf(op.getMode()),
             e->frame.offsets, place(op.getInput()), place(op.getResult()),
             e->sequenceBegin, e->sequenceEnd);
  });
}

void Program::emitNormalize(enc::NormalizeOp op) {
  describe("normalize");
  rowsPhase({op.getInput()}, op.getResult(),
            [&](ArrayRef<Place> in, Place y, Value rows) {
              callNormalize(e->k, (*buffers)[op.getResult()].rows(), in[0], y,
                            rows);
            });
}

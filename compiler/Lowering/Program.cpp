//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two walks over the ops, and what several of them share. Split by rows, a
// thread owns a range of tokens from op to op and only attention needs the
// others' rows. Split by panels, a thread owns a share of each weight, so every
// weight is read once by one thread, and rows are shared after each op.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Rotate.h"
#include "compiler/Kernels/CPU/Rows.h"
#include "compiler/Kernels/CPU/TileKernel.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/PlanAttributes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

Program::Program(func::FuncOp forward, SplitBy splitBy, int64_t mostTokens,
                 WeightLayoutBuilder &weights)
    : forward(forward), splitBy(splitBy), mostTokens(mostTokens),
      weights(weights) {
  buffers = std::make_unique<BufferAssignment>(forward, workspace);
}

Program::~Program() = default;

//===----------------------------------------------------------------------===//
// First walk
//===----------------------------------------------------------------------===//

LogicalResult Program::assign() {
  return prepareBlock(forward.getBody().front());
}

LogicalResult Program::prepareBlock(Block &block) {
  bool valid = true;
  for (Operation &op : block) {
    valid &= succeeded(prepare(&op));
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        valid &= succeeded(prepareBlock(inner));
  }
  return success(valid);
}

//===----------------------------------------------------------------------===//
// Second walk
//===----------------------------------------------------------------------===//

void Program::emit(KernelBuilder &k, CallFrame &frame, PhaseTable &table) {
  Phases phases([&] { frame.barrier(); }, [&] { beginPhase(); });
  Emission emission{k, frame, std::move(phases), {}, {}, {}, {}, {}, {}};
  e = &emission;
  phaseTable = &table;
  std::tie(e->tokenBegin, e->tokenEnd) =
      k.share(frame.tokens, frame.tid, frame.threads);
  std::tie(e->sequenceBegin, e->sequenceEnd) =
      k.share(frame.sequences, frame.tid, frame.threads);
  if (usesTiles)
    emitTilesBegin(k);
  emitBlock(forward.getBody().front());
  if (usesTiles)
    emitTilesEnd(k);
  e = nullptr;
}

DropoutOperands Program::dropout(IntegerAttr, FloatAttr) {
  llvm_unreachable("a function of inference has nothing random");
}

void Program::emitBlock(Block &block) {
  for (Operation &op : block)
    emitOp(&op);
}

void Program::emitOp(Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](enc::LayersOp o) { emitLayers(o); })
      .Case([&](func::ReturnOp o) { emitReturn(o); })
      .Case([&](enc::FusedEmbedNormOp o) { emitEmbedNorm(o); })
      .Case([&](enc::EmbedOp o) { emitEmbed(o); })
      .Case([&](enc::FusedQKVOp o) { emitQKV(o); })
      .Case([&](enc::FusedAttentionOp o) { emitAttention(o); })
      .Case([&](enc::LinearOp o) { emitLinear(o); })
      .Case([&](enc::FusedLinearAddNormOp o) { emitLinearAddNorm(o); })
      .Case([&](enc::FusedFeedForwardOp o) { emitFeedForward(o); })
      .Case([&](enc::LayerNormOp o) { emitLayerNorm(o); })
      .Case([&](enc::PoolOp o) { emitPool(o); })
      .Case([&](enc::NormalizeOp o) { emitNormalize(o); })
      .Case<enc::AddOp, enc::GeluOp, enc::GeluTanhOp, enc::ReluOp, enc::SiluOp,
            enc::TanhOp>([&](Operation *o) { emitElementwise(o); })
      .Default([](Operation *) {}); // yield, entry
}

void bertc::forCollected(KernelBuilder &k, enc::LayersOp op, Value reached,
                         int64_t index, llvm::function_ref<void(Value)> copy) {
  for (auto [i, wanted] : llvm::enumerate(op.getCollect())) {
    Value result = op.getResult(i + 1);
    if (wanted != index)
      continue;
    if (reached)
      k.ifThen(k.equal(reached, k.index(index)), [&] { copy(result); });
    else
      copy(result);
  }
}

void Program::emitLayers(enc::LayersOp op) {
  KernelBuilder &k = e->k;
  auto collect = [&](Value reached, int64_t index) {
    forCollected(k, op, reached, index,
                 [&](Value result) { copyRows(op.getResult(0), result); });
  };

  int64_t first = op.getFirstTrip(), trips = op.getEndTrip();
  Block &body = op.getBody().front();
  Value carried = body.getArgument(0);
  // `init` is read again after the loop: the carried value has its own slot.
  if ((*buffers)[op.getInit()].slot != (*buffers)[carried].slot)
    copyRows(op.getInit(), carried);
  e->phases.join();
  auto yield = cast<enc::YieldOp>(body.getTerminator());
  k.forLoop(k.index(first), k.index(trips), 1, [&](Value layer) {
    e->layer = layer;
    for (int64_t i = first; i < trips; ++i)
      collect(layer, i);
    // Other values are saved where they are made.
    for (auto [value, stack] : llvm::zip(yield.getSaved(), op.getStacks()))
      if (value == carried)
        copyRows(carried, stack);
    emitBlock(body);
    if (buffers->needsCopy(op))
      copyRows(yield.getValue(), carried);
    e->phases.join();
  });
  e->layer = {};
  collect({}, trips);
}

void Program::copyRows(Value from, Value to) {
  describe("copy");
  rowsPhase({from}, to, [&](ArrayRef<Place> in, Place out, Value rows) {
    callCopy(e->k, (*buffers)[from].rows(), (*buffers)[to].rows(), in[0], out,
             rows);
  });
}

void Program::emitReturn(Operation *op) {
  for (auto [i, value] : llvm::enumerate(op->getOperands()))
    if (!isa<enc::ScoresType>(value.getType())) // attention writes them
      writeOutput(i, value);
}

void Program::writeOutput(int64_t number, Value value) {
  const Buffer &buffer = (*buffers)[value];
  KernelBuilder &k = e->k;
  describe("write_output");
  e->phases.run({{buffer.slot, rowSplit(buffer)}}, {}, [&] {
    e->frame.withOutput(number, [&](Value out) {
      Value map =
          buffer.extent == Extent::PerToken ? e->frame.outputRows : Value();
      callWriteOutput(k, buffer.rows(), place(value), out, map, begin(buffer),
                      end(buffer));
    });
  });
}

//===----------------------------------------------------------------------===//
// Shared phases
//===----------------------------------------------------------------------===//

Split Program::rowSplit(const Buffer &buffer) const {
  return buffer.extent == Extent::PerToken ? Split::Rows : Split::Sequences;
}
Value Program::begin(const Buffer &buffer) {
  return buffer.extent == Extent::PerToken ? e->tokenBegin : e->sequenceBegin;
}
Value Program::end(const Buffer &buffer) {
  return buffer.extent == Extent::PerToken ? e->tokenEnd : e->sequenceEnd;
}
/// The caller's array behind an id argument of the forward function.
Value Program::ids(Value argument) {
  switch (cast<BlockArgument>(argument).getArgNumber()) {
  case 0:
    return e->frame.inputIds;
  case 1:
    return e->frame.tokenTypeIds;
  default:
    return e->frame.positionIds;
  }
}
Place Program::place(Value value) {
  KernelBuilder &k = e->k;
  const Buffer &buffer = (*buffers)[value];
  Place slot = workspace.slot(k, e->frame, buffer.slot);
  if (!buffer.stacked)
    return slot;
  Value entry = k.sub(e->layer, k.index(buffer.firstTrip));
  return k.at(slot, k.mul(k.mul(entry, e->frame.tokens), buffer.stride));
}

/// Each thread computes its own rows of `output` from its rows of `inputs`.
void Program::rowsPhase(
    ArrayRef<Value> inputs, Value output,
    llvm::function_ref<void(ArrayRef<Place>, Place, Value)> body) {
  KernelBuilder &k = e->k;
  const Buffer &out = (*buffers)[output];
  SmallVector<Access> reads;
  for (Value input : inputs)
    reads.push_back({(*buffers)[input].slot, rowSplit(out)});
  e->phases.run(reads, {{out.slot, rowSplit(out)}}, [&] {
    Value first = begin(out);
    auto rowsOf = [&](Value value) {
      return k.at(place(value), k.mul(first, (*buffers)[value].stride));
    };
    SmallVector<Place> places;
    for (Value input : inputs)
      places.push_back(rowsOf(input));
    body(places, rowsOf(output), k.sub(end(out), first));
  });
}

void Program::normPhase(Value y, double epsilon, int64_t gain, int64_t bias) {
  rowsPhase({y}, y, [&](ArrayRef<Place>, Place rows, Value count) {
    callLayerNorm(e->k, (*buffers)[y].rows(), epsilon, rows, rows, weight(gain),
                  weight(bias), count);
  });
}

/// y = linear(x), by rows for batches of many tokens, else by column panels.
void Program::linearPhase(const LinearShape &shape, const LinearPlan &plan,
                          Value x, Value y, Value residual,
                          LinearWeights indices) {
  KernelBuilder &k = e->k;
  const Buffer &out = (*buffers)[y];
  if (splitBy == SplitBy::Panels || out.extent == Extent::PerSequence) {
    std::optional<SlotPlace> other;
    if (residual)
      other = SlotPlace{(*buffers)[residual].slot, place(residual)};
    panelsPhase(shape, plan, {(*buffers)[x].slot, place(x)},
                {out.slot, place(y)}, other,
                out.extent == Extent::PerToken ? e->frame.tokens
                                               : e->frame.sequences,
                indices);
    return;
  }
  SmallVector<Value> inputs = {x};
  if (residual)
    inputs.push_back(residual);
  rowsPhase(inputs, y, [&](ArrayRef<Place> in, Place rows, Value count) {
    LinearOperands o;
    o.x = in[0];
    o.y = rows;
    o.residual = residual ? in[1] : rows;
    setWeights(o, indices);
    o.rows = count;
    o.panelBegin = k.index(0);
    o.panelEnd = k.index(shape.columns / lanes);
    callLinear(k, shape, plan, o);
  });
}

/// Each thread computes its share of the columns, for all rows.
void Program::panelsPhase(const LinearShape &shape, const LinearPlan &plan,
                          SlotPlace x, SlotPlace y,
                          std::optional<SlotPlace> residual, Value rows,
                          LinearWeights indices) {
  KernelBuilder &k = e->k;
  SmallVector<Access> reads = {{x.slot, Split::Whole}};
  if (residual)
    reads.push_back({residual->slot, Split::Whole});
  e->phases.run(reads, {{y.slot, Split::Columns}}, [&] {
    LinearOperands o;
    o.x = x.place;
    o.y = y.place;
    o.residual = residual ? residual->place : y.place;
    setWeights(o, indices);
    o.rows = rows;
    std::tie(o.panelBegin, o.panelEnd) =
        k.share(k.index(shape.columns / lanes), e->frame.tid, e->frame.threads);
    callLinear(k, shape, plan, o);
  });
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

int64_t Program::layersOf(StringAttr symbol) {
  auto weight =
      SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(forward, symbol);
  return weight.getLayers().value_or(1);
}

static PackedWeight::Element elementOf(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::F32 ? PackedWeight::Element::F32
         : isInt8Weight(arithmetic)    ? PackedWeight::Element::Int8
         : isSplit(arithmetic)         ? PackedWeight::Element::BF16Split
                                       : PackedWeight::Element::BF16;
}

Program::LinearWeights Program::panels(ArrayRef<StringAttr> symbols,
                                       Arithmetic arithmetic, Grouping columns,
                                       Grouping depth) {
  PackedWeight packed;
  for (StringAttr symbol : symbols)
    packed.sources.push_back(symbol.str());
  packed.columns = columns;
  packed.depth = depth;
  packed.layers = layersOf(symbols.front());
  PackedWeight::Element packedElement = elementOf(arithmetic);
  usesTiles |= isTile(arithmetic);
  LinearWeights indices;
  if (packedElement == PackedWeight::Element::Int8) {
    packed.rotation = rotationBlock(depth.padded());
    packed.derived = PackedWeight::Derived::Scale;
    indices.columnScale = weights.add(packed);
    // Of int8 inputs only, but weights are laid out once for all variants.
    packed.derived = PackedWeight::Derived::ColumnSum;
    indices.columnSum = weights.add(packed);
    packed.derived = PackedWeight::Derived::Smoothing;
    indices.smoothing = weights.add(packed);
  }
  packed.derived = PackedWeight::Derived::None;
  packed.layout = PackedWeight::Layout::Panels16;
  packed.element = packedElement;
  indices.weight = weights.add(std::move(packed));
  return indices;
}

/// The places of the weights, and the scratch in which x is staged.
void Program::setWeights(LinearOperands &o, const LinearWeights &indices) {
  o.weight = indices.narrowed
                 ? workspace.slot(e->k, e->frame, *indices.narrowed)
                 : weight(indices.weight);
  if (indices.bias)
    o.bias = weight(*indices.bias);
  if (indices.columnScale)
    o.columnScale = weight(*indices.columnScale);
  if (indices.columnSum)
    o.columnSum = weight(*indices.columnSum);
  if (indices.smoothing)
    o.smoothing = weight(*indices.smoothing);
  if (!o.scratch.buffer)
    o.scratch = workspace.scratch(e->k, e->frame);
}

int64_t Program::vector(ArrayRef<StringAttr> symbols, Grouping columns) {
  PackedWeight packed;
  for (StringAttr symbol : symbols)
    packed.sources.push_back(symbol.str());
  packed.columns = columns;
  packed.layers = layersOf(symbols.front());
  return weights.add(std::move(packed));
}

int64_t Program::table(StringAttr symbol) {
  auto op =
      SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(forward, symbol);
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getType()).getShape();
  PackedWeight packed;
  packed.sources = {symbol.str()};
  packed.rows = shape[0];
  packed.columns = plainColumns(shape[1]);
  packed.layers = layersOf(symbol);
  return weights.add(std::move(packed));
}

Program::LinearWeights Program::linearWeights(const LinearPlan &plan,
                                              const Buffer &x, const Buffer &y,
                                              FlatSymbolRefAttr weight,
                                              FlatSymbolRefAttr bias) {
  LinearWeights indices =
      panels({weight.getAttr()}, plan.arithmetic, y.columns, x.columns);
  if (bias)
    indices.bias = vector({bias.getAttr()}, y.columns);
  return indices;
}

Place Program::weight(int64_t index) {
  return weights.place(e->k, e->frame.weights, index, e->layer);
}

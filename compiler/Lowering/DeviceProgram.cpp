//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launches of each op. Rows are float32 where they are added or normalised,
// and planes of 16 bits where a matrix product reads them; their producer
// writes both at once. Rows of int8 are written by producers of whole rows, or
// made of what others wrote by a launch more.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Kernels/CPU/Rotate.h"
#include "compiler/Kernels/GPU/Dropout.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/Quantize.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/DevicePlanAttributes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

DeviceProgram::DeviceProgram(func::FuncOp forward, const DeviceTarget &target,
                             DevicePrecision precision,
                             WeightLayoutBuilder &weights,
                             WeightLayoutBuilder *parameters)
    : forward(forward), target(target), planes(precision.planes),
      type(precision.type), int8(precision.int8), weights(weights),
      parameters(parameters), buffers(forward, workspace, planes, int8) {}

LogicalResult DeviceProgram::emit(KernelBuilder &host, DeviceFrame &hostFrame,
                                  GpuBuilder &kernels) {
  k = &host;
  frame = &hostFrame;
  device = &kernels;
  work.clear();
  watchLaunches();
  return emitBlock(forward.getBody().front());
}

LogicalResult DeviceProgram::emitBlock(Block &block) {
  for (Operation &op : block)
    if (failed(emitOp(&op)))
      return failure();
  return success();
}

LogicalResult DeviceProgram::emitOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](enc::LayersOp o) { return emitLayers(o); })
      .Case([&](func::ReturnOp o) { return emitReturn(o); })
      .Case([&](enc::FusedEmbedNormOp o) { return emitEmbedNorm(o); })
      .Case([&](enc::EmbedOp o) { return emitEmbed(o); })
      .Case([&](enc::FusedQKVOp o) { return emitQKV(o); })
      .Case([&](enc::FusedAttentionOp o) { return emitAttention(o); })
      .Case([&](enc::LinearOp o) { return emitLinear(o); })
      .Case([&](enc::FusedLinearAddNormOp o) { return emitLinearAddNorm(o); })
      .Case([&](enc::FusedFeedForwardOp o) { return emitFeedForward(o); })
      .Case([&](enc::LayerNormOp o) { return emitLayerNorm(o); })
      .Case([&](enc::PoolOp o) { return emitPool(o); })
      .Case([&](enc::NormalizeOp o) { return emitNormalize(o); })
      .Case<enc::AddOp, enc::GeluOp, enc::GeluTanhOp, enc::ReluOp, enc::SiluOp,
            enc::TanhOp>([&](Operation *o) { return emitElementwise(o); })
      .Case<enc::YieldOp, enc::EntryOp>([](Operation *) { return success(); })
      .Default([](Operation *o) {
        return o->emitOpError("has no kernel for a GPU; run the fusion passes "
                              "first");
      });
}

LogicalResult DeviceProgram::verifyPlain(Operation *op, Value value) {
  return bertc::verifyPlain(op, bufferOf(value));
}

//===----------------------------------------------------------------------===//
// Values and weights
//===----------------------------------------------------------------------===//

DeviceForms DeviceProgram::formsOf(const Buffer &buffer) const {
  DeviceForms forms;
  forms.f32 = buffer.f32;
  forms.planes = buffer.planes;
  forms.type = type;
  forms.int8 = buffer.int8;
  return forms;
}
Value DeviceProgram::rowsOf(const Buffer &buffer) const {
  return buffer.extent == Extent::PerToken ? frame->tokens : frame->sequences;
}
Value DeviceProgram::slotOf(const Buffer &buffer, int64_t slot, int64_t words) {
  Value offset = workspace.offset(*k, frame->tokens, frame->sequences, slot);
  if (buffer.stacked)
    offset = k->add(offset, k->mul(k->mul(rowsOf(buffer), words),
                                   k->sub(layer, k->index(buffer.firstTrip))));
  return frame->address(frame->workspace, offset);
}
Value DeviceProgram::f32Of(const Buffer &buffer) {
  return movesRows(slotOf(buffer, buffer.slot, buffer.stride), buffer,
                   4 * double(buffer.columns.padded()));
}
Value DeviceProgram::planesOf(const Buffer &buffer) {
  Value address = slotOf(buffer, buffer.planesSlot,
                         planesWords(buffer.planes, buffer.stride));
  return movesRows(address, buffer,
                   2 * double(buffer.planes * buffer.columns.padded()));
}
Value DeviceProgram::planeStride(const Buffer &buffer) {
  return frame->toWide(k->mul(rowsOf(buffer), buffer.stride));
}
Value DeviceProgram::int8Of(const Buffer &buffer) {
  return movesRows(slotOf(buffer, buffer.int8Slot, int8Words(buffer.stride)),
                   buffer, double(buffer.columns.padded()));
}
Value DeviceProgram::int8ScalesOf(const Buffer &buffer) {
  Value bytes = slotOf(buffer, buffer.int8Slot, int8Words(buffer.stride));
  return movesRows(
      frame->address(bytes, k->mul(rowsOf(buffer), buffer.stride / 4)), buffer,
      4 * double(int8RowWords));
}
void DeviceProgram::appendOutputs(const Buffer &buffer, Values &arguments) {
  if (buffer.f32)
    arguments.push_back(f32Of(buffer));
  if (buffer.planes)
    arguments.append({planesOf(buffer), planeStride(buffer)});
  if (buffer.int8)
    arguments.append({int8Of(buffer), int8ScalesOf(buffer)});
}
int64_t DeviceProgram::reserved(Operation *op, int64_t number, Extent extent,
                                int64_t words) {
  auto [entry, isNew] = slots.insert({{op, number}, 0});
  if (isNew)
    entry->second = workspace.reserve(extent, words);
  return entry->second;
}

void DeviceProgram::appendParts(Operation *op, int64_t number, int64_t partials,
                                int64_t tickets, Values &arguments) {
  workspace.needScratch(partials / int64_t(sizeof(float)), 0);
  int64_t slot = reserved(op, number, Extent::Fixed, tickets);
  for (Value place :
       {workspace.scratchOffset(*k, frame->tokens, frame->sequences),
        workspace.offset(*k, frame->tokens, frame->sequences, slot)})
    arguments.push_back(frame->address(frame->workspace, place));
}

Value DeviceProgram::idsOf(Value argument) const {
  switch (cast<BlockArgument>(argument).getArgNumber()) {
  case 0:
    return frame->inputIds;
  case 1:
    return frame->tokenTypeIds;
  default:
    return frame->positionIds;
  }
}

enc::WeightOp DeviceProgram::weightOp(StringAttr symbol) {
  return SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(forward, symbol);
}
Value DeviceProgram::weight(PackedWeight packed, StringAttr symbol) {
  packed.layers = weightOp(symbol).getLayers().value_or(1);
  if (parameters) {
    PackedWeight parameter = packed;
    if (packed.layout == PackedWeight::Layout::Planes)
      parameter.layout = PackedWeight::Layout::Panels16;
    parameter.element = PackedWeight::Element::F32;
    parameter.planes = 1;
    parameters->add(std::move(parameter));
  }
  int64_t index = weights.add(std::move(packed));
  return frame->address(frame->weights, weights.offset(*k, index, layer));
}
static std::vector<std::string> namesOf(ArrayRef<StringAttr> symbols) {
  std::vector<std::string> names;
  for (StringAttr symbol : symbols)
    names.push_back(symbol.str());
  return names;
}
Value DeviceProgram::vector(ArrayRef<StringAttr> symbols, Grouping columns) {
  PackedWeight packed;
  packed.sources = namesOf(symbols);
  packed.columns = columns;
  return moves(weight(std::move(packed), symbols.front()),
               {4 * double(columns.padded()) * double(symbols.size())});
}
Value DeviceProgram::table(StringAttr symbol) {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(weightOp(symbol).getType()).getShape();
  PackedWeight packed;
  packed.sources = namesOf(symbol);
  packed.rows = shape[0];
  packed.columns = plainColumns(shape[1]);
  double row = 4 * double(packed.columns.padded());
  return moves(weight(std::move(packed), symbol), {0, row});
}
PackedWeight DeviceProgram::packedMatrix(ArrayRef<StringAttr> symbols,
                                         Grouping columns, Grouping depth) {
  PackedWeight packed;
  packed.sources = namesOf(symbols);
  packed.layout = PackedWeight::Layout::Planes;
  packed.element = int8                    ? PackedWeight::Element::Int8
                   : type == HalfType::F16 ? PackedWeight::Element::F16
                                           : PackedWeight::Element::BF16;
  packed.planes = planes;
  packed.columns = columns;
  packed.depth = depth;
  if (int8)
    packed.rotation = rotationBlock(depth.padded());
  return packed;
}
Value DeviceProgram::matrix(ArrayRef<StringAttr> symbols, Grouping columns,
                            Grouping depth) {
  double bytes =
      double(weightElementBytes() * planes * columns.padded() * depth.padded());
  return moves(weight(packedMatrix(symbols, columns, depth), symbols.front()),
               {bytes * double(symbols.size())});
}
Value DeviceProgram::ofColumns(PackedWeight::Derived derived,
                               ArrayRef<StringAttr> symbols, Grouping columns,
                               Grouping depth) {
  PackedWeight packed = packedMatrix(symbols, columns, depth);
  packed.layout = PackedWeight::Layout::Rows;
  packed.element = PackedWeight::Element::F32;
  packed.derived = derived;
  return moves(weight(std::move(packed), symbols.front()),
               {4 * double(columns.padded()) * double(symbols.size())});
}

//===----------------------------------------------------------------------===//
// Shared launches
//===----------------------------------------------------------------------===//

DeviceRows DeviceProgram::shapeOf(const Buffer &buffer) {
  RowShape shape = buffer.rows();
  return {shape.width, shape.stride};
}

void DeviceProgram::launchRows(const DeviceKernel &kernel, const Buffer &rows,
                               ValueRange arguments) {
  Value one = k->index(1);
  frame->launch(kernel, {k->ceilDiv(rowsOf(rows), rowsOfBlock), one, one},
                arguments);
}

void DeviceProgram::launchColumns(const DeviceKernel &kernel,
                                  const Buffer &rows, int64_t columns,
                                  ValueRange arguments) {
  frame->launch(kernel,
                {rowsOf(rows), k->index(blocksOfColumns(columns)), k->index(1)},
                arguments);
}

DeviceProgram::Values DeviceProgram::dropoutArguments(IntegerAttr, FloatAttr) {
  llvm_unreachable("a function of inference has nothing random");
}

void DeviceProgram::dropout(const Buffer &x, const Buffer *plus,
                            const Buffer &y, IntegerAttr site, FloatAttr rate) {
  Values random = dropoutArguments(site, rate), arguments = {f32Of(x)};
  if (plus)
    arguments.push_back(f32Of(*plus));
  appendOutputs(y, arguments);
  arguments.append(random);
  launchColumns(dropoutKernel(*device, shapeOf(y), formsOf(y), plus != nullptr),
                y, y.columns.padded(), arguments);
}

void DeviceProgram::normalize(Value from, Value to, double epsilon,
                              StringAttr gain, StringAttr bias) {
  const Buffer &in = bufferOf(from), &out = bufferOf(to);
  Values arguments = {f32Of(in), vector({gain}, out.columns),
                      vector({bias}, out.columns)};
  appendOutputs(out, arguments);
  arguments.append({k->scalar(epsilon), frame->toInt(rowsOf(out))});
  launchRows(layerNormKernel(*device, shapeOf(out), formsOf(out)), out,
             arguments);
}

void DeviceProgram::withInt8(Operation *op, const Buffer &y,
                             llvm::function_ref<void(const Buffer &)> produce) {
  if (!y.int8)
    return produce(y);
  Buffer direct = y;
  direct.int8 = false;
  if (!y.f32 && !y.planes) {
    direct.planes = planes;
    direct.planesSlot =
        reserved(op, -2, y.extent, planesWords(planes, y.stride));
  }
  produce(direct);
  DeviceForms input = formsOf(direct);
  if (input.f32)
    input.planes = 0;
  Value rows = rowsOf(y);
  Values arguments = {input.f32 ? f32Of(direct) : planesOf(direct), int8Of(y),
                      int8ScalesOf(y), frame->toInt(rows)};
  Value one = k->index(1);
  frame->launch(quantizeKernel(*device, shapeOf(y), input),
                {k->ceilDiv(rows, quantizedRowsOfBlock(shapeOf(y))), one, one},
                arguments);
}

void DeviceProgram::map(ActivationFunction activation, Value from,
                        const Buffer &x, const Buffer &y) {
  Values arguments = {from};
  appendOutputs(y, arguments);
  launchColumns(
      activationKernel(*device, activation, shapeOf(x), formsOf(y), y.stride),
      y, y.columns.padded(), arguments);
}

void DeviceProgram::copyRows(Value from, Value to) {
  const Buffer &in = bufferOf(from), &out = bufferOf(to);
  withInt8(forward, out, [&](const Buffer &direct) {
    map(ActivationFunction::None, f32Of(in), in, direct);
  });
}

void DeviceProgram::embed(Value ids, StringAttr symbol, const Buffer &y) {
  Values arguments = {idsOf(ids), table(symbol)};
  appendOutputs(y, arguments);
  arguments.push_back(frame->toInt(frame->tokens));
  launchRows(embedKernel(*device, shapeOf(y), formsOf(y)), y, arguments);
}

//===----------------------------------------------------------------------===//
// Loops and outputs
//===----------------------------------------------------------------------===//

LogicalResult DeviceProgram::emitLayers(enc::LayersOp op) {
  Block &body = op.getBody().front();
  Value carried = body.getArgument(0);
  Value next = body.getTerminator()->getOperand(0);
  if (failed(verifyPlain(op, op.getInit())) || failed(verifyPlain(op, next)))
    return failure();
  auto collect = [&](Value reached, int64_t index) {
    forCollected(*k, op, reached, index,
                 [&](Value result) { copyRows(op.getResult(0), result); });
  };
  if (bufferOf(op.getInit()).slot != bufferOf(carried).slot)
    copyRows(op.getInit(), carried);
  int64_t first = op.getFirstTrip(), trips = op.getEndTrip();
  LogicalResult result = success();
  k->forLoop(k->index(first), k->index(trips), 1, [&](Value trip) {
    layer = trip;
    frame->enterLayer(layer);
    for (int64_t i = first; i < trips; ++i)
      collect(layer, i);
    // Other values are saved where they are made.
    auto yield = cast<enc::YieldOp>(body.getTerminator());
    for (auto [value, stack] : llvm::zip(yield.getSaved(), op.getStacks()))
      if (value == carried)
        copyRows(carried, stack);
    result = emitBlock(body);
    if (buffers.needsCopy(op))
      copyRows(next, carried);
  });
  layer = {};
  frame->enterLayer({});
  collect({}, trips);
  return result;
}

LogicalResult DeviceProgram::emitReturn(Operation *op) {
  int64_t number = 0;
  for (Value value : op->getOperands()) {
    if (isa<enc::ScalarType>(value.getType()))
      continue; // a loss, which has a place of its own
    if (isa<enc::ScoresType>(value.getType())) {
      ++number; // attention writes them
      continue;
    }
    const Buffer &buffer = bufferOf(value);
    bool mapped = buffer.extent == Extent::PerToken;
    frame->withOutput(number++, [&](Value address) {
      movesRows(address, buffer, 4 * double(buffer.columns.real()));
      Values arguments = {f32Of(buffer)};
      if (mapped)
        arguments.push_back(frame->outputRows);
      arguments.push_back(address);
      DeviceRows shape = shapeOf(buffer);
      launchColumns(outputKernel(*device, shape, mapped), buffer, shape.width,
                    arguments);
    });
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static StringAttr symbolOf(FlatSymbolRefAttr symbol) {
  return symbol.getAttr();
}

LogicalResult DeviceProgram::emitEmbedNorm(enc::FusedEmbedNormOp op) {
  const Buffer &out = bufferOf(op.getResult());
  Values arguments;
  for (Value ids : {op.getIds(), op.getTypes(), op.getPositions()})
    arguments.push_back(idsOf(ids));
  for (FlatSymbolRefAttr symbol : {op.getWordTableAttr(), op.getTypeTableAttr(),
                                   op.getPositionTableAttr()})
    arguments.push_back(table(symbolOf(symbol)));
  arguments.push_back(vector({symbolOf(op.getGainAttr())}, out.columns));
  arguments.push_back(vector({symbolOf(op.getBiasAttr())}, out.columns));
  appendOutputs(out, arguments);
  arguments.append({k->scalar(op.getEpsilon().convertToDouble()),
                    frame->toInt(frame->tokens)});
  launchRows(embedNormKernel(*device, shapeOf(out), formsOf(out)), out,
             arguments);
  return success();
}

LogicalResult DeviceProgram::emitEmbed(enc::EmbedOp op) {
  embed(op.getIds(), symbolOf(op.getTableAttr()), bufferOf(op.getResult()));
  return success();
}

LogicalResult DeviceProgram::emitQKV(enc::FusedQKVOp op) {
  linear(op, 0, bufferOf(op.getInput()), bufferOf(op.getResult()),
         {symbolOf(op.getQueryAttr()), symbolOf(op.getKeyAttr()),
          symbolOf(op.getValueAttr())},
         {symbolOf(op.getQueryBiasAttr()), symbolOf(op.getKeyBiasAttr()),
          symbolOf(op.getValueBiasAttr())},
         ActivationFunction::None);
  return success();
}

LogicalResult DeviceProgram::emitLinear(enc::LinearOp op) {
  SmallVector<StringAttr> bias;
  if (op.getBiasAttr())
    bias.push_back(symbolOf(op.getBiasAttr()));
  withInt8(op, bufferOf(op.getResult()), [&](const Buffer &y) {
    linear(op, 0, bufferOf(op.getInput()), y, {symbolOf(op.getWeightAttr())},
           bias, ActivationFunction::None);
  });
  return success();
}

/// The end of both blocks: norm(dropout(x W^T + bias) + residual), of which the
/// backward pass may want the sum.
template <typename Op>
void DeviceProgram::linearAddNorm(Op op, int64_t number, const Buffer &x,
                                  StringAttr weight, StringAttr bias,
                                  const Buffer &residual) {
  Value sumValue = op.getSum() ? op.getSum() : op.getResult();
  Buffer sum = bufferOf(sumValue);
  sum.planes = 0; // they are of what is normalised
  sum.int8 = false;
  std::optional<Residual> added;
  if (!op.getRandom())
    added = Residual{f32Of(residual), residual.stride};
  linear(op, number, x, sum, {weight}, {bias}, ActivationFunction::None, added);
  if (op.getRandom())
    dropout(sum, &residual, sum, op.getSiteAttr(), op.getRateAttr());
  normalize(sumValue, op.getResult(), op.getEpsilon().convertToDouble(),
            symbolOf(op.getGainAttr()), symbolOf(op.getNormBiasAttr()));
}

LogicalResult DeviceProgram::emitLinearAddNorm(enc::FusedLinearAddNormOp op) {
  linearAddNorm(op, 0, bufferOf(op.getInput()), symbolOf(op.getWeightAttr()),
                symbolOf(op.getBiasAttr()), bufferOf(op.getResidual()));
  return success();
}

LogicalResult DeviceProgram::emitFeedForward(enc::FusedFeedForwardOp op) {
  const Buffer &in = bufferOf(op.getInput());
  Buffer middle; // for matrix products only
  middle.columns = plainColumns(
      cast<RankedTensorType>(weightOp(symbolOf(op.getUpAttr())).getType())
          .getShape()[0]);
  middle.stride = middle.columns.padded();
  middle.f32 = false;
  middle.int8 = int8;
  middle.planes = int8 ? 0 : planes;
  int64_t words =
      int8 ? int8Words(middle.stride) : planesWords(planes, middle.stride);
  (int8 ? middle.int8Slot : middle.planesSlot) =
      reserved(op, -1, Extent::PerToken, words);
  // The backward pass wants it before the activation.
  Value before = op.getUpResult();
  withInt8(op, middle, [&](const Buffer &direct) {
    linear(op, 0, in, direct, {symbolOf(op.getUpAttr())},
           {symbolOf(op.getUpBiasAttr())}, activationOf(op.getActivation()),
           std::nullopt, before ? &bufferOf(before) : nullptr);
  });
  linearAddNorm(op, 2, middle, symbolOf(op.getDownAttr()),
                symbolOf(op.getDownBiasAttr()), in);
  return success();
}

LogicalResult DeviceProgram::emitLayerNorm(enc::LayerNormOp op) {
  normalize(op.getInput(), op.getResult(), op.getEpsilon().convertToDouble(),
            symbolOf(op.getGainAttr()), symbolOf(op.getBiasAttr()));
  return verifyPlain(op, op.getInput());
}

LogicalResult DeviceProgram::emitElementwise(Operation *op) {
  const Buffer &out = bufferOf(op->getResult(0));
  withInt8(op, out, [&](const Buffer &direct) {
    DeviceForms forms = formsOf(direct);
    DeviceRows shape = shapeOf(out);
    Values arguments;
    for (Value input : op->getOperands())
      arguments.push_back(f32Of(bufferOf(input)));
    appendOutputs(direct, arguments);
    DeviceKernel kernel = isa<enc::AddOp>(op)
                              ? addKernel(*device, shape, forms)
                              : activationKernel(*device, activationOf(op),
                                                 shape, forms, out.stride);
    launchColumns(kernel, out, out.columns.padded(), arguments);
  });
  return success();
}

LogicalResult DeviceProgram::emitPool(enc::PoolOp op) {
  const Buffer &in = bufferOf(op.getInput()), &out = bufferOf(op.getResult());
  withInt8(op, out, [&](const Buffer &direct) {
    Values arguments = {frame->offsets, f32Of(in)};
    appendOutputs(direct, arguments);
    launchColumns(poolKernel(*device, poolingOf(op.getMode()), shapeOf(in),
                             formsOf(direct), out.stride),
                  out, out.columns.padded(), arguments);
  });
  return verifyPlain(op, op.getInput());
}

LogicalResult DeviceProgram::emitNormalize(enc::NormalizeOp op) {
  const Buffer &in = bufferOf(op.getInput()), &out = bufferOf(op.getResult());
  Values arguments = {f32Of(in)};
  appendOutputs(out, arguments);
  arguments.push_back(frame->toInt(rowsOf(out)));
  launchRows(normalizeKernel(*device, shapeOf(in), formsOf(out)), out,
             arguments);
  return success();
}

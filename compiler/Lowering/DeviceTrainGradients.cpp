//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launches of each gradient op.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/GPU/AttentionGradient.h"
#include "compiler/Kernels/GPU/LinearGradient.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/NormGradient.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "compiler/Kernels/GPU/RowsGradient.h"
#include "compiler/Lowering/DeviceTrainProgram.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/DevicePlanAttributes.h"
#include "compiler/Plan/DevicePlanGradient.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace bertc;

Value DeviceTrainProgram::gradientOf(StringAttr weight) {
  if (!gradients.isPlaced())
    return own->gradients; // of an emission that is thrown away
  Value none;
  Value address = frame->address(
      own->gradients, gradients.place(*k, none, weight, layer).offset);
  return moves(address, {2 * 4 * double(gradients[weight].packed)}); // added to
}

Buffer DeviceTrainProgram::scratchRows(Operation *op, int64_t number,
                                       const Buffer &like) {
  Buffer rows = like;
  rows.planes = 0;
  rows.planesSlot = -1;
  rows.stacked = false;
  rows.f32 = true;
  rows.slot = reserved(op, number, rows.extent, rows.stride);
  return rows;
}

void DeviceTrainProgram::launchSums(const ColumnSums &sums,
                                    ValueRange arguments) {
  Value one = k->index(1);
  frame->launch(columnSumsKernel(*device, sums),
                {k->index(sums.columns / columnsOfSums), one, one}, arguments);
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

LogicalResult DeviceTrainProgram::emitLayersBackward(enc::LayersBackwardOp op) {
  Block &body = op.getBody().front();
  Value carried = body.getArgument(0);
  Value next = body.getTerminator()->getOperand(0);
  if (failed(verifyPlain(op, op.getInit())) || failed(verifyPlain(op, next)))
    return failure();
  if (bufferOf(op.getInit()).slot != bufferOf(carried).slot)
    copyRows(op.getInit(), carried);
  int64_t trips = op.getEndTrip() - op.getFirstTrip();
  LogicalResult result = success();
  k->forLoop(k->index(0), k->index(trips), 1, [&](Value trip) {
    layer = k->sub(k->index(op.getEndTrip() - 1), trip);
    frame->enterLayer(layer);
    result = emitBlock(body);
    if (buffers.needsCopy(op))
      copyRows(next, carried);
  });
  layer = {};
  frame->enterLayer({});
  return result;
}

//===----------------------------------------------------------------------===//
// Linear layers
//===----------------------------------------------------------------------===//

void DeviceTrainProgram::launchGradient(
    Operation *op, const Buffer &y, const DeviceLinearPlans &plans,
    bool growsWithRows, ValueRange arguments, int64_t products,
    llvm::function_ref<GradientLaunch(const DeviceLinearPlan &)> make) {
  writePlan(op, toAttribute(op->getContext(), plans));
  // What splits need has a largest size: with more rows, a grid that grows has
  // none.
  auto blocksOfMost = [&](size_t i, const DeviceLinearPlan &plan) {
    bool grows = growsWithRows && i + 1 < plans.size();
    return grows ? llvm::divideCeil(plans[i + 1].first - 1, plan.blockRows) : 1;
  };
  int64_t partials = 0, tickets = 0;
  for (auto [i, entry] : llvm::enumerate(plans)) {
    const DeviceLinearPlan &plan = entry.second;
    DeviceGrid grid = make(plan).grid;
    grid.y *= blocksOfMost(i, plan);
    partials = std::max(partials, gradientPartialBytes(grid, plan));
    tickets = std::max(tickets, gradientTickets(grid, plan));
  }
  Value rows = rowsOf(y);
  chooseByRows<DeviceLinearPlan>(
      *k, plans, rows, [&](const DeviceLinearPlan &plan) {
        auto [kernel, grid] = make(plan);
        Values all(arguments);
        if (plan.splits > 1)
          appendParts(op, 0, partials, tickets, all);
        all.push_back(frame->toInt(rows));
        Value blocks = k->index(grid.y);
        if (growsWithRows)
          blocks = k->mul(k->ceilDiv(rows, plan.blockRows), grid.y);
        frame->launch(kernel, {k->index(grid.x), blocks, k->index(grid.z)},
                      all);
        Work &done = noteWork(kernel, y, products);
        if (growsWithRows)
          done.weightBytes = 2 * uint64_t(planes * products);
      });
}

LogicalResult DeviceTrainProgram::inputGradient(Operation *op,
                                                ArrayRef<StringAttr> symbols,
                                                const InputGradient &g) {
  const Buffer &dy = bufferOf(op->getOperand(0)), &dx = bufferOf(g.dx);
  DeviceInputGradientShape shape;
  shape.depth = dx.columns.padded();
  shape.columns = dy.columns.padded();
  shape.gradientStride = dy.stride;
  shape.planes = planes;
  shape.plus = bool(g.plus);
  shape.activation = g.activation;
  shape.outputs = formsOf(dx);
  shape.outputStride = dx.stride;

  Grouping columns = dy.columns;
  columns.count /= int64_t(symbols.size());
  Values arguments = {planesOf(dy), planeStride(dy),
                      matrix(symbols, columns, dx.columns)};
  if (g.plus) {
    const Buffer &plus = bufferOf(g.plus);
    shape.plusStride = plus.stride;
    arguments.push_back(f32Of(plus));
  }
  if (g.before) {
    const Buffer &before = bufferOf(g.before);
    shape.beforeStride = before.stride;
    shape.beforePlane = !before.f32;
    arguments.push_back(before.f32 ? f32Of(before) : planesOf(before));
  }
  appendOutputs(dx, arguments);
  if (g.activated) {
    const Buffer &activated = bufferOf(g.activated);
    shape.activated = formsOf(activated);
    shape.activatedStride = activated.stride;
    appendOutputs(activated, arguments);
  }
  launchGradient(op, dx, planDeviceInputGradient(target, shape.facts()),
                 /*growsWithRows=*/true, arguments, shape.depth * shape.columns,
                 [&](const DeviceLinearPlan &plan) -> GradientLaunch {
                   return {inputGradientKernel(*device, shape, plan),
                           inputGradientGrid(shape, plan, 1)};
                 });
  return success();
}

LogicalResult
DeviceTrainProgram::emitLinearInput(enc::LinearInputGradientOp op) {
  InputGradient g;
  g.dx = op.getResult();
  g.plus = op.getPlus();
  return inputGradient(op, {op.getWeightAttr().getAttr()}, g);
}

LogicalResult
DeviceTrainProgram::emitFusedActivation(enc::FusedActivationGradientOp op) {
  InputGradient g;
  g.dx = op.getResult();
  g.before = op.getUp();
  g.activation = activationOf(op.getActivation());
  g.activated = op.getActivated();
  return inputGradient(op, {op.getDownAttr().getAttr()}, g);
}

LogicalResult
DeviceTrainProgram::emitQKVInput(enc::FusedQKVInputGradientOp op) {
  InputGradient g;
  g.dx = op.getResult();
  g.plus = op.getPlus();
  return inputGradient(op,
                       {op.getQueryAttr().getAttr(), op.getKeyAttr().getAttr(),
                        op.getValueAttr().getAttr()},
                       g);
}

void DeviceTrainProgram::weightGradient(Operation *op, const Buffer &dy,
                                        const Buffer &x,
                                        ArrayRef<StringAttr> weights,
                                        int64_t first, int64_t all) {
  int64_t columns = dy.columns.padded() / all;
  DeviceWeightGradientShape shape;
  shape.depth = x.columns.padded();
  shape.columns = columns * int64_t(weights.size());
  shape.inputStride = x.stride;
  shape.gradientStride = dy.stride;
  shape.planes = planes;
  shape.parts = weights.size();
  // Two elements of a plane are a word.
  Value from = frame->address(planesOf(dy), k->index(first * columns / 2));
  movesRows(from, dy, 2 * double(planes * shape.columns));
  Values arguments = {planesOf(x), planeStride(x), from, planeStride(dy)};
  for (StringAttr weight : weights)
    arguments.push_back(gradientOf(weight));
  launchGradient(op, dy,
                 planDeviceWeightGradient(target, shape.depth, shape.columns,
                                          shape.planes),
                 /*growsWithRows=*/false, arguments,
                 shape.depth * shape.columns,
                 [&](const DeviceLinearPlan &plan) -> GradientLaunch {
                   return {weightGradientKernel(*device, shape, plan),
                           weightGradientGrid(shape, plan)};
                 });
}

void DeviceTrainProgram::biasGradient(const Buffer &dy,
                                      ArrayRef<StringAttr> biases,
                                      int64_t first, int64_t all) {
  int64_t columns = dy.columns.padded() / all;
  ColumnSums sums;
  sums.columns = columns * int64_t(biases.size());
  sums.first = first * columns;
  sums.stride = dy.stride;
  sums.plane = !dy.f32;
  sums.parts = biases.size();
  Values arguments = {dy.f32 ? f32Of(dy) : planesOf(dy)};
  movesRows(arguments[0], dy, (dy.f32 ? 4 : 2) * double(sums.columns));
  for (StringAttr bias : biases)
    arguments.push_back(gradientOf(bias));
  arguments.push_back(frame->toInt(rowsOf(dy)));
  launchSums(sums, arguments);
}

/// Runs `body` on all together if all learn, or on each that does.
static void
forLearning(ArrayRef<StringAttr> names,
            llvm::function_ref<void(ArrayRef<StringAttr>, int64_t)> body) {
  if (llvm::all_of(names, [](StringAttr name) { return bool(name); }))
    return body(names, 0);
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i])
      body(names[i], i);
}

void DeviceTrainProgram::weightGradients(Operation *op, Value dy, Value x,
                                         ArrayRef<StringAttr> weights,
                                         ArrayRef<StringAttr> biases) {
  int64_t all = weights.size();
  forLearning(weights, [&](ArrayRef<StringAttr> some, int64_t first) {
    weightGradient(op, bufferOf(dy), bufferOf(x), some, first, all);
  });
  forLearning(biases, [&](ArrayRef<StringAttr> some, int64_t first) {
    biasGradient(bufferOf(dy), some, first, all);
  });
}

LogicalResult
DeviceTrainProgram::emitLinearWeight(enc::LinearWeightGradientOp op) {
  weightGradients(op, op.getGradient(), op.getInput(),
                  wantedGradient(op.getInto(), op.getWeightAttr()),
                  wantedGradient(op.getInto(), op.getBiasAttr()));
  return success();
}

LogicalResult
DeviceTrainProgram::emitQKVWeight(enc::FusedQKVWeightGradientOp op) {
  SmallVector<StringAttr> weights, biases;
  for (FlatSymbolRefAttr weight :
       {op.getQueryAttr(), op.getKeyAttr(), op.getValueAttr()})
    weights.push_back(wantedGradient(op.getInto(), weight));
  for (FlatSymbolRefAttr bias :
       {op.getQueryBiasAttr(), op.getKeyBiasAttr(), op.getValueBiasAttr()})
    biases.push_back(wantedGradient(op.getInto(), bias));
  weightGradients(op, op.getGradient(), op.getInput(), weights, biases);
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult
DeviceTrainProgram::emitAttentionGradient(enc::AttentionGradientOp op) {
  const Buffer &in = bufferOf(op.getQkv()), &y = bufferOf(op.getOutput());
  const Buffer &dy = bufferOf(op.getGradient());
  const Buffer &out = bufferOf(op.getResult());
  const Buffer &logSumExp = bufferOf(op.getLogSumExp());
  if (y.stride != dy.stride || y.columns.padded() != dy.columns.padded())
    return op.emitOpError("has no kernel for rows of different strides");
  DeviceAttentionGradientShape shape;
  shape.heads = y.columns.count;
  shape.headSize = y.columns.size;
  shape.headStride = y.columns.stride;
  shape.inputStride = in.stride;
  shape.outputStride = y.stride;
  shape.planes = planes;
  shape.scale = op.getScale().convertToDouble();
  shape.gradients = formsOf(out);
  shape.gradientStride = out.stride;
  shape.dropout = bool(op.getRandom());

  Buffer sums = scratchRows(op, 0, logSumExp);
  DeviceKernel sumsKernel = attentionGradientSumsKernel(*device, shape);
  Value one = k->index(1);
  Value blocks = k->ceilDiv(k->mul(frame->tokens, shape.heads),
                            attentionSumsOfBlock(shape));
  frame->launch(sumsKernel, {blocks, one, one},
                {planesOf(y), planeStride(y), planesOf(dy), planeStride(dy),
                 f32Of(sums), frame->toInt(frame->tokens)});

  Values arguments = {planesOf(in),    planeStride(in),  planesOf(dy),
                      planeStride(dy), f32Of(logSumExp), f32Of(sums),
                      frame->offsets};
  appendOutputs(out, arguments);
  if (shape.dropout)
    llvm::append_range(arguments,
                       dropoutArguments(op.getSiteAttr(), op.getRateAttr()));
  arguments.push_back(frame->toInt(frame->longest));
  DeviceAttentionGradientPlans plans = planDeviceAttentionGradient(
      target, shape.heads, shape.headStride, planes, shape.dropout);
  writePlan(op, toAttribute(op.getContext(), plans));
  // A pair of tokens takes so many products of 2 * head size operations.
  auto launch = [&](const DeviceKernel &kernel,
                    const DeviceAttentionGradientPlan &plan,
                    uint64_t products) {
    frame->launch(kernel,
                  {k->ceilDiv(frame->longest, plan.rows), k->index(shape.heads),
                   frame->sequences},
                  arguments);
    Work &done = work[kernel.name];
    done.perPair =
        products * 2 * uint64_t(shape.heads) * uint64_t(shape.headStride);
    // One writes dq, the other dk and dv.
    double third = (4 * out.f32 + 2 * double(out.planes)) *
                   double(out.columns.padded()) / 3;
    done.moved.perToken -= third * (products == 3 ? 2 : 1);
  };
  launch(attentionQueryGradientKernel(*device, shape, plans.queries),
         plans.queries, 3);
  launch(attentionKeyGradientKernel(*device, shape, plans.keys), plans.keys, 4);
  return success();
}

//===----------------------------------------------------------------------===//
// Norms and embeddings
//===----------------------------------------------------------------------===//

void DeviceTrainProgram::normGradient(Operation *op, const NormGradient &g) {
  Buffer moments = g.x;
  moments.stacked = false;
  moments.slot = reserved(op, 0, g.x.extent, momentWords);
  Value rows = frame->toInt(rowsOf(g.x));
  Values arguments = {f32Of(g.x), f32Of(g.dy),
                      vector({g.gain.getAttr()}, g.x.columns)};
  appendOutputs(g.dx, arguments);
  arguments.append({f32Of(moments), k->scalar(g.epsilon), rows});
  launchRows(layerNormGradientKernel(*device, shapeOf(g.x), formsOf(g.dx)), g.x,
             arguments);
  StringAttr gain = wantedGradient(g.into, g.gain);
  StringAttr bias = wantedGradient(g.into, g.bias);
  if (!gain && !bias)
    return;
  ColumnSums sums;
  sums.columns = g.x.columns.padded();
  sums.stride = g.dy.stride;
  sums.gain = bool(gain);
  sums.bias = bool(bias);
  Values operands;
  if (gain)
    operands.append({f32Of(g.x), f32Of(moments)});
  operands.push_back(f32Of(g.dy));
  for (StringAttr wanted : {gain, bias})
    if (wanted)
      operands.push_back(gradientOf(wanted));
  operands.push_back(rows);
  launchSums(sums, operands);
}

LogicalResult
DeviceTrainProgram::emitLayerNormGradient(enc::LayerNormGradientOp op) {
  normGradient(op,
               {bufferOf(op.getInput()), bufferOf(op.getGradient()),
                bufferOf(op.getResult()), op.getGainAttr(), op.getBiasAttr(),
                op.getEpsilon().convertToDouble(), op.getInto()});
  return verifyPlain(op, op.getInput());
}

/// The sum of embeddings, the input of the norm, is gathered again.
LogicalResult
DeviceTrainProgram::emitEmbedNormGradient(enc::FusedEmbedNormGradientOp op) {
  const Buffer &dy = bufferOf(op.getGradient());
  Buffer sums = scratchRows(op, 1, dy), part = scratchRows(op, 2, dy);
  std::pair<Value, FlatSymbolRefAttr> parts[] = {
      {op.getIds(), op.getWordTableAttr()},
      {op.getTypes(), op.getTypeTableAttr()},
      {op.getPositions(), op.getPositionTableAttr()}};
  for (auto [number, source] : llvm::enumerate(parts)) {
    const Buffer &to = number ? part : sums;
    embed(source.first, source.second.getAttr(), to);
    if (number)
      launchColumns(addKernel(*device, shapeOf(sums), formsOf(sums)), sums,
                    sums.columns.padded(),
                    {f32Of(sums), f32Of(part), f32Of(sums)});
  }
  normGradient(op, {sums, dy, part, op.getGainAttr(), op.getBiasAttr(),
                    op.getEpsilon().convertToDouble(), op.getInto()});
  for (auto [ids, table] : parts)
    if (StringAttr wanted = wantedGradient(op.getInto(), table))
      embedGradient(ids, part, wanted);
  return success();
}

LogicalResult DeviceTrainProgram::emitEmbedGradient(enc::EmbedGradientOp op) {
  if (StringAttr wanted = wantedGradient(op.getInto(), op.getTableAttr()))
    embedGradient(op.getIds(), bufferOf(op.getGradient()), wanted);
  return success();
}

void DeviceTrainProgram::embedGradient(Value ids, const Buffer &dy,
                                       StringAttr table) {
  int64_t rows =
      cast<RankedTensorType>(weightOp(table).getType()).getShape()[0];
  DeviceKernel kernel = embedGradientKernel(*device, shapeOf(dy), rows);
  Values arguments = {idsOf(ids), f32Of(dy), gradientOf(table),
                      frame->toInt(frame->tokens)};
  if (rows > fewTableRows) { // adds to those of its tokens
    moves(arguments[2], {0, 2 * 4 * double(dy.columns.padded())});
    return launchRows(kernel, dy, arguments);
  }
  frame->launch(kernel,
                {k->index(dy.columns.padded() / columnsOfSums), k->index(rows),
                 k->index(1)},
                arguments);
}

//===----------------------------------------------------------------------===//
// Rows and sequences
//===----------------------------------------------------------------------===//

LogicalResult
DeviceTrainProgram::emitActivationGradient(enc::ActivationGradientOp op) {
  const Buffer &dy = bufferOf(op.getGradient()), &x = bufferOf(op.getInput());
  const Buffer &dx = bufferOf(op.getResult());
  if (dy.stride != x.stride)
    return op.emitOpError("has no kernel for rows of different strides");
  Values arguments = {f32Of(dy), f32Of(x)};
  appendOutputs(dx, arguments);
  launchColumns(activationGradientKernel(*device,
                                         activationOf(op.getActivation()),
                                         shapeOf(x), formsOf(dx), dx.stride),
                dx, dx.columns.padded(), arguments);
  return success();
}

LogicalResult DeviceTrainProgram::emitPoolGradient(enc::PoolGradientOp op) {
  const Buffer &dy = bufferOf(op.getGradient());
  const Buffer &dx = bufferOf(op.getResult());
  Pooling mode = poolingOf(op.getMode());
  Values arguments = {frame->offsets};
  if (mode == Pooling::Max)
    arguments.push_back(f32Of(bufferOf(op.getInput())));
  arguments.push_back(f32Of(dy));
  appendOutputs(dx, arguments);
  frame->launch(
      poolGradientKernel(*device, mode, shapeOf(dx), formsOf(dx), dy.stride),
      {frame->sequences, k->index(blocksOfColumns(dx.columns.padded())),
       k->ceilDiv(frame->longest, rowsOfPoolGradient)},
      arguments);
  return verifyPlain(op, op.getResult());
}

LogicalResult
DeviceTrainProgram::emitNormalizeGradient(enc::NormalizeGradientOp op) {
  const Buffer &x = bufferOf(op.getInput()), &dx = bufferOf(op.getResult());
  Values arguments = {f32Of(x), f32Of(bufferOf(op.getGradient()))};
  appendOutputs(dx, arguments);
  arguments.push_back(frame->toInt(rowsOf(dx)));
  launchRows(normalizeGradientKernel(*device, shapeOf(x), formsOf(dx)), dx,
             arguments);
  return success();
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The walk, losses, and what makes the weights of the device.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceTrainProgram.h"
#include "compiler/Kernels/CPU/Dropout.h"
#include "compiler/Kernels/GPU/Loss.h"
#include "compiler/Kernels/GPU/Optimizer.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace bertc;

DeviceTrainProgram::DeviceTrainProgram(func::FuncOp train,
                                       const DeviceTarget &target,
                                       DevicePrecision precision,
                                       WeightLayoutBuilder &weights,
                                       WeightLayoutBuilder *parameters,
                                       GradientLayout &gradients)
    : DeviceProgram(train, target, precision, weights, parameters),
      gradients(gradients), frozen(frozenPrefix(train)) {}

LogicalResult DeviceTrainProgram::emit(KernelBuilder &host,
                                       DeviceTrainFrame &trainFrame,
                                       GpuBuilder &device) {
  own = &trainFrame;
  return DeviceProgram::emit(host, trainFrame, device);
}

LogicalResult DeviceTrainProgram::emitBlock(Block &block) {
  if (!frozen.last || &block != frozen.last->getBlock())
    return DeviceProgram::emitBlock(block);
  auto end = std::next(frozen.last->getIterator());
  bool valid = true;
  auto emitRange = [&](Block::iterator first, Block::iterator last) {
    for (Operation &op : llvm::make_range(first, last))
      valid = valid && succeeded(emitOp(&op));
  };
  const Buffer &rows = bufferOf(frozen.rows);
  own->withFrozen(
      [&](Value address) {
        Buffer given = rows; // dense up to the padding
        given.stride = roundUp(rows.columns.real(), lanes);
        map(ActivationFunction::None, address, given, rows);
      },
      [&] { emitRange(block.begin(), end); });
  emitRange(end, block.end());
  return success(valid);
}

LogicalResult DeviceTrainProgram::emitOp(Operation *op) {
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case([&](enc::DropoutOp o) { return emitDropout(o); })
      .Case([&](enc::LayersBackwardOp o) { return emitLayersBackward(o); })
      .Case([&](enc::LinearInputGradientOp o) { return emitLinearInput(o); })
      .Case([&](enc::LinearWeightGradientOp o) { return emitLinearWeight(o); })
      .Case([&](enc::FusedQKVInputGradientOp o) { return emitQKVInput(o); })
      .Case([&](enc::FusedQKVWeightGradientOp o) { return emitQKVWeight(o); })
      .Case([&](enc::FusedActivationGradientOp o) {
        return emitFusedActivation(o);
      })
      .Case(
          [&](enc::AttentionGradientOp o) { return emitAttentionGradient(o); })
      .Case(
          [&](enc::LayerNormGradientOp o) { return emitLayerNormGradient(o); })
      .Case([&](enc::FusedEmbedNormGradientOp o) {
        return emitEmbedNormGradient(o);
      })
      .Case([&](enc::EmbedGradientOp o) { return emitEmbedGradient(o); })
      .Case([&](enc::ActivationGradientOp o) {
        return emitActivationGradient(o);
      })
      .Case([&](enc::PoolGradientOp o) { return emitPoolGradient(o); })
      .Case(
          [&](enc::NormalizeGradientOp o) { return emitNormalizeGradient(o); })
      .Case<enc::CrossEntropyGradientOp, enc::MseGradientOp,
            enc::BinaryCrossEntropyGradientOp, enc::SpanLossGradientOp>(
          [&](Operation *o) { return emitLoss(o); })
      // The kernel of its gradient computes it, too.
      .Case<enc::CrossEntropyOp, enc::MseOp, enc::BinaryCrossEntropyOp,
            enc::SpanLossOp>([](Operation *) { return success(); })
      .Default([&](Operation *o) { return DeviceProgram::emitOp(o); });
}

//===----------------------------------------------------------------------===//
// Dropout
//===----------------------------------------------------------------------===//

DeviceProgram::Values DeviceTrainProgram::dropoutArguments(IntegerAttr site,
                                                           FloatAttr rate) {
  // Its step is for kernels to read.
  DropoutOperands o = makeDropout(*k, own->seed, own->step, site.getInt(),
                                  layer, rate.getValueAsDouble());
  auto toInt = [&](Value wide) -> Value {
    return arith::TruncIOp::create(k->b, k->loc, k->b.getI32Type(), wide);
  };
  return {toInt(o.seedLow), toInt(o.seedHigh),  own->step,
          toInt(o.stream),  toInt(o.threshold), o.scale};
}

LogicalResult DeviceTrainProgram::emitDropout(enc::DropoutOp op) {
  dropout(bufferOf(op.getInput()), nullptr, bufferOf(op.getResult()),
          op.getSiteAttr(), op.getRateAttr());
  return verifyPlain(op, op.getInput());
}

/// One block computes the loss and its gradient.
LogicalResult DeviceTrainProgram::emitLoss(Operation *op) {
  const Buffer &x = bufferOf(op->getOperand(0));
  const Buffer &dx = bufferOf(op->getResult(0));
  if (x.stride != dx.stride)
    return op->emitOpError("has no kernel for rows of different strides");
  DeviceRows shape = shapeOf(x);
  DeviceForms forms = formsOf(dx);
  Values arguments = {f32Of(x), own->labels};
  Value rows = rowsOf(x);
  DeviceKernel kernel =
      llvm::TypeSwitch<Operation *, DeviceKernel>(op)
          .Case([&](enc::CrossEntropyGradientOp) {
            return crossEntropyKernel(*device, shape, forms);
          })
          .Case([&](enc::MseGradientOp) {
            return meanSquaredErrorKernel(*device, shape, forms);
          })
          .Case([&](enc::BinaryCrossEntropyGradientOp) {
            return binaryCrossEntropyKernel(*device, shape, forms);
          })
          .Case([&](enc::SpanLossGradientOp) {
            arguments.push_back(frame->offsets);
            rows = frame->sequences;
            return spanLossKernel(*device, shape, forms);
          });
  arguments.push_back(own->loss);
  appendOutputs(dx, arguments);
  arguments.push_back(frame->toInt(rows));
  Value one = k->index(1);
  frame->launch(kernel, {one, one, one}, arguments);
  return success();
}

//===----------------------------------------------------------------------===//
// Weights of the device from those of the trainer
//===----------------------------------------------------------------------===//

Value DeviceTrainProgram::parameterOf(const LoweredParameter &parameter,
                                      Value trip) {
  Value offset = k->add(k->mul(trip, parameter.weightStride / 4),
                        parameter.weightOffset / 4);
  return frame->address(own->parameters, offset);
}

void DeviceTrainProgram::emitRefresh(KernelBuilder &host,
                                     DeviceTrainFrame &trainFrame,
                                     GpuBuilder &kernels,
                                     const WeightLayout &layout) {
  k = &host;
  frame = own = &trainFrame;
  device = &kernels;
  watchLaunches();
  for (size_t index = 0; index < layout.weights.size(); ++index) {
    const PackedWeight &packed = layout.weights[index];
    k->forLoop(k->index(0), k->index(packed.layers), 1, [&](Value trip) {
      for (int64_t part = 0; part < int64_t(packed.sources.size()); ++part)
        refresh(packed, part, weights.offset(*k, index, trip), trip);
    });
  }
}

void DeviceTrainProgram::noteOptimizer(const DeviceKernel &kernel,
                                       double bytes) {
  work[kernel.name].moved.fixed = bytes * double(gradients.size()) / 4;
}

/// One source of a weight whose words begin at `offset`.
void DeviceTrainProgram::refresh(const PackedWeight &packed, int64_t part,
                                 Value offset, Value trip) {
  auto symbol = StringAttr::get(k->b.getContext(), packed.sources[part]);
  Value from = parameterOf(gradients[symbol], trip);
  int64_t columns = packed.columns.padded();
  if (packed.layout != PackedWeight::Layout::Planes) {
    DeviceRows shape = {columns, columns};
    DeviceForms forms;
    forms.f32 = true;
    Value to = frame->address(frame->weights, k->add(offset, part * columns));
    for (Value address : {from, to})
      moves(address, {4 * double(packed.rows * columns)});
    frame->launch(activationKernel(*device, ActivationFunction::None, shape,
                                   forms, columns),
                  {k->index(packed.rows), k->index(blocksOfColumns(columns)),
                   k->index(1)},
                  {from, to});
    return;
  }
  int64_t depth = packed.depth.padded();
  int64_t elements = columns * depth;
  moves(from, {4 * double(elements)});
  // Two elements of a plane are a word.
  Value to =
      frame->address(frame->weights, k->add(offset, part * elements / 2));
  moves(to, {2 * double(packed.planes * elements)});
  Value stride =
      frame->toWide(k->index(elements * int64_t(packed.sources.size())));
  DeviceKernel kernel =
      planesKernel(*device, columns, depth, packed.planes, HalfType::BF16);
  auto [x, y] = planesGrid(columns, depth);
  frame->launch(kernel, {k->index(x), k->index(y), k->index(1)},
                {from, to, stride});
}

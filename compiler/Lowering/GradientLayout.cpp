//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// First the gradients that exist once, then those of the layers, side by side
// in the order in which the backward pass adds to them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/GradientLayout.h"
#include "dialects/Enc/IR/EncOps.h"
#include "runtime/abi/abi.h"

using namespace mlir;
using namespace bertc;

void GradientLayout::add(Operation *op, StringAttr weight, int64_t first,
                         int64_t end) {
  auto [it, inserted] = learning.try_emplace(weight, Range{op});
  Range &range = it->second;
  range.first = inserted ? first : std::min(range.first, first);
  range.end = std::max(range.end, end);
  range.layers += end - first;
}

void GradientLayout::add(func::FuncOp train) {
  train.walk<WalkOrder::PreOrder>([&](Operation *op) {
    auto into = op->getAttrOfType<ArrayAttr>("into");
    if (!into)
      return;
    auto loop = op->getParentOfType<enc::LayersBackwardOp>();
    int64_t first = loop ? loop.getFirstTrip() : 0;
    int64_t end = loop ? loop.getEndTrip() : 1;
    for (auto weight : into.getAsRange<FlatSymbolRefAttr>())
      add(op, weight.getAttr(), first, end);
  });
}

/// The trips in which a weight learns follow one another.
LogicalResult GradientLayout::check(Operation *module) {
  for (auto &[weight, range] : learning) {
    auto op =
        SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(module, weight);
    if (range.layers == range.end - range.first)
      continue;
    InFlightDiagnostic error = range.op->emitOpError("has no lowering: ")
                               << weight << " learns in layers with frozen "
                               << "ones between them";
    error.attachNote() << "help: freeze the first layers, such as layers[0-"
                       << op.getLayers().value_or(1) / 2 - 1
                       << "], the last ones, or both";
    return error;
  }
  return success();
}

/// The parameter that source `part` of a packed weight is.
static LoweredParameter parameterOf(enc::WeightOp op,
                                    const PackedWeight &weight, int64_t part) {
  LoweredParameter parameter;
  parameter.symbol = weight.sources[part];
  parameter.tensor = op.getTensor().str();
  parameter.panels = weight.layout == PackedWeight::Layout::Panels16;
  parameter.shape = cast<RankedTensorType>(op.getType()).getShape().vec();
  parameter.columns = weight.columns;
  parameter.depth = weight.depth;
  parameter.layers = weight.layers;
  parameter.packed = weight.columns.padded() *
                     (parameter.panels ? weight.depth.padded() : weight.rows);
  parameter.weightOffset = weight.offset + part * parameter.packed * 4;
  parameter.weightStride = weight.layerStride;
  return parameter;
}

LogicalResult GradientLayout::finish(Operation *module,
                                     const WeightLayout &weights) {
  if (failed(check(module)))
    return failure();
  for (const PackedWeight &weight : weights.weights) {
    bool sideBySide = weight.sources.size() == 1 || weight.rows == 1;
    if (weight.element != PackedWeight::Element::F32 ||
        weight.derived != PackedWeight::Derived::None || !sideBySide)
      return module->emitError("weights that learn must be float32, '")
             << weight.name << "' is not";
    for (size_t part = 0; part < weight.sources.size(); ++part) {
      auto symbol = StringAttr::get(module->getContext(), weight.sources[part]);
      auto op =
          SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(module, symbol);
      if (!numbers.try_emplace(symbol, all.size()).second)
        return op.emitOpError("is packed in two ways, which training cannot "
                              "keep equal");
      all.push_back(parameterOf(op, weight, part));
    }
  }
  auto sizeOf = [&](StringAttr weight) {
    return roundUp(all[numbers.lookup(weight)].packed * 4, BERTC_ALIGNMENT);
  };
  for (auto &[weight, range] : learning) {
    LoweredParameter &parameter = all[numbers.lookup(weight)];
    if (parameter.layers > 1)
      continue;
    parameter.gradientOffset = bytes;
    bytes += sizeOf(weight);
  }
  // Weights that learn from the same layer on lie layer by layer.
  llvm::MapVector<std::pair<int64_t, int64_t>, SmallVector<StringAttr>> groups;
  for (auto &[weight, range] : learning)
    if (all[numbers.lookup(weight)].layers > 1)
      groups[{range.first, range.end}].push_back(weight);
  for (auto &[layers, group] : groups) {
    int64_t layerBytes = 0;
    for (StringAttr weight : group)
      layerBytes += sizeOf(weight);
    int64_t offset = bytes;
    for (StringAttr weight : group) {
      LoweredParameter &parameter = all[numbers.lookup(weight)];
      parameter.firstTrained = layers.first;
      parameter.lastFrozen = parameter.layers - layers.second;
      parameter.gradientOffset = offset;
      parameter.gradientStride = layerBytes;
      offset += sizeOf(weight);
    }
    bytes += (layers.second - layers.first) * layerBytes;
  }
  return success();
}

Place GradientLayout::place(KernelBuilder &k, Value gradients,
                            StringAttr weight, Value layer) const {
  const LoweredParameter &parameter = all[numbers.lookup(weight)];
  Value offset = k.index(parameter.gradientOffset / 4);
  if (layer && parameter.layers > 1)
    offset = k.add(offset, k.mul(k.sub(layer, k.index(parameter.firstTrained)),
                                 parameter.gradientStride / 4));
  return {gradients, offset};
}

StringAttr bertc::wantedGradient(ArrayAttr into, FlatSymbolRefAttr weight) {
  return weight && llvm::is_contained(into, weight) ? weight.getAttr()
                                                    : StringAttr();
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses, dropout and gradients. Contributions to the gradient of a weight are
// computed as a whole and then added, op by op in order of execution.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Evaluator.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

using Result = FailureOr<Tensors>;

//===----------------------------------------------------------------------===//
// Losses and dropout
//===----------------------------------------------------------------------===//

DropoutSource Evaluator::dropoutSource(Value random, uint64_t site,
                                       double rate) {
  const Tensor &numbers = get(random);
  return {static_cast<uint64_t>(numbers.data[0]),
          static_cast<uint32_t>(static_cast<uint64_t>(numbers.data[1])),
          static_cast<uint32_t>(site), static_cast<uint32_t>(layer.value_or(0)),
          rate};
}

LogicalResult Evaluator::checkLabels(Operation *op, Value labels,
                                     int64_t classes) {
  for (auto [row, label] : llvm::enumerate(get(labels).data))
    if (label != -100 && (label < 0 || label >= classes))
      return op->emitOpError("expects labels of 0 to ")
             << classes - 1 << " or -100, got " << static_cast<int64_t>(label)
             << " in row " << row;
  return success();
}

static Tensor scalar(double value) {
  Tensor tensor{ArrayRef<int64_t>()};
  tensor.data = {value};
  return tensor;
}

Result Evaluator::evaluateTraining(Operation *op) {
  auto classes = [&](auto op) {
    return checkLabels(op, op.getLabels(),
                       getRowShape(op.getInput().getType())[0]);
  };
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](DropoutOp op) -> Result {
        return Tensors{dropout(get(op.getInput()),
                               dropoutSource(op.getRandom(), op.getSite(),
                                             op.getRate().convertToDouble()))};
      })
      .Case([&](CrossEntropyOp op) -> Result {
        if (failed(classes(op)))
          return failure();
        return Tensors{scalar(
            crossEntropy(get(op.getInput()), get(op.getLabels()), nullptr))};
      })
      .Case([&](CrossEntropyGradientOp op) -> Result {
        Tensor gradient;
        if (failed(classes(op)))
          return failure();
        crossEntropy(get(op.getInput()), get(op.getLabels()), &gradient);
        return Tensors{gradient};
      })
      .Case([&](MseOp op) -> Result {
        return Tensors{scalar(meanSquaredError(get(op.getInput()),
                                               get(op.getLabels()), nullptr))};
      })
      .Case([&](MseGradientOp op) -> Result {
        Tensor gradient;
        meanSquaredError(get(op.getInput()), get(op.getLabels()), &gradient);
        return Tensors{gradient};
      })
      .Case([&](BinaryCrossEntropyOp op) -> Result {
        return Tensors{scalar(binaryCrossEntropy(
            get(op.getInput()), get(op.getLabels()), nullptr))};
      })
      .Case([&](BinaryCrossEntropyGradientOp op) -> Result {
        Tensor gradient;
        binaryCrossEntropy(get(op.getInput()), get(op.getLabels()), &gradient);
        return Tensors{gradient};
      })
      .Case([&](SpanLossOp op) -> Result {
        return Tensors{scalar(spanLoss(get(op.getInput()), get(op.getLabels()),
                                       get(op.getOffsets()), nullptr))};
      })
      .Case([&](SpanLossGradientOp op) -> Result {
        Tensor gradient;
        spanLoss(get(op.getInput()), get(op.getLabels()), get(op.getOffsets()),
                 &gradient);
        return Tensors{gradient};
      })
      .Default([&](Operation *op) { return evaluateGradient(op); });
}

//===----------------------------------------------------------------------===//
// Gradients of weights
//===----------------------------------------------------------------------===//

LogicalResult
Evaluator::accumulate(Operation *op, ArrayAttr into, StringRef symbol,
                      llvm::function_ref<std::vector<double>()> compute) {
  auto reference = FlatSymbolRefAttr::get(op->getContext(), symbol);
  if (!llvm::is_contained(into, reference))
    return success();
  if (!options.gradients)
    return op->emitOpError(
        "accumulates gradients, but the caller of the interpreter keeps none");
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, reference);
  FailureOr<std::string> name = tensorName(op, weight);
  if (failed(name))
    return failure();
  Tensor &sum = (*options.gradients)[*name];
  if (sum.shape.empty())
    sum = Tensor(cast<RankedTensorType>(weight.getType()).getShape());
  for (auto [to, value] : llvm::zip_equal(sum.data, compute()))
    to += value;
  return success();
}

LogicalResult Evaluator::accumulateLinear(Operation *op, ArrayAttr into,
                                          const Tensor &dy, const Tensor *x,
                                          StringRef weight,
                                          std::optional<StringRef> bias) {
  if (failed(accumulate(op, into, weight,
                        [&] { return linearWeightGradient(dy, *x); })))
    return failure();
  if (!bias)
    return success();
  return accumulate(op, into, *bias, [&] { return columnSums(dy); });
}

static ScalarFunction getSlope(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Gelu:
    return geluSlope;
  case ActivationKind::GeluTanh:
    return geluTanhSlope;
  case ActivationKind::Relu:
    return reluSlope;
  case ActivationKind::Silu:
    return siluSlope;
  case ActivationKind::Tanh:
    return tanhSlope;
  }
  llvm_unreachable("an enum attribute holds one of its cases");
}

/// dy f'(x).
static Tensor scaleBySlope(Tensor dy, const Tensor &x, ActivationKind kind) {
  ScalarFunction slope = getSlope(kind);
  for (auto [gradient, value] : llvm::zip_equal(dy.data, x.data))
    gradient *= slope(value);
  return dy;
}

Result Evaluator::evaluateGradient(Operation *op) {
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](EmbedGradientOp op) -> Result {
        const Tensor &dy = get(op.getGradient());
        if (failed(checkIds(op, op.getIds(), op.getTable(), dy.width())) ||
            failed(accumulate(op, op.getInto(), op.getTable(), [&] {
              return embedGradient(dy, get(op.getIds()),
                                   weight(op.getTable()).size() / dy.width());
            })))
          return failure();
        return Tensors{};
      })
      .Case([&](FusedEmbedNormGradientOp op) -> Result {
        const Tensor &dy = get(op.getGradient());
        std::pair<Value, StringRef> parts[] = {
            {op.getIds(), op.getWordTable()},
            {op.getTypes(), op.getTypeTable()},
            {op.getPositions(), op.getPositionTable()}};
        Tensor sum(dy.shape);
        for (auto [ids, table] : parts) {
          FailureOr<Tensor> rows = embedRows(op, ids, table, dy.width());
          if (failed(rows))
            return failure();
          sum = add(sum, *rows);
        }
        NormGradients norm = layerNormGradient(
            dy, sum, weight(op.getGain()), op.getEpsilon().convertToDouble());
        for (auto [ids, table] : parts)
          if (failed(accumulate(
                  op, op.getInto(), table, [&, ids = ids, table = table] {
                    return embedGradient(norm.input, get(ids),
                                         weight(table).size() / dy.width());
                  })))
            return failure();
        if (failed(accumulate(op, op.getInto(), op.getGain(),
                              [&] { return norm.gain; })) ||
            failed(accumulate(op, op.getInto(), op.getBias(),
                              [&] { return norm.bias; })))
          return failure();
        return Tensors{};
      })
      .Case([&](LinearInputGradientOp op) -> Result {
        Tensor dx =
            linearInputGradient(get(op.getGradient()), weight(op.getWeight()),
                                getRowShape(op.getResult().getType())[0]);
        return Tensors{op.getPlus() ? add(dx, get(op.getPlus())) : dx};
      })
      .Case([&](LinearWeightGradientOp op) -> Result {
        const Tensor *x = op.getInput() ? &get(op.getInput()) : nullptr;
        if (failed(accumulateLinear(op, op.getInto(), get(op.getGradient()), x,
                                    op.getWeight(), op.getBias())))
          return failure();
        return Tensors{};
      })
      .Case([&](LayerNormGradientOp op) -> Result {
        NormGradients norm = layerNormGradient(
            get(op.getGradient()), get(op.getInput()), weight(op.getGain()),
            op.getEpsilon().convertToDouble());
        if (failed(accumulate(op, op.getInto(), op.getGain(),
                              [&] { return norm.gain; })) ||
            failed(accumulate(op, op.getInto(), op.getBias(),
                              [&] { return norm.bias; })))
          return failure();
        return Tensors{norm.input};
      })
      .Case([&](AttentionGradientOp op) -> Result {
        auto source = dropoutOf(op);
        return Tensors{attentionGradient(
            get(op.getGradient()), get(op.getOutput()), get(op.getQkv()),
            get(op.getLogSumExp()), get(op.getOffsets()),
            op.getScale().convertToDouble(), source ? &*source : nullptr)};
      })
      .Case([&](FusedQKVInputGradientOp op) -> Result {
        const Tensor &dqkv = get(op.getGradient());
        int64_t width = dqkv.width() / 3;
        Tensor dx;
        StringRef names[] = {op.getQuery(), op.getKey(), op.getValue()};
        for (auto [index, name] : llvm::enumerate(names)) {
          Tensor one = linearInputGradient(
              reshapeRows(part(dqkv, index), {width}), weight(name),
              getRowShape(op.getResult().getType())[0]);
          dx = index ? add(dx, one) : one;
        }
        return Tensors{op.getPlus() ? add(dx, get(op.getPlus())) : dx};
      })
      .Case([&](FusedQKVWeightGradientOp op) -> Result {
        const Tensor &dqkv = get(op.getGradient());
        const Tensor *x = op.getInput() ? &get(op.getInput()) : nullptr;
        std::pair<StringRef, StringRef> parts[] = {
            {op.getQuery(), op.getQueryBias()},
            {op.getKey(), op.getKeyBias()},
            {op.getValue(), op.getValueBias()}};
        for (auto [index, names] : llvm::enumerate(parts))
          if (failed(accumulateLinear(
                  op, op.getInto(),
                  reshapeRows(part(dqkv, index), {dqkv.width() / 3}), x,
                  names.first, names.second)))
            return failure();
        return Tensors{};
      })
      .Case([&](ActivationGradientOp op) -> Result {
        return Tensors{scaleBySlope(get(op.getGradient()), get(op.getInput()),
                                    op.getActivation())};
      })
      .Case([&](FusedActivationGradientOp op) -> Result {
        const Tensor &up = get(op.getUp());
        Tensors results{
            scaleBySlope(linearInputGradient(get(op.getGradient()),
                                             weight(op.getDown()), up.width()),
                         up, op.getActivation())};
        if (op.getActivated())
          results.push_back(map(up, getFunction(op.getActivation())));
        return results;
      })
      .Case([&](PoolGradientOp op) -> Result {
        const Tensor *x = op.getInput() ? &get(op.getInput()) : nullptr;
        return Tensors{poolGradient(get(op.getGradient()), x,
                                    get(op.getOffsets()),
                                    getPooling(op.getMode()))};
      })
      .Case([&](NormalizeGradientOp op) -> Result {
        return Tensors{
            normalizeGradient(get(op.getGradient()), get(op.getInput()))};
      })
      .Default([](Operation *op) -> Result {
        InFlightDiagnostic diagnostic =
            op->emitError("the interpreter does not know '")
            << op->getName() << "'";
        diagnostic.attachNote()
            << "help: it runs enc ops between function arguments and return";
        return diagnostic;
      });
}

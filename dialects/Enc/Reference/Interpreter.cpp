//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights of an op are read before it runs and dropped after it, so that a
// model never lies in memory as a whole; after that, an op computes without
// failing. A fused op calls the functions of the ops that it is defined by.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Arguments.h"
#include "dialects/Enc/Reference/Functions.h"
#include "dialects/Enc/Reference/WeightProvider.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <optional>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

static ScalarFunction getFunction(ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Gelu:
    return gelu;
  case ActivationKind::GeluTanh:
    return geluTanh;
  case ActivationKind::Relu:
    return relu;
  case ActivationKind::Silu:
    return silu;
  case ActivationKind::Tanh:
    return std::tanh;
  }
  llvm_unreachable("an enum attribute holds one of its cases");
}

static Pooling getPooling(PoolMode mode) {
  switch (mode) {
  case PoolMode::Cls:
    return Pooling::Cls;
  case PoolMode::Mean:
    return Pooling::Mean;
  case PoolMode::Max:
    return Pooling::Max;
  case PoolMode::MeanSqrtLen:
    return Pooling::MeanSqrtLen;
  }
  llvm_unreachable("an enum attribute holds one of its cases");
}

namespace {

class Interpreter {
public:
  Interpreter(WeightProvider &provider, const InterpreterOptions &options)
      : provider(provider), options(options) {}

  /// Runs all ops of `block` but the terminator.
  LogicalResult run(Block &block);

  void set(Value value, Tensor tensor) { values[value] = std::move(tensor); }
  const Tensor &get(Value value) { return values.find(value)->second; }

private:
  LogicalResult runLayers(LayersOp op);
  FailureOr<Tensor> evaluate(Operation *op);
  FailureOr<Tensor> evaluateFused(Operation *op);

  /// Reads the weights that `op` names.
  LogicalResult readWeights(Operation *op);
  LogicalResult readWeight(Operation *op, FlatSymbolRefAttr symbol);
  /// A weight of the current op.
  const Weight &weight(StringRef symbol) { return weights[symbol]; }
  Weight weight(std::optional<StringRef> symbol) {
    return symbol ? weights[*symbol] : Weight();
  }

  FailureOr<Tensor> embedRows(Operation *op, Value ids, StringRef table,
                              int64_t width);

  WeightProvider &provider;
  const InterpreterOptions &options;
  DenseMap<Value, Tensor> values;
  llvm::StringMap<Weight> weights;
  std::optional<int64_t> layer;
};

} // namespace

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (auto layers = dyn_cast<LayersOp>(op)) {
      if (failed(runLayers(layers)))
        return failure();
      continue;
    }
    if (failed(readWeights(&op)))
      return failure();
    FailureOr<Tensor> result = evaluate(&op);
    if (failed(result))
      return failure();
    if (options.roundToFloat)
      for (double &value : result->data)
        value = static_cast<float>(value);
    if (options.observer)
      options.observer(&op, *result);
    set(op.getResult(0), std::move(*result));
  }
  return success();
}

LogicalResult Interpreter::runLayers(LayersOp op) {
  Block &body = op.getBody().front();
  Tensor carried = get(op.getInit());
  int64_t trips = op.getTripCount();
  unsigned next = 1; // Result 0 is the final value.
  for (int64_t trip = 0; trip <= trips; ++trip) {
    if (llvm::is_contained(op.getCollect(), trip))
      set(op.getResult(next++), carried);
    if (trip == trips)
      break;
    layer = trip;
    set(body.getArgument(0), std::move(carried));
    if (failed(run(body)))
      return failure();
    carried = get(body.getTerminator()->getOperand(0));
  }
  layer.reset();
  set(op.getResult(0), std::move(carried));
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult Interpreter::readWeights(Operation *op) {
  weights.clear();
  for (NamedAttribute attribute : op->getAttrs())
    if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
      if (failed(readWeight(op, symbol)))
        return failure();
  return success();
}

LogicalResult Interpreter::readWeight(Operation *op, FlatSymbolRefAttr symbol) {
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, symbol);
  if (!weight)
    return op->emitOpError("names no enc.weight with ") << symbol;
  std::string name = weight.getTensor().str();
  if (weight.getLayers()) {
    if (!layer || *layer >= static_cast<int64_t>(*weight.getLayers()))
      return op->emitOpError("uses ") << symbol << " outside of its "
                                      << *weight.getLayers() << " layers";
    constexpr StringRef placeholder = "{layer}";
    size_t at = name.find(placeholder);
    if (at != std::string::npos)
      name.replace(at, placeholder.size(), std::to_string(*layer));
  }
  auto type = cast<RankedTensorType>(weight.getType());
  Weight &data = weights[symbol.getValue()];
  data.resize(type.getNumElements());
  if (llvm::Error error = provider.read(name, type.getShape(), data))
    return op->emitOpError("cannot read its weight ")
           << symbol << ": " << llvm::toString(std::move(error));
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

FailureOr<Tensor> Interpreter::embedRows(Operation *op, Value ids,
                                         StringRef table, int64_t width) {
  const Tensor &tokens = get(ids);
  const Weight &rows = weight(table);
  int64_t count = rows.size() / width;
  for (auto [token, id] : llvm::enumerate(tokens.data))
    if (id < 0 || id >= count)
      return op->emitOpError("expects ids within the ")
             << count << " rows of @" << table << ", got "
             << static_cast<int64_t>(id) << " at token " << token;
  return embed(tokens, rows, width);
}

FailureOr<Tensor> Interpreter::evaluate(Operation *op) {
  using Result = FailureOr<Tensor>;
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](EmbedOp op) {
        return embedRows(op, op.getIds(), op.getTable(),
                         getRowShape(op.getResult().getType())[0]);
      })
      .Case([&](LinearOp op) -> Result {
        return linear(get(op.getInput()), weight(op.getWeight()),
                      weight(op.getBias()),
                      getRowShape(op.getResult().getType())[0]);
      })
      .Case([&](LayerNormOp op) -> Result {
        return layerNorm(get(op.getInput()), weight(op.getGain()),
                         weight(op.getBias()),
                         op.getEpsilon().convertToDouble());
      })
      .Case<SplitHeadsOp, MergeHeadsOp>([&](auto op) -> Result {
        return reshapeRows(get(op.getInput()),
                           getRowShape(op.getResult().getType()));
      })
      .Case([&](PartOp op) -> Result {
        return part(get(op.getInput()), op.getIndex());
      })
      .Case([&](ScoresOp op) -> Result {
        return scores(get(op.getQuery()), get(op.getKey()),
                      get(op.getOffsets()), op.getScale().convertToDouble());
      })
      .Case([&](SoftmaxOp op) -> Result { return softmax(get(op.getInput())); })
      .Case([&](ContextOp op) -> Result {
        return context(get(op.getProbabilities()), get(op.getValue()));
      })
      .Case([&](GeluOp op) -> Result { return map(get(op.getInput()), gelu); })
      .Case([&](GeluTanhOp op) -> Result {
        return map(get(op.getInput()), geluTanh);
      })
      .Case([&](ReluOp op) -> Result { return map(get(op.getInput()), relu); })
      .Case([&](SiluOp op) -> Result { return map(get(op.getInput()), silu); })
      .Case([&](TanhOp op) -> Result {
        return map(get(op.getInput()), std::tanh);
      })
      .Case([&](AddOp op) -> Result {
        return add(get(op.getLhs()), get(op.getRhs()));
      })
      .Case([&](PoolOp op) -> Result {
        return pool(get(op.getInput()), get(op.getOffsets()),
                    getPooling(op.getMode()));
      })
      .Case([&](NormalizeOp op) -> Result {
        return normalize(get(op.getInput()));
      })
      .Default([&](Operation *op) { return evaluateFused(op); });
}

FailureOr<Tensor> Interpreter::evaluateFused(Operation *op) {
  using Result = FailureOr<Tensor>;
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](FusedEmbedNormOp op) -> Result {
        int64_t width = getRowShape(op.getResult().getType())[0];
        Result word = embedRows(op, op.getIds(), op.getWordTable(), width);
        Result type = embedRows(op, op.getTypes(), op.getTypeTable(), width);
        Result position =
            embedRows(op, op.getPositions(), op.getPositionTable(), width);
        if (failed(word) || failed(type) || failed(position))
          return failure();
        return layerNorm(add(add(*word, *type), *position),
                         weight(op.getGain()), weight(op.getBias()),
                         op.getEpsilon().convertToDouble());
      })
      .Case([&](FusedQKVOp op) -> Result {
        ArrayRef<int64_t> shape = getRowShape(op.getResult().getType());
        const Tensor &x = get(op.getInput());
        int64_t width = shape[1] * shape[2];
        std::pair<StringRef, StringRef> parts[] = {
            {op.getQuery(), op.getQueryBias()},
            {op.getKey(), op.getKeyBias()},
            {op.getValue(), op.getValueBias()}};
        Tensor result({x.rows(), 3, shape[1], shape[2]});
        for (auto [part, names] : llvm::enumerate(parts)) {
          Tensor y =
              linear(x, weight(names.first), weight(names.second), width);
          for (int64_t i = 0; i < x.rows(); ++i)
            std::copy_n(y.row(i), width, result.row(i) + part * width);
        }
        return result;
      })
      .Case([&](FusedAttentionOp op) -> Result {
        const Tensor &qkv = get(op.getQkv());
        Tensor p =
            softmax(scores(part(qkv, 0), part(qkv, 1), get(op.getOffsets()),
                           op.getScale().convertToDouble()));
        return reshapeRows(context(p, part(qkv, 2)),
                           getRowShape(op.getResult().getType()));
      })
      .Case([&](FusedLinearAddNormOp op) -> Result {
        const Tensor &residual = get(op.getResidual());
        Tensor y = linear(get(op.getInput()), weight(op.getWeight()),
                          weight(op.getBias()), residual.width());
        return layerNorm(add(y, residual), weight(op.getGain()),
                         weight(op.getNormBias()),
                         op.getEpsilon().convertToDouble());
      })
      .Case([&](FusedFeedForwardOp op) -> Result {
        const Tensor &x = get(op.getInput());
        Tensor inner = linear(x, weight(op.getUp()), weight(op.getUpBias()),
                              weight(op.getUpBias()).size());
        inner = map(std::move(inner), getFunction(op.getActivation()));
        Tensor y = linear(inner, weight(op.getDown()), weight(op.getDownBias()),
                          x.width());
        return layerNorm(add(y, x), weight(op.getGain()),
                         weight(op.getNormBias()),
                         op.getEpsilon().convertToDouble());
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

//===----------------------------------------------------------------------===//
// Entry points
//===----------------------------------------------------------------------===//

FailureOr<std::vector<NamedTensor>>
reference::interpret(func::FuncOp function, ArrayRef<Tensor> arguments,
                     WeightProvider &weights,
                     const InterpreterOptions &options) {
  Operation *root = function;
  if (auto module = function->getParentOfType<ModuleOp>())
    root = module;
  if (failed(verify(root)) || failed(checkArguments(function, arguments)))
    return failure();
  Interpreter interpreter(weights, options);
  Block &body = function.getBody().front();
  for (auto [argument, tensor] :
       llvm::zip_equal(body.getArguments(), arguments))
    interpreter.set(argument, tensor);
  if (failed(interpreter.run(body)))
    return failure();
  std::vector<NamedTensor> results;
  for (OpOperand &operand : body.getTerminator()->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    auto name = function.getResultAttrOfType<StringAttr>(index, "enc.name");
    results.push_back({name ? name.str() : "result" + std::to_string(index),
                       interpreter.get(operand.get())});
  }
  return results;
}

FailureOr<std::vector<NamedTensor>>
reference::interpret(func::FuncOp forward, const ModelInputs &inputs,
                     WeightProvider &weights,
                     const InterpreterOptions &options) {
  FailureOr<std::vector<Tensor>> arguments = bindInputs(forward, inputs);
  if (failed(arguments))
    return failure();
  return interpret(forward, *arguments, weights, options);
}

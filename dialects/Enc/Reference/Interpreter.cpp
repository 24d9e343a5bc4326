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
// failing.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/Arguments.h"
#include "dialects/Enc/Reference/Evaluator.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <optional>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

LogicalResult Evaluator::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (auto layers = dyn_cast<LayersOp>(op)) {
      if (failed(runLayers(layers)))
        return failure();
      continue;
    }
    if (auto backward = dyn_cast<LayersBackwardOp>(op)) {
      if (failed(runBackward(backward)))
        return failure();
      continue;
    }
    if (failed(readWeights(&op)))
      return failure();
    FailureOr<Tensors> results = evaluate(&op);
    if (failed(results))
      return failure();
    if (options.roundToFloat)
      for (Tensor &result : *results)
        for (double &value : result.data)
          value = static_cast<float>(value);
    if (options.observer)
      options.observer(&op, *results);
    for (auto [value, result] : llvm::zip_equal(op.getResults(), *results))
      set(value, std::move(result));
  }
  return success();
}

LogicalResult Evaluator::runLayers(LayersOp op) {
  Block &body = op.getBody().front();
  auto yield = cast<YieldOp>(body.getTerminator());
  Tensor carried = get(op.getInit());
  SmallVector<Tensor> stacks(op.getStacks().size());
  int64_t end = op.getEndTrip();
  unsigned next = 1; // Result 0 is the final value.
  for (int64_t trip = op.getFirstTrip(); trip <= end; ++trip) {
    if (llvm::is_contained(op.getCollect(), trip))
      set(op.getResult(next++), carried);
    if (trip == end)
      break;
    layer = trip;
    set(body.getArgument(0), std::move(carried));
    if (failed(run(body)))
      return failure();
    for (auto [stack, value] : llvm::zip_equal(stacks, yield.getSaved()))
      llvm::append_range(stack.data, get(value).data);
    carried = get(yield.getValue());
  }
  layer.reset();
  for (auto [value, saved, stack] :
       llvm::zip_equal(op.getStacks(), yield.getSaved(), stacks)) {
    stack.shape = {end - op.getFirstTrip()};
    llvm::append_range(stack.shape, get(saved).shape);
    stack.lengths = get(saved).lengths;
    set(value, std::move(stack));
  }
  set(op.getResult(0), std::move(carried));
  return success();
}

/// Entry `index` of a stack.
static Tensor entry(const Tensor &stack, int64_t index) {
  Tensor rows;
  rows.shape.assign(ArrayRef(stack.shape).drop_front());
  rows.lengths = stack.lengths;
  size_t size = stack.data.size() / stack.rows();
  auto begin = stack.data.begin() + index * size;
  rows.data.assign(begin, begin + size);
  return rows;
}

LogicalResult Evaluator::runBackward(LayersBackwardOp op) {
  Block &body = op.getBody().front();
  Tensor carried = get(op.getInit());
  int64_t first = op.getFirstTrip();
  for (int64_t trip = op.getEndTrip() - 1; trip >= first; --trip) {
    layer = trip;
    set(body.getArgument(0), std::move(carried));
    for (auto [argument, stack] :
         llvm::zip_equal(body.getArguments().drop_front(), op.getSaved()))
      set(argument, entry(get(stack), trip - first));
    if (failed(run(body)))
      return failure();
    carried = get(cast<YieldOp>(body.getTerminator()).getValue());
  }
  layer.reset();
  set(op.getResult(), std::move(carried));
  return success();
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

LogicalResult Evaluator::readWeights(Operation *op) {
  weights.clear();
  for (NamedAttribute attribute : op->getAttrs())
    if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
      if (failed(readWeight(op, symbol)))
        return failure();
  return success();
}

FailureOr<std::string> Evaluator::tensorName(Operation *op, WeightOp weight) {
  std::string name = weight.getTensor().str();
  if (weight.getLayers()) {
    if (!layer || *layer >= static_cast<int64_t>(*weight.getLayers()))
      return op->emitOpError("uses @")
             << weight.getSymName() << " outside of its " << *weight.getLayers()
             << " layers";
    constexpr StringRef placeholder = "{layer}";
    size_t at = name.find(placeholder);
    if (at != std::string::npos)
      name.replace(at, placeholder.size(), std::to_string(*layer));
  }
  return name;
}

LogicalResult Evaluator::readWeight(Operation *op, FlatSymbolRefAttr symbol) {
  auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, symbol);
  if (!weight)
    return op->emitOpError("names no enc.weight with ") << symbol;
  FailureOr<std::string> name = tensorName(op, weight);
  if (failed(name))
    return failure();
  auto type = cast<RankedTensorType>(weight.getType());
  Weight &data = weights[symbol.getValue()];
  data.resize(type.getNumElements());
  if (llvm::Error error = provider.read(*name, type.getShape(), data))
    return op->emitOpError("cannot read its weight ")
           << symbol << ": " << llvm::toString(std::move(error));
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult Evaluator::checkIds(Operation *op, Value ids, StringRef table,
                                  int64_t width) {
  const Tensor &tokens = get(ids);
  int64_t count = weight(table).size() / width;
  for (auto [token, id] : llvm::enumerate(tokens.data))
    if (id < 0 || id >= count)
      return op->emitOpError("expects ids within the ")
             << count << " rows of @" << table << ", got "
             << static_cast<int64_t>(id) << " at token " << token;
  return success();
}

FailureOr<Tensor> Evaluator::embedRows(Operation *op, Value ids,
                                       StringRef table, int64_t width) {
  if (failed(checkIds(op, ids, table, width)))
    return failure();
  return embed(get(ids), weight(table), width);
}

FailureOr<Tensors> Evaluator::evaluate(Operation *op) {
  using Result = FailureOr<Tensors>;
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](EmbedOp op) -> Result {
        FailureOr<Tensor> rows =
            embedRows(op, op.getIds(), op.getTable(),
                      getRowShape(op.getResult().getType())[0]);
        if (failed(rows))
          return failure();
        return Tensors{*rows};
      })
      .Case([&](LinearOp op) -> Result {
        return Tensors{linear(get(op.getInput()), weight(op.getWeight()),
                              weight(op.getBias()),
                              getRowShape(op.getResult().getType())[0])};
      })
      .Case([&](LayerNormOp op) -> Result {
        return Tensors{layerNorm(get(op.getInput()), weight(op.getGain()),
                                 weight(op.getBias()),
                                 op.getEpsilon().convertToDouble())};
      })
      .Case<SplitHeadsOp, MergeHeadsOp>([&](auto op) -> Result {
        return Tensors{reshapeRows(get(op.getInput()),
                                   getRowShape(op.getResult().getType()))};
      })
      .Case([&](PartOp op) -> Result {
        return Tensors{part(get(op.getInput()), op.getIndex())};
      })
      .Case([&](ScoresOp op) -> Result {
        return Tensors{scores(get(op.getQuery()), get(op.getKey()),
                              get(op.getOffsets()),
                              op.getScale().convertToDouble())};
      })
      .Case([&](SoftmaxOp op) -> Result {
        return Tensors{softmax(get(op.getInput()))};
      })
      .Case([&](EntryOp op) -> Result {
        return Tensors{entry(get(op.getStack()), op.getIndex())};
      })
      .Case([&](ContextOp op) -> Result {
        return Tensors{context(get(op.getProbabilities()), get(op.getValue()))};
      })
      .Case([&](GeluOp op) -> Result {
        return Tensors{map(get(op.getInput()), gelu)};
      })
      .Case([&](GeluTanhOp op) -> Result {
        return Tensors{map(get(op.getInput()), geluTanh)};
      })
      .Case([&](ReluOp op) -> Result {
        return Tensors{map(get(op.getInput()), relu)};
      })
      .Case([&](SiluOp op) -> Result {
        return Tensors{map(get(op.getInput()), silu)};
      })
      .Case([&](TanhOp op) -> Result {
        return Tensors{map(get(op.getInput()), std::tanh)};
      })
      .Case([&](AddOp op) -> Result {
        return Tensors{add(get(op.getLhs()), get(op.getRhs()))};
      })
      .Case([&](PoolOp op) -> Result {
        return Tensors{pool(get(op.getInput()), get(op.getOffsets()),
                            getPooling(op.getMode()))};
      })
      .Case([&](NormalizeOp op) -> Result {
        return Tensors{normalize(get(op.getInput()))};
      })
      .Default([&](Operation *op) { return evaluateFused(op); });
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
  Evaluator interpreter(weights, options);
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

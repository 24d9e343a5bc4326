//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The state of one run, shared by the sources that give ops their meaning.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_EVALUATOR_H
#define BERTC_DIALECTS_ENC_REFERENCE_EVALUATOR_H

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/Functions.h"
#include "dialects/Enc/Reference/Interpreter.h"
#include "dialects/Enc/Reference/TrainingFunctions.h"
#include "dialects/Enc/Reference/WeightProvider.h"
#include "llvm/ADT/DenseMap.h"
#include <optional>

namespace mlir::enc::reference {

/// The results of an op.
using Tensors = SmallVector<Tensor, 1>;

class Evaluator {
public:
  Evaluator(WeightProvider &provider, const InterpreterOptions &options)
      : provider(provider), options(options) {}

  /// Runs all ops of `block` but the terminator.
  LogicalResult run(Block &block);

  void set(Value value, Tensor tensor) { values[value] = std::move(tensor); }
  const Tensor &get(Value value) { return values.find(value)->second; }

private:
  LogicalResult runLayers(LayersOp op);
  LogicalResult runBackward(LayersBackwardOp op);

  /// Each tries its ops, then asks the next.
  FailureOr<Tensors> evaluate(Operation *op);
  FailureOr<Tensors> evaluateFused(Operation *op);
  FailureOr<Tensors> evaluateTraining(Operation *op);
  FailureOr<Tensors> evaluateGradient(Operation *op);

  /// Reads the weights that `op` names.
  LogicalResult readWeights(Operation *op);
  LogicalResult readWeight(Operation *op, FlatSymbolRefAttr symbol);
  /// The name of a weight's tensor in this trip.
  FailureOr<std::string> tensorName(Operation *op, WeightOp weight);
  /// A weight of the current op.
  const Weight &weight(StringRef symbol) { return weights[symbol]; }
  Weight weight(std::optional<StringRef> symbol) {
    return symbol ? weights[*symbol] : Weight();
  }

  /// Adds to the gradient of `symbol` if it is in `into`.
  LogicalResult accumulate(Operation *op, ArrayAttr into, StringRef symbol,
                           llvm::function_ref<std::vector<double>()> compute);
  LogicalResult accumulateLinear(Operation *op, ArrayAttr into,
                                 const Tensor &dy, const Tensor *x,
                                 StringRef weight,
                                 std::optional<StringRef> bias);

  LogicalResult checkIds(Operation *op, Value ids, StringRef table,
                         int64_t width);
  LogicalResult checkLabels(Operation *op, Value labels, int64_t classes);
  FailureOr<Tensor> embedRows(Operation *op, Value ids, StringRef table,
                              int64_t width);

  /// The dropout of `op`, which has random, site and rate, or none of them.
  template <typename Op> std::optional<DropoutSource> dropoutOf(Op op) {
    if (!op.getRandom())
      return std::nullopt;
    return dropoutSource(op.getRandom(), *op.getSite(),
                         op.getRate()->convertToDouble());
  }
  DropoutSource dropoutSource(Value random, uint64_t site, double rate);

  WeightProvider &provider;
  const InterpreterOptions &options;
  DenseMap<Value, Tensor> values;
  llvm::StringMap<Weight> weights;
  std::optional<int64_t> layer;
};

ScalarFunction getFunction(ActivationKind kind);
Pooling getPooling(PoolMode mode);

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_EVALUATOR_H

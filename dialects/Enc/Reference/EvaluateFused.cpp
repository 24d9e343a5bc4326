//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused op calls the functions of the ops that it is defined by. Its optional
// results are intermediate values of that composition.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/Evaluator.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

ScalarFunction reference::getFunction(ActivationKind kind) {
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

Pooling reference::getPooling(PoolMode mode) {
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

/// `x`, after dropout if there is one.
static Tensor drop(Tensor x, const std::optional<DropoutSource> &source) {
  return source ? dropout(std::move(x), *source) : std::move(x);
}

FailureOr<Tensors> Evaluator::evaluateFused(Operation *op) {
  using Result = FailureOr<Tensors>;
  return TypeSwitch<Operation *, Result>(op)
      .Case([&](FusedEmbedNormOp op) -> Result {
        int64_t width = getRowShape(op.getResult().getType())[0];
        auto word = embedRows(op, op.getIds(), op.getWordTable(), width);
        auto type = embedRows(op, op.getTypes(), op.getTypeTable(), width);
        auto position =
            embedRows(op, op.getPositions(), op.getPositionTable(), width);
        if (failed(word) || failed(type) || failed(position))
          return failure();
        return Tensors{layerNorm(add(add(*word, *type), *position),
                                 weight(op.getGain()), weight(op.getBias()),
                                 op.getEpsilon().convertToDouble())};
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
        return Tensors{result};
      })
      .Case([&](FusedAttentionOp op) -> Result {
        const Tensor &qkv = get(op.getQkv());
        Tensor s = scores(part(qkv, 0), part(qkv, 1), get(op.getOffsets()),
                          op.getScale().convertToDouble());
        Tensor p = softmax(s), probabilities;
        if (op.getProbabilities())
          probabilities = p;
        p = drop(std::move(p), dropoutOf(op));
        Tensors results{reshapeRows(context(p, part(qkv, 2)),
                                    getRowShape(op.getResult().getType()))};
        if (op.getLogSumExp())
          results.push_back(logSumExp(s));
        if (op.getProbabilities())
          results.push_back(std::move(probabilities));
        return results;
      })
      .Case([&](FusedLinearAddNormOp op) -> Result {
        const Tensor &residual = get(op.getResidual());
        Tensor y = linear(get(op.getInput()), weight(op.getWeight()),
                          weight(op.getBias()), residual.width());
        Tensor sum = add(drop(std::move(y), dropoutOf(op)), residual);
        Tensors results{layerNorm(sum, weight(op.getGain()),
                                  weight(op.getNormBias()),
                                  op.getEpsilon().convertToDouble())};
        if (op.getSum())
          results.push_back(std::move(sum));
        return results;
      })
      .Case([&](FusedFeedForwardOp op) -> Result {
        const Tensor &x = get(op.getInput());
        Tensor up = linear(x, weight(op.getUp()), weight(op.getUpBias()),
                           weight(op.getUpBias()).size());
        Tensor y =
            linear(map(up, getFunction(op.getActivation())),
                   weight(op.getDown()), weight(op.getDownBias()), x.width());
        Tensor sum = add(drop(std::move(y), dropoutOf(op)), x);
        Tensors results{layerNorm(sum, weight(op.getGain()),
                                  weight(op.getNormBias()),
                                  op.getEpsilon().convertToDouble())};
        if (op.getSum())
          results.push_back(std::move(sum));
        if (op.getUpResult())
          results.push_back(std::move(up));
        return results;
      })
      .Default([&](Operation *op) { return evaluateTraining(op); });
}

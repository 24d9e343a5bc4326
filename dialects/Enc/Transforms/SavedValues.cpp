//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A value is computed again where it is first read, from values that are got
// the same way, so a level never has to know what another one saves.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/Transforms/SavedValues.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::enc;

StringRef enc::describe(Recompute level) {
  switch (level) {
  case Recompute::Nothing:
    return "nothing";
  case Recompute::Norms:
    return "norms";
  case Recompute::Up:
    return "norms and activations";
  case Recompute::QKV:
    return "norms, activations and projections of attention";
  case Recompute::Layers:
    return "whole layers";
  }
  llvm_unreachable("unknown level");
}

//===----------------------------------------------------------------------===//
// Optional results
//===----------------------------------------------------------------------===//

/// `op` with other optional results; null types are none. Only results that
/// both have may have uses.
static void replace(FusedAttentionOp op, Type logSumExp) {
  OpBuilder b(op);
  auto made = FusedAttentionOp::create(
      b, op.getLoc(), op.getResult().getType(), logSumExp,
      /*probabilities=*/Type(), op.getQkv(), op.getOffsets(), op.getRandom(),
      op.getScaleAttr(), op.getSiteAttr(), op.getRateAttr(), op.getPlanAttr());
  op.getResult().replaceAllUsesWith(made.getResult());
  op.erase();
}

static void replace(FusedLinearAddNormOp op, Type sum) {
  OpBuilder b(op);
  auto made = FusedLinearAddNormOp::create(
      b, op.getLoc(), op.getResult().getType(), sum, op.getInput(),
      op.getResidual(), op.getRandom(), op.getWeightAttr(), op.getBiasAttr(),
      op.getGainAttr(), op.getNormBiasAttr(), op.getEpsilonAttr(),
      op.getSiteAttr(), op.getRateAttr(), op.getPlanAttr());
  op.getResult().replaceAllUsesWith(made.getResult());
  op.erase();
}

static void replace(FusedFeedForwardOp op, Type sum, Type up) {
  OpBuilder b(op);
  auto made = FusedFeedForwardOp::create(
      b, op.getLoc(), op.getResult().getType(), sum, up, op.getInput(),
      op.getRandom(), op.getActivationAttr(), op.getUpAttr(),
      op.getUpBiasAttr(), op.getDownAttr(), op.getDownBiasAttr(),
      op.getGainAttr(), op.getNormBiasAttr(), op.getEpsilonAttr(),
      op.getSiteAttr(), op.getRateAttr(), op.getPlanAttr());
  op.getResult().replaceAllUsesWith(made.getResult());
  if (op.getSum() && made.getSum())
    op.getSum().replaceAllUsesWith(made.getSum());
  if (op.getUpResult() && made.getUpResult())
    op.getUpResult().replaceAllUsesWith(made.getUpResult());
  op.erase();
}

/// The columns between the linear layers of `op`.
static int64_t innerSize(FusedFeedForwardOp op) {
  auto weight =
      SymbolTable::lookupNearestSymbolFrom<WeightOp>(op, op.getUpAttr());
  return cast<RankedTensorType>(weight.getType()).getDimSize(0);
}

template <typename Op> static SmallVector<Op> all(func::FuncOp function) {
  SmallVector<Op> ops;
  function.walk([&](Op op) { ops.push_back(op); });
  return ops;
}

void enc::addBackwardResults(func::FuncOp function) {
  for (auto op : all<FusedAttentionOp>(function)) {
    Type qkv = op.getQkv().getType();
    replace(op, TokensType::get({getRowShape(qkv)[1]}, getRowElementType(qkv)));
  }
  for (auto op : all<FusedLinearAddNormOp>(function))
    replace(op, op.getResult().getType());
  for (auto op : all<FusedFeedForwardOp>(function)) {
    Type type = op.getResult().getType();
    replace(op, type,
            TokensType::get({innerSize(op)}, getRowElementType(type)));
  }
}

static bool isUnused(Value value) { return value && value.use_empty(); }
static Type typeIfUsed(Value value) {
  return value && !value.use_empty() ? value.getType() : Type();
}

void enc::dropUnusedResults(func::FuncOp function) {
  for (auto op : all<FusedAttentionOp>(function))
    if (isUnused(op.getLogSumExp()))
      replace(op, Type());
  for (auto op : all<FusedLinearAddNormOp>(function))
    if (isUnused(op.getSum()))
      replace(op, Type());
  for (auto op : all<FusedFeedForwardOp>(function))
    if (isUnused(op.getSum()) || isUnused(op.getUpResult()))
      replace(op, typeIfUsed(op.getSum()), typeIfUsed(op.getUpResult()));
}

//===----------------------------------------------------------------------===//
// Saved or computed again
//===----------------------------------------------------------------------===//

Value SavedValues::get(OpBuilder &b, Value value) {
  if (value.getParentBlock() != &forward)
    return value; // Offsets and the like live above both loops.
  if (Value known = available.lookupOrNull(value))
    return known;
  if (Value again = recompute(b, value)) {
    available.map(value, again);
    return again;
  }
  values.push_back(value);
  Value argument = backward.addArgument(value.getType(), value.getLoc());
  available.map(value, argument);
  return argument;
}

Value SavedValues::recompute(OpBuilder &b, Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || level == Recompute::Nothing)
    return {};
  if (level == Recompute::Layers) {
    for (Value operand : op->getOperands())
      available.map(operand, get(b, operand));
    b.clone(*op, available);
    return available.lookup(value);
  }
  return TypeSwitch<Operation *, Value>(op)
      .Case([&](FusedLinearAddNormOp op) -> Value {
        if (value != op.getResult())
          return {};
        return LayerNormOp::create(b, op.getLoc(), get(b, op.getSum()),
                                   op.getGainAttr(), op.getNormBiasAttr(),
                                   op.getEpsilonAttr(), /*plan=*/Attribute());
      })
      .Case([&](FusedFeedForwardOp op) -> Value {
        if (value != op.getUpResult() || level < Recompute::Up)
          return {};
        return LinearOp::create(b, op.getLoc(), value.getType(),
                                get(b, op.getInput()), op.getUpAttr(),
                                op.getUpBiasAttr(), /*plan=*/Attribute());
      })
      .Case([&](FusedQKVOp op) -> Value {
        if (level < Recompute::QKV)
          return {};
        for (Value operand : op->getOperands())
          available.map(operand, get(b, operand));
        return b.clone(*op, available)->getResult(0);
      })
      .Default([](Operation *) { return Value(); });
}

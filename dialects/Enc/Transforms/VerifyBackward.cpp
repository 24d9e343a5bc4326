//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A list of what may remain, as for the fused stage, but for both directions: a
// training function is a fused forward pass and its gradients.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/Passes.h"

namespace mlir::enc {
#define GEN_PASS_DEF_VERIFYBACKWARDPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

static bool isForward(Operation *op) {
  return isa<func::FuncOp, func::ReturnOp, LayersOp, YieldOp, EmbedOp, LinearOp,
             LayerNormOp, AddOp, GeluOp, GeluTanhOp, ReluOp, SiluOp, TanhOp,
             PoolOp, NormalizeOp, FusedEmbedNormOp, FusedQKVOp,
             FusedAttentionOp, FusedLinearAddNormOp, FusedFeedForwardOp,
             DropoutOp, CrossEntropyOp, MseOp, BinaryCrossEntropyOp,
             SpanLossOp>(op);
}

static bool isGradient(Operation *op) {
  return isa<LayersBackwardOp, EmbedGradientOp, FusedEmbedNormGradientOp,
             LinearInputGradientOp, LinearWeightGradientOp, LayerNormGradientOp,
             AttentionGradientOp, FusedQKVInputGradientOp,
             FusedQKVWeightGradientOp, ActivationGradientOp,
             FusedActivationGradientOp, PoolGradientOp, NormalizeGradientOp,
             CrossEntropyGradientOp, MseGradientOp,
             BinaryCrossEntropyGradientOp, SpanLossGradientOp>(op);
}

/// Rows of f32: of one dimension, or queries, keys and values.
static bool isRows(Type type) {
  size_t rank = getRowShape(type).size();
  return (rank == 1 || rank == 3) && getRowElementType(type).isF32();
}

static bool mayBeResult(Type type) {
  if (auto stack = dyn_cast<StackType>(type))
    type = stack.getRows();
  if (auto scalar = dyn_cast<ScalarType>(type))
    return scalar.getElementType().isF32();
  return isRows(type);
}

static LogicalResult verifyBackward(Operation *op) {
  if (!isForward(op) && !isGradient(op))
    return op->emitOpError("has no place in a training function");
  for (Type type : op->getResultTypes())
    if (!mayBeResult(type))
      return op->emitOpError("has results of type ")
             << type << " in a training function, expected f32 rows";
  return success();
}

namespace {
struct VerifyBackwardPass
    : public enc::impl::VerifyBackwardPassBase<VerifyBackwardPass> {
  using Base::Base;

  void runOnOperation() override {
    bool valid = true;
    getOperation().walk(
        [&](Operation *op) { valid &= succeeded(verifyBackward(op)); });
    if (!valid)
      signalPassFailure();
  }
};
} // namespace

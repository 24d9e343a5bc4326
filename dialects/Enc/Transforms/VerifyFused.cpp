//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A list of what may remain rather than of what may not: an op that a user adds
// needs a kernel before it needs a place here.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::enc {
#define GEN_PASS_DEF_VERIFYFUSEDPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

/// Ops of attention that only mean something to its fusions.
static bool isPartOfAttention(Operation *op) {
  return isa<ScoresOp, SoftmaxOp, ContextOp, SplitHeadsOp, MergeHeadsOp,
             PartOp>(op);
}

static bool mayRemain(Operation *op) {
  return isa<func::FuncOp, func::ReturnOp, LayersOp, YieldOp, EmbedOp, LinearOp,
             LayerNormOp, AddOp, GeluOp, GeluTanhOp, ReluOp, SiluOp, TanhOp,
             PoolOp, NormalizeOp, EntryOp, FusedEmbedNormOp, FusedQKVOp,
             FusedAttentionOp, FusedLinearAddNormOp, FusedFeedForwardOp>(op);
}

static bool isIds(Type type) {
  return isa<TokensType>(type) && getRowShape(type).empty() &&
         getRowElementType(type).isInteger(32);
}

/// Labels, and what dropout draws from.
static bool isForTraining(Type type) {
  if (isa<RandomType>(type))
    return true;
  ArrayRef<int64_t> shape = getRowShape(type);
  return isa<SequencesType>(type) && getRowElementType(type).isInteger(32) &&
         (shape.empty() || shape == ArrayRef<int64_t>{2});
}

static bool isRow(Type type) {
  return getRowShape(type).size() == 1 && getRowElementType(type).isF32();
}

/// What a model has only while it learns.
static bool isForTraining(Operation *op) {
  return isa<DropoutOp, CrossEntropyOp, MseOp, BinaryCrossEntropyOp,
             SpanLossOp>(op);
}

/// Dropout inside of `op`.
static bool hasDropout(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<FusedAttentionOp, FusedLinearAddNormOp, FusedFeedForwardOp>(
          [](auto fused) { return bool(fused.getRandom()); })
      .Default([](Operation *) { return false; });
}

/// Probabilities that the function hands out.
static bool isStackOfScores(Type type) {
  auto stack = dyn_cast<StackType>(type);
  return stack && isa<ScoresType>(stack.getRows());
}

/// What only the backward pass makes of a fused function.
static LogicalResult verifyNotBackward(Operation *op) {
  if (auto layers = dyn_cast<LayersOp>(op)) {
    bool saves = llvm::any_of(layers.getStacks(), [](Value stack) {
      return !isStackOfScores(stack.getType());
    });
    if (layers.getFrom() || layers.getTo() || saves)
      return op->emitOpError("has no kernel for some of the layers, or for "
                             "saved values, before the backward pass");
    return success();
  }
  auto attention = dyn_cast<FusedAttentionOp>(op);
  if ((attention && attention.getLogSumExp()) ||
      (isa<FusedLinearAddNormOp, FusedFeedForwardOp>(op) &&
       op->getNumResults() > 1))
    return op->emitOpError("has results for the backward pass, which has not "
                           "been made yet");
  return success();
}

static LogicalResult verifyFused(Operation *op, bool training) {
  if (failed(verifyNotBackward(op)))
    return failure();
  if (training && isForTraining(op))
    return success();
  if (auto attention = dyn_cast<FusedAttentionOp>(op);
      training && attention && attention.getProbabilities())
    return op->emitOpError("hands out its probabilities, which training has "
                           "no kernel for");
  if (!training && (isForTraining(op) || hasDropout(op))) {
    op->emitOpError("belongs to training, so it may not remain in inference")
            .attachNote()
        << "help: drop losses and dropout, or generate the backward pass";
    return failure();
  }
  if (isPartOfAttention(op)) {
    op->emitOpError("has no kernel outside of enc.fused_attention").attachNote()
        << "help: the remarks of enc-fuse-qkv and enc-fuse-attention tell why "
           "it was not fused";
    return failure();
  }
  if (!mayRemain(op))
    return op->emitOpError("has no kernel, so it may not remain after fusion");
  // Ids and offsets come from arguments only, query, key and value side by side
  // from their projection.
  for (Type type : op->getResultTypes())
    if (!isRow(type) && !isa<FusedQKVOp>(op) && !isStackOfScores(type) &&
        !(isa<FusedAttentionOp, EntryOp>(op) && isa<ScoresType>(type)))
      return op->emitOpError("has no kernel for results of type ")
             << type << ", expected f32 rows";
  return success();
}

namespace {
struct VerifyFusedPass
    : public enc::impl::VerifyFusedPassBase<VerifyFusedPass> {
  using Base::Base;

  void runOnOperation() override {
    bool valid = true;
    for (auto [i, type] : llvm::enumerate(getOperation().getArgumentTypes()))
      if (!isIds(type) && !isRow(type) && !isa<OffsetsType>(type) &&
          !(training && isForTraining(type))) {
        getOperation().emitOpError("has no kernel for argument ")
            << i << " of type " << type
            << ", expected f32 rows, ids or offsets";
        valid = false;
      }
    getOperation().walk(
        [&](Operation *op) { valid &= succeeded(verifyFused(op, training)); });
    if (!valid)
      signalPassFailure();
  }
};
} // namespace

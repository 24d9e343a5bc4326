//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Anchored at enc.scores. The fused op reads query, key and value from one
// buffer, hence the precondition that enc-fuse-qkv made it.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/FusionReport.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir::enc {
#define GEN_PASS_DEF_FUSEATTENTIONPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

/// The fused projection that `value` is part `index` of.
static FusedQKVOp projectionOf(Value value, uint64_t index) {
  auto part = value.getDefiningOp<PartOp>();
  if (!part || part.getIndex() != index)
    return {};
  return part.getInput().getDefiningOp<FusedQKVOp>();
}

/// The only user of `value` if it is an `Op`.
template <typename Op> static Op onlyUser(Value value) {
  return value.hasOneUse() ? dyn_cast<Op>(*value.getUsers().begin()) : Op();
}

/// The context made of `probabilities` if it is the only one and all else that
/// is done with them is to hand them out.
static ContextOp readerOf(Value probabilities) {
  ContextOp reader;
  for (Operation *user : probabilities.getUsers()) {
    if (isa<YieldOp, func::ReturnOp>(user))
      continue;
    auto context = dyn_cast<ContextOp>(user);
    if (!context || reader)
      return {};
    reader = context;
  }
  return reader;
}

static void fuse(ScoresOp scores, FusionReport &report) {
  auto softmax = onlyUser<SoftmaxOp>(scores.getResult());
  if (!softmax)
    return report.missed(scores, "the scores have other uses than a softmax");
  auto dropout = onlyUser<DropoutOp>(softmax.getResult());
  auto context = dropout ? onlyUser<ContextOp>(dropout.getResult())
                         : readerOf(softmax.getResult());
  if (!context)
    return report.missed(scores, "the probabilities have other uses than one "
                                 "context and being handed out");
  auto merge = onlyUser<MergeHeadsOp>(context.getResult());
  if (!merge)
    return report.missed(scores,
                         "the context has other uses than merged heads");
  if (scores.getOffsets() != context.getOffsets())
    return report.missed(scores, "scores and context have different offsets");
  FusedQKVOp qkv = projectionOf(scores.getQuery(), 0);
  if (!qkv || projectionOf(scores.getKey(), 1) != qkv ||
      projectionOf(context.getValue(), 2) != qkv)
    return report.missed(scores,
                         "query, key and value are not the parts of one "
                         "enc.fused_qkv");

  OpBuilder b(merge);
  bool handedOut = !dropout && !softmax.getResult().hasOneUse();
  auto fused = FusedAttentionOp::create(
      b, scores.getLoc(), qkv.getResult(), scores.getOffsets(),
      scores.getScaleAttr(), handedOut, /*plan=*/Attribute());
  if (dropout)
    takeDropout(fused, dropout);
  merge.getResult().replaceAllUsesWith(fused.getResult());
  if (handedOut)
    softmax.getResult().replaceUsesWithIf(
        fused.getProbabilities(),
        [&](OpOperand &use) { return use.getOwner() != context; });
  Operation *parts[] = {scores.getQuery().getDefiningOp(),
                        scores.getKey().getDefiningOp(),
                        context.getValue().getDefiningOp()};
  eraseChain({context, merge});
  if (dropout)
    dropout.erase();
  eraseChain({scores, softmax});
  for (Operation *part : parts)
    if (part->use_empty())
      part->erase();
  report.passed(fused);
}

namespace {
struct FuseAttentionPass
    : public enc::impl::FuseAttentionPassBase<FuseAttentionPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(fuseEach<ScoresOp>(getOperation(), "attention", require, fuse)))
      signalPassFailure();
  }
};
} // namespace

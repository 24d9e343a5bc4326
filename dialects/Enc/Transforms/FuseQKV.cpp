//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Anchored at enc.scores, from which query, key and (through softmax) value are
// found.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/FusionReport.h"
#include "dialects/Enc/Transforms/Passes.h"

namespace mlir::enc {
#define GEN_PASS_DEF_FUSEQKVPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

/// The enc.context that multiplies the probabilities of `scores`.
static ContextOp contextOf(ScoresOp scores) {
  for (Operation *user : scores->getUsers())
    if (auto softmax = dyn_cast<SoftmaxOp>(user))
      for (Operation *next : softmax->getUsers()) {
        if (isa<DropoutOp>(next) && next->hasOneUse())
          next = *next->user_begin();
        if (auto context = dyn_cast<ContextOp>(next))
          return context;
      }
  return {};
}

static void fuse(ScoresOp scores, FusionReport &report) {
  ContextOp context = contextOf(scores);
  if (!context)
    return report.missed(scores, "its probabilities reach no enc.context");
  Value roles[] = {scores.getQuery(), scores.getKey(), context.getValue()};
  const char *names[] = {"query", "key", "value"};
  SplitHeadsOp splits[3];
  LinearOp linears[3];
  for (int i = 0; i < 3; ++i) {
    splits[i] = roles[i].getDefiningOp<SplitHeadsOp>();
    if (splits[i])
      linears[i] = splits[i].getInput().getDefiningOp<LinearOp>();
    if (!linears[i])
      return report.missed(scores, Twine("the ") + names[i] +
                                       " is no linear layer split into heads");
    if (!linears[i].getBias())
      return report.missed(scores, Twine("the ") + names[i] +
                                       " projection has no bias");
    // A layered weight may not leave its loop.
    if (linears[i]->getBlock() != scores->getBlock())
      return report.missed(scores, Twine("the ") + names[i] +
                                       " is projected in another block");
    if (linears[i].getInput() != linears[0].getInput())
      return report.missed(scores, Twine("query and ") + names[i] +
                                       " read different values");
    if (splits[i].getType() != splits[0].getType())
      return report.missed(scores, Twine("query and ") + names[i] +
                                       " are split into different heads");
    if (!roles[i].hasOneUse() || !splits[i].getInput().hasOneUse())
      return report.missed(scores,
                           Twine("the ") + names[i] + " has other uses");
  }

  Type heads = splits[0].getType();
  ArrayRef<int64_t> shape = getRowShape(heads);
  // The first of the three in program order: the input dominates it.
  LinearOp first = linears[0];
  for (LinearOp linear : linears)
    if (linear->isBeforeInBlock(first))
      first = linear;
  OpBuilder b(first);
  auto fused = FusedQKVOp::create(
      b, first.getLoc(),
      TokensType::get({3, shape[0], shape[1]}, getRowElementType(heads)),
      first.getInput(), linears[0].getWeightAttr(), linears[1].getWeightAttr(),
      linears[2].getWeightAttr(), linears[0].getBiasAttr(),
      linears[1].getBiasAttr(), linears[2].getBiasAttr(),
      /*plan=*/Attribute());
  for (int i = 0; i < 3; ++i) {
    auto part = PartOp::create(b, splits[i].getLoc(), fused.getResult(),
                               b.getI64IntegerAttr(i));
    splits[i].replaceAllUsesWith(part.getResult());
  }
  // Only now: the builder stands before one of these.
  for (int i = 0; i < 3; ++i)
    eraseChain({linears[i], splits[i]});
  report.passed(fused);
}

namespace {
struct FuseQKVPass : public enc::impl::FuseQKVPassBase<FuseQKVPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(fuseEach<ScoresOp>(getOperation(), "qkv", require, fuse)))
      signalPassFailure();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Anchored at enc.layer_norm of a sum with a linear layer in it.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/FusionReport.h"
#include "dialects/Enc/Transforms/Passes.h"

namespace mlir::enc {
#define GEN_PASS_DEF_FUSELINEARADDNORMPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

/// The linear layer that makes `value`, dropout or not.
static LinearOp linearBehind(Value value) {
  if (auto dropout = value.getDefiningOp<DropoutOp>())
    value = dropout.getInput();
  return value.getDefiningOp<LinearOp>();
}

static void fuse(LayerNormOp norm, FusionReport &report) {
  auto add = norm.getInput().getDefiningOp<AddOp>();
  if (!add)
    return;
  // Either side may be the linear layer; addition commutes exactly.
  Value residual = add.getRhs();
  LinearOp linear = linearBehind(add.getLhs());
  if (!linear || !add.getLhs().hasOneUse()) {
    if (LinearOp other = linearBehind(add.getRhs())) {
      linear = other;
      residual = add.getLhs();
    }
  }
  if (!linear)
    return; // no linear layer in the sum
  if (!isa<TokensType>(norm.getType()))
    return report.missed(norm, "the rows are sequences, expected tokens");
  // A layered weight may not leave its loop, nor a plain layer be repeated.
  if (linear->getBlock() != norm->getBlock())
    return report.missed(norm, "the linear layer is in another block");
  if (!linear.getResult().hasOneUse())
    return report.missed(norm, "the linear layer has other uses");
  auto dropout = dyn_cast<DropoutOp>(*linear->user_begin());
  if (dropout && !dropout.getResult().hasOneUse())
    return report.missed(norm, "the dropout has other uses");
  if (!add.getResult().hasOneUse())
    return report.missed(norm, "the sum has other uses");
  if (!linear.getBias())
    return report.missed(norm, "the linear layer has no bias");

  OpBuilder b(norm);
  auto fused = FusedLinearAddNormOp::create(
      b, norm.getLoc(), linear.getInput(), residual, linear.getWeightAttr(),
      linear.getBiasAttr(), norm.getGainAttr(), norm.getBiasAttr(),
      norm.getEpsilonAttr(), /*plan=*/Attribute());
  if (dropout)
    takeDropout(fused, dropout);
  norm.getResult().replaceAllUsesWith(fused.getResult());
  norm.erase();
  add.erase();
  if (dropout)
    dropout.erase();
  linear.erase();
  report.passed(fused);
}

namespace {
struct FuseLinearAddNormPass
    : public enc::impl::FuseLinearAddNormPassBase<FuseLinearAddNormPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(fuseEach<LayerNormOp>(getOperation(), "linear-add-norm", require,
                                     fuse)))
      signalPassFailure();
  }
};
} // namespace

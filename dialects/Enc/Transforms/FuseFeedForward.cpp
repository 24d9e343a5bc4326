//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Anchored at enc.fused_linear_add_norm behind an activation.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/FusionReport.h"
#include "dialects/Enc/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

namespace mlir::enc {
#define GEN_PASS_DEF_FUSEFEEDFORWARDPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

static std::optional<ActivationKind> activationOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<ActivationKind>>(op)
      .Case([](GeluOp) { return ActivationKind::Gelu; })
      .Case([](GeluTanhOp) { return ActivationKind::GeluTanh; })
      .Case([](ReluOp) { return ActivationKind::Relu; })
      .Case([](SiluOp) { return ActivationKind::Silu; })
      .Case([](TanhOp) { return ActivationKind::Tanh; })
      .Default([](Operation *) { return std::nullopt; });
}

static void fuse(FusedLinearAddNormOp down, FusionReport &report) {
  Operation *producer = down.getInput().getDefiningOp();
  if (!producer)
    return;
  std::optional<ActivationKind> activation = activationOf(producer);
  if (!activation)
    return; // the output projection of attention
  auto up = producer->getOperand(0).getDefiningOp<LinearOp>();
  if (!up)
    return report.missed(down, "the activation's input is no linear layer");
  // A layered weight may not leave its loop, nor a plain layer be repeated.
  if (up->getBlock() != down->getBlock())
    return report.missed(down, "the first linear layer is in another block");
  if (!up.getBias())
    return report.missed(down, "the first linear layer has no bias");
  if (up.getInput() != down.getResidual())
    return report.missed(down, "the residual is not the block's input");
  if (!up.getResult().hasOneUse() || !down.getInput().hasOneUse())
    return report.missed(down, "the intermediate has other uses");

  OpBuilder b(down);
  auto fused = FusedFeedForwardOp::create(
      b, down.getLoc(), down.getResult().getType(), /*sum=*/Type(),
      /*up=*/Type(), up.getInput(), down.getRandom(),
      ActivationKindAttr::get(b.getContext(), *activation), up.getWeightAttr(),
      up.getBiasAttr(), down.getWeightAttr(), down.getBiasAttr(),
      down.getGainAttr(), down.getNormBiasAttr(), down.getEpsilonAttr(),
      down.getSiteAttr(), down.getRateAttr(), /*plan=*/Attribute());
  down.getResult().replaceAllUsesWith(fused.getResult());
  eraseChain({up, producer, down});
  report.passed(fused);
}

namespace {
struct FuseFeedForwardPass
    : public enc::impl::FuseFeedForwardPassBase<FuseFeedForwardPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(fuseEach<FusedLinearAddNormOp>(getOperation(), "feed-forward",
                                              require, fuse)))
      signalPassFailure();
  }
};
} // namespace

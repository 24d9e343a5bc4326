//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What has no kernel must be gone by the end of the fused stage.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/Passes.h"

namespace mlir::enc {
#define GEN_PASS_DEF_VERIFYFUSEDPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

namespace {
struct VerifyFusedPass
    : public enc::impl::VerifyFusedPassBase<VerifyFusedPass> {
  using Base::Base;

  void runOnOperation() override {
    bool valid = true;
    getOperation().walk([&](Operation *op) {
      if (!isa<ScoresOp, SoftmaxOp, ContextOp, SplitHeadsOp, MergeHeadsOp,
               PartOp>(op))
        return;
      op->emitOpError("has no kernel by itself; fuse qkv and attention (the "
                      "remarks of these passes tell what is in the way)");
      valid = false;
    });
    if (!valid)
      signalPassFailure();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes plans on ops. The sizes a plan depends on are those of the padded
// weights, as the kernels see them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/Passes.h"
#include "compiler/Plan/PlanAttributes.h"
#include "compiler/Target/Precision.h"
#include "compiler/Target/Target.h"
#include "dialects/Enc/IR/EncOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

namespace bertc {
#define GEN_PASS_DEF_PLANPASS
#include "compiler/Plan/Passes.h.inc"
} // namespace bertc

using namespace mlir;
using namespace bertc;

static int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

static int64_t lastColumns(Type type) {
  return padded(enc::getRowShape(type).back());
}

/// Columns of `x` as the kernels see them. Attention leaves its heads padded.
static int64_t depthOf(Value x) {
  if (auto attention = x.getDefiningOp<enc::FusedAttentionOp>()) {
    ArrayRef<int64_t> qkv = enc::getRowShape(attention.getQkv().getType());
    return qkv[1] * padded(qkv[2]);
  }
  return lastColumns(x.getType());
}

/// The columns of queries, keys and values together.
static int64_t qkvColumns(Type type) {
  ArrayRef<int64_t> shape = enc::getRowShape(type);
  return shape[0] * shape[1] * padded(shape[2]);
}

/// Gradients are computed in float32, whatever the precision of inference.
static Attribute planForGradient(Operation *op, const TargetInfo &target) {
  MLIRContext *context = op->getContext();
  auto linear = [&](int64_t depth, int64_t columns) {
    return toAttribute(context,
                       planLinear(target, Precision::F32, depth, columns));
  };
  auto weight = [&](int64_t columns) {
    return toAttribute(context, planWeightGradient(target, columns));
  };
  return llvm::TypeSwitch<Operation *, Attribute>(op)
      .Case([&](enc::LinearInputGradientOp o) {
        return linear(lastColumns(o.getGradient().getType()),
                      lastColumns(o.getType()));
      })
      .Case([&](enc::FusedActivationGradientOp o) {
        return linear(lastColumns(o.getGradient().getType()),
                      lastColumns(o.getUp().getType()));
      })
      .Case([&](enc::FusedQKVInputGradientOp o) {
        return linear(qkvColumns(o.getGradient().getType()),
                      lastColumns(o.getType()));
      })
      .Case([&](enc::LinearWeightGradientOp o) {
        return weight(lastColumns(o.getGradient().getType()));
      })
      .Case([&](enc::FusedQKVWeightGradientOp o) {
        return weight(qkvColumns(o.getGradient().getType()) / 3);
      })
      .Case([&](enc::AttentionGradientOp o) {
        int64_t size = enc::getRowShape(o.getQkv().getType())[2];
        return toAttribute(context,
                           planAttentionGradient(target, padded(size)));
      })
      .Default([](Operation *) { return Attribute(); });
}

static Attribute planFor(Operation *op, const TargetInfo &target,
                         Precision precision) {
  MLIRContext *context = op->getContext();
  auto linear = [&](int64_t depth, int64_t columns) {
    return toAttribute(context, planLinear(target, precision, depth, columns));
  };
  return llvm::TypeSwitch<Operation *, Attribute>(op)
      .Case<enc::LinearOp, enc::FusedLinearAddNormOp>([&](auto o) {
        return linear(depthOf(o.getInput()), lastColumns(o.getType()));
      })
      .Case([&](enc::FusedQKVOp o) {
        return linear(depthOf(o.getInput()), qkvColumns(o.getType()));
      })
      .Case([&](enc::FusedAttentionOp o) {
        int64_t size = enc::getRowShape(o.getQkv().getType())[2];
        return toAttribute(context,
                           planAttention(target, precision, padded(size)));
      })
      .Case([&](enc::FusedFeedForwardOp o) {
        auto up = SymbolTable::lookupNearestSymbolFrom<enc::WeightOp>(
            o, o.getUpAttr());
        int64_t hidden = lastColumns(o.getType());
        int64_t middle =
            padded(cast<RankedTensorType>(up.getType()).getShape()[0]);
        FeedForwardPlan plan =
            planFeedForward(target, precision, hidden, middle);
        Builder b(context);
        return b.getDictionaryAttr(
            {b.getNamedAttr("down", toAttribute(context, plan.down)),
             b.getNamedAttr("up", toAttribute(context, plan.up))});
      })
      .Default([&](Operation *o) { return planForGradient(o, target); });
}

namespace {
struct PlanPass : public bertc::impl::PlanPassBase<PlanPass> {
  using Base::Base;

  void runOnOperation() override {
    const TargetInfo *info = findTarget(target);
    if (!info) {
      InFlightDiagnostic error = getOperation().emitError("unknown target '");
      error << target << "', expected one of";
      for (const TargetInfo &known : cpuTargets())
        error << ' ' << known.name;
      return signalPassFailure();
    }
    std::optional<Precision> found = findPrecision(precision);
    if (!found) {
      getOperation().emitError("unknown precision '")
          << precision << "', expected one of "
          << llvm::join(precisionNames(), " ");
      return signalPassFailure();
    }
    Builder b(&getContext());
    if (precision != precisionName(Precision::F32))
      getOperation()->setAttr(precisionAttributeName,
                              b.getStringAttr(precision));
    getOperation()->setAttr(targetName, b.getStringAttr(info->name));
    getOperation()->setAttr(rowSplitTokensName,
                            b.getI64IntegerAttr(planRowSplitTokens(*info)));
    getOperation().walk([&](Operation *op) {
      if (op->hasAttr("plan"))
        return;
      if (Attribute plan = planFor(op, *info, *found))
        op->setAttr("plan", plan);
    });
  }
};
} // namespace

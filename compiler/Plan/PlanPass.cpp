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
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "runtime/abi/abi.h"
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

static Attribute planForGradient(Operation *op, const TargetInfo &target,
                                 Precision precision) {
  MLIRContext *context = op->getContext();
  auto linear = [&](int64_t depth, int64_t columns) {
    return toAttribute(context, planLinear(target, precision, depth, columns));
  };
  auto weight = [&](int64_t columns) {
    return toAttribute(context, planWeightGradient(target, columns, precision));
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
      .Default(
          [&](Operation *o) { return planForGradient(o, target, precision); });
}

/// What an op of a training function multiplies. Layers do nearly all the work;
/// attention needs the log-sum-exp, which it has in float32.
static Precision trainingPrecision(Operation *op, const TargetInfo &target,
                                   Precision precision) {
  bool inLayers = op->getParentOfType<enc::LayersOp>() ||
                  op->getParentOfType<enc::LayersBackwardOp>();
  bool narrow = target.has(BERTC_CPU_AMX_BF16) && inLayers &&
                !isa<enc::FusedAttentionOp>(op);
  return narrow ? precision : Precision::F32;
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
    std::optional<Precision> training = findPrecision(trainPrecision);
    if (!found || !training) {
      getOperation().emitError("unknown precision '")
          << (found ? trainPrecision : precision) << "', expected one of "
          << llvm::join(precisionNames(), " ");
      return signalPassFailure();
    }
    if (found == Precision::F16) {
      getOperation().emitError("no processor has the precision 'f16', expected "
                               "one of f32 bf16 int8 bf16-w8 f32-fast");
      return signalPassFailure();
    }
    if (training != Precision::F32 && training != Precision::BF16) {
      getOperation().emitError("cannot train in precision '")
          << trainPrecision << "', expected f32 or bf16";
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
      auto function = op->getParentOfType<FunctionOpInterface>();
      bool trains = function && function.getName() == "train";
      Precision own = trains ? trainingPrecision(op, *info, *training) : *found;
      if (Attribute plan = planFor(op, *info, own))
        op->setAttr("plan", plan);
    });
  }
};
} // namespace

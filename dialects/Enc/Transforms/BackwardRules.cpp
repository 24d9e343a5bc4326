//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rules write gradients of weights before that of the input: the kernels of the
// former read what the latter needs no more.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/Transforms/BackwardRules.h"
#include "dialects/Enc/IR/EncOps.h"

using namespace mlir;
using namespace mlir::enc;

BackwardContext::~BackwardContext() = default;

Value BackwardContext::take(Value value) {
  Value gradient = gradients.lookup(value);
  gradients.erase(value);
  return gradient;
}

void BackwardContext::add(Value value, Value gradient) {
  if (!needsGradient(value))
    return;
  Value &sum = gradients[value];
  sum = sum ? Value(AddOp::create(b, gradient.getLoc(), sum, gradient))
            : gradient;
}

//===----------------------------------------------------------------------===//
// Shared parts
//===----------------------------------------------------------------------===//

/// Gradients of the weights of a linear layer, where they learn.
static void linearWeights(Operation *op, BackwardContext &c, Value dy,
                          Value input, FlatSymbolRefAttr weight,
                          FlatSymbolRefAttr bias) {
  ArrayAttr into = c.into({weight, bias});
  if (into.empty())
    return;
  // The bias needs no input, so nothing is saved for it.
  Value x = llvm::is_contained(into, weight) ? c.forward(input) : Value();
  LinearWeightGradientOp::create(c.b, op->getLoc(), dy, x, weight, bias, into,
                                 /*plan=*/Attribute());
}

/// Gradient of the input of a linear layer, if needed.
static void linearInput(Operation *op, BackwardContext &c, Value dy,
                        Value input, FlatSymbolRefAttr weight) {
  if (!c.needsGradient(input))
    return;
  Value plus = c.take(input);
  c.add(input,
        LinearInputGradientOp::create(c.b, op->getLoc(), input.getType(), dy,
                                      plus, weight, /*plan=*/Attribute()));
}

/// The gradient before the dropout of `op`, if it has one.
template <typename Op>
static Value undrop(Op op, BackwardContext &c, Value dy) {
  if (!op.getRandom())
    return dy;
  return DropoutOp::create(c.b, op.getLoc(), dy.getType(), dy, op.getRandom(),
                           op.getSiteAttr(), op.getRateAttr());
}

static Value activate(Location loc, BackwardContext &c, Value x,
                      ActivationKind kind) {
  switch (kind) {
  case ActivationKind::Gelu:
    return GeluOp::create(c.b, loc, x);
  case ActivationKind::GeluTanh:
    return GeluTanhOp::create(c.b, loc, x);
  case ActivationKind::Relu:
    return ReluOp::create(c.b, loc, x);
  case ActivationKind::Silu:
    return SiluOp::create(c.b, loc, x);
  case ActivationKind::Tanh:
    return TanhOp::create(c.b, loc, x);
  }
  llvm_unreachable("an enum attribute holds one of its cases");
}

//===----------------------------------------------------------------------===//
// Unfused ops
//===----------------------------------------------------------------------===//

static void backward(EmbedOp op, BackwardContext &c) {
  EmbedGradientOp::create(c.b, op.getLoc(), c.gradient(op.getResult()),
                          op.getIds(), op.getTableAttr(),
                          c.into({op.getTableAttr()}), /*plan=*/Attribute());
}

static void backward(LinearOp op, BackwardContext &c) {
  Value dy = c.gradient(op.getResult());
  linearWeights(op, c, dy, op.getInput(), op.getWeightAttr(), op.getBiasAttr());
  linearInput(op, c, dy, op.getInput(), op.getWeightAttr());
}

/// The gradient of a norm's input.
static Value normInput(Location loc, BackwardContext &c, Value dy, Value input,
                       FlatSymbolRefAttr gain, FlatSymbolRefAttr bias,
                       FloatAttr epsilon) {
  return LayerNormGradientOp::create(c.b, loc, dy.getType(), dy,
                                     c.forward(input), gain, bias, epsilon,
                                     c.into({gain, bias}),
                                     /*plan=*/Attribute());
}

static void backward(LayerNormOp op, BackwardContext &c) {
  c.add(op.getInput(),
        normInput(op.getLoc(), c, c.gradient(op.getResult()), op.getInput(),
                  op.getGainAttr(), op.getBiasAttr(), op.getEpsilonAttr()));
}

template <typename Op>
static void activation(Op op, BackwardContext &c, ActivationKind kind) {
  Value dy = c.gradient(op.getResult());
  c.add(op.getInput(),
        ActivationGradientOp::create(c.b, op.getLoc(), dy.getType(), dy,
                                     c.forward(op.getInput()), kind));
}
static void backward(GeluOp op, BackwardContext &c) {
  activation(op, c, ActivationKind::Gelu);
}
static void backward(GeluTanhOp op, BackwardContext &c) {
  activation(op, c, ActivationKind::GeluTanh);
}
static void backward(ReluOp op, BackwardContext &c) {
  activation(op, c, ActivationKind::Relu);
}
static void backward(SiluOp op, BackwardContext &c) {
  activation(op, c, ActivationKind::Silu);
}
static void backward(TanhOp op, BackwardContext &c) {
  activation(op, c, ActivationKind::Tanh);
}

static void backward(AddOp op, BackwardContext &c) {
  c.add(op.getLhs(), c.gradient(op.getResult()));
  c.add(op.getRhs(), c.gradient(op.getResult()));
}

static void backward(DropoutOp op, BackwardContext &c) {
  Value dy = c.gradient(op.getResult());
  c.add(op.getInput(),
        DropoutOp::create(c.b, op.getLoc(), dy.getType(), dy, op.getRandom(),
                          op.getSiteAttr(), op.getRateAttr()));
}

static void backward(PoolOp op, BackwardContext &c) {
  Value x = op.getInput();
  Value read = op.getMode() == PoolMode::Max ? c.forward(x) : Value();
  c.add(x, PoolGradientOp::create(c.b, op.getLoc(), x.getType(),
                                  c.gradient(op.getResult()), read,
                                  op.getOffsets(), op.getModeAttr(),
                                  /*plan=*/Attribute()));
}

static void backward(NormalizeOp op, BackwardContext &c) {
  Value dy = c.gradient(op.getResult());
  c.add(op.getInput(),
        NormalizeGradientOp::create(c.b, op.getLoc(), dy.getType(), dy,
                                    c.forward(op.getInput())));
}

//===----------------------------------------------------------------------===//
// Losses
//===----------------------------------------------------------------------===//

template <typename Gradient, typename Op>
static void loss(Op op, BackwardContext &c) {
  c.add(op.getInput(),
        Gradient::create(c.b, op.getLoc(), op.getInput().getType(),
                         op.getInput(), op.getLabels()));
}
static void backward(CrossEntropyOp op, BackwardContext &c) {
  loss<CrossEntropyGradientOp>(op, c);
}
static void backward(MseOp op, BackwardContext &c) {
  loss<MseGradientOp>(op, c);
}
static void backward(BinaryCrossEntropyOp op, BackwardContext &c) {
  loss<BinaryCrossEntropyGradientOp>(op, c);
}
static void backward(SpanLossOp op, BackwardContext &c) {
  c.add(op.getInput(), SpanLossGradientOp::create(
                           c.b, op.getLoc(), op.getInput().getType(),
                           op.getInput(), op.getLabels(), op.getOffsets()));
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

static void backward(FusedEmbedNormOp op, BackwardContext &c) {
  ArrayAttr into =
      c.into({op.getWordTableAttr(), op.getTypeTableAttr(),
              op.getPositionTableAttr(), op.getGainAttr(), op.getBiasAttr()});
  FusedEmbedNormGradientOp::create(
      c.b, op.getLoc(), c.gradient(op.getResult()), op.getIds(), op.getTypes(),
      op.getPositions(), op.getWordTableAttr(), op.getTypeTableAttr(),
      op.getPositionTableAttr(), op.getGainAttr(), op.getBiasAttr(),
      op.getEpsilonAttr(), into, /*plan=*/Attribute());
}

static void backward(FusedQKVOp op, BackwardContext &c) {
  Value dy = c.gradient(op.getResult()), x = op.getInput();
  FlatSymbolRefAttr matrices[] = {op.getQueryAttr(), op.getKeyAttr(),
                                  op.getValueAttr()};
  ArrayAttr into = c.into({op.getQueryAttr(), op.getKeyAttr(),
                           op.getValueAttr(), op.getQueryBiasAttr(),
                           op.getKeyBiasAttr(), op.getValueBiasAttr()});
  bool readsInput = llvm::any_of(
      into, [&](Attribute a) { return llvm::is_contained(matrices, a); });
  if (!into.empty())
    FusedQKVWeightGradientOp::create(
        c.b, op.getLoc(), dy, readsInput ? c.forward(x) : Value(),
        op.getQueryAttr(), op.getKeyAttr(), op.getValueAttr(),
        op.getQueryBiasAttr(), op.getKeyBiasAttr(), op.getValueBiasAttr(), into,
        /*plan=*/Attribute());
  if (!c.needsGradient(x))
    return;
  Value plus = c.take(x);
  c.add(x, FusedQKVInputGradientOp::create(
               c.b, op.getLoc(), x.getType(), dy, plus, op.getQueryAttr(),
               op.getKeyAttr(), op.getValueAttr(), /*plan=*/Attribute()));
}

static void backward(FusedAttentionOp op, BackwardContext &c) {
  Value output = c.forward(op.getResult()), qkv = c.forward(op.getQkv());
  c.add(op.getQkv(),
        AttentionGradientOp::create(
            c.b, op.getLoc(), qkv.getType(), c.gradient(op.getResult()), output,
            qkv, c.forward(op.getLogSumExp()), op.getOffsets(), op.getRandom(),
            op.getScaleAttr(), op.getSiteAttr(), op.getRateAttr(),
            /*plan=*/Attribute()));
}

static void backward(FusedLinearAddNormOp op, BackwardContext &c) {
  Value sum =
      normInput(op.getLoc(), c, c.gradient(op.getResult()), op.getSum(),
                op.getGainAttr(), op.getNormBiasAttr(), op.getEpsilonAttr());
  c.add(op.getResidual(), sum);
  Value dy = undrop(op, c, sum);
  linearWeights(op, c, dy, op.getInput(), op.getWeightAttr(), op.getBiasAttr());
  linearInput(op, c, dy, op.getInput(), op.getWeightAttr());
}

static void backward(FusedFeedForwardOp op, BackwardContext &c) {
  Location loc = op.getLoc();
  Value x = op.getInput();
  Value sum =
      normInput(loc, c, c.gradient(op.getResult()), op.getSum(),
                op.getGainAttr(), op.getNormBiasAttr(), op.getEpsilonAttr());
  c.add(x, sum);
  Value dy = undrop(op, c, sum);
  FlatSymbolRefAttr down = op.getDownAttr(), bias = op.getDownBiasAttr();
  ArrayAttr into = c.into({down, bias});
  bool needsDown = llvm::is_contained(into, down);
  bool needsUp = c.needsGradient(x) ||
                 !c.into({op.getUpAttr(), op.getUpBiasAttr()}).empty();
  Value up = needsUp || needsDown ? c.forward(op.getUpResult()) : Value();
  Value inner, activated;
  if (needsUp) {
    auto both = FusedActivationGradientOp::create(
        c.b, loc, up.getType(), needsDown ? up.getType() : Type(), dy, up,
        op.getActivationAttr(), down, /*plan=*/Attribute());
    inner = both.getResult();
    activated = both.getActivated();
  } else if (needsDown) {
    activated = activate(loc, c, up, op.getActivation());
  }
  if (!into.empty())
    LinearWeightGradientOp::create(c.b, loc, dy, activated, down, bias, into,
                                   /*plan=*/Attribute());
  if (!needsUp)
    return;
  linearWeights(op, c, inner, x, op.getUpAttr(), op.getUpBiasAttr());
  linearInput(op, c, inner, x, op.getUpAttr());
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

template <typename Op> static BackwardRule rule() {
  return {Op::getOperationName(), [](Operation *op, BackwardContext &context) {
            backward(cast<Op>(op), context);
          }};
}

ArrayRef<BackwardRule> enc::getBackwardRules() {
  static const BackwardRule rules[] = {
      rule<AddOp>(),
      rule<BinaryCrossEntropyOp>(),
      rule<CrossEntropyOp>(),
      rule<DropoutOp>(),
      rule<EmbedOp>(),
      rule<FusedAttentionOp>(),
      rule<FusedEmbedNormOp>(),
      rule<FusedFeedForwardOp>(),
      rule<FusedLinearAddNormOp>(),
      rule<FusedQKVOp>(),
      rule<GeluOp>(),
      rule<GeluTanhOp>(),
      rule<LayerNormOp>(),
      rule<LinearOp>(),
      rule<MseOp>(),
      rule<NormalizeOp>(),
      rule<PoolOp>(),
      rule<ReluOp>(),
      rule<SiluOp>(),
      rule<SpanLossOp>(),
      rule<TanhOp>(),
  };
  return rules;
}

const BackwardRule *enc::findBackwardRule(Operation *op) {
  for (const BackwardRule &rule : getBackwardRules())
    if (rule.forward == op->getName().getStringRef())
      return &rule;
  return nullptr;
}

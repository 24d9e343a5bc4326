//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraints of gradient ops, those of their forward ops read backwards.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncChecks.h"
#include "dialects/Enc/IR/EncOps.h"

using namespace mlir;
using namespace mlir::enc;

/// Rows of one dimension, both of tokens or both of sequences.
static bool areLike(Type a, Type b) {
  return isRow(a) && isRow(b) && a.getTypeID() == b.getTypeID() &&
         getRowElementType(a) == getRowElementType(b);
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

LogicalResult EmbedGradientOp::verify() {
  if (!isIds(getIds().getType()))
    return emitOpError("embed_gradient_c1: expected ids of type "
                       "'!enc.tokens<i32>', got ")
           << getIds().getType();
  if (!isRow(getGradient().getType()))
    return emitOpError("embed_gradient_c2: expected a gradient of one "
                       "dimension, got ")
           << getGradient().getType();
  return verifyInto(*this, "embed_gradient_c3", getInto(), {getTableAttr()},
                    /*mayBeEmpty=*/false);
}

LogicalResult EmbedGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  Type type = getGradient().getType();
  return verifyWeight(*this, table, "embed_gradient_c2", "table",
                      getTableAttr(), {-1, getRowShape(type)[0]},
                      getRowElementType(type));
}

LogicalResult FusedEmbedNormGradientOp::verify() {
  for (Value ids : {getIds(), getTypes(), getPositions()})
    if (!isIds(ids.getType()))
      return emitOpError("fused_embed_norm_gradient_c1: expected ids of type "
                         "'!enc.tokens<i32>', got ")
             << ids.getType();
  if (!isRow(getGradient().getType()))
    return emitOpError("fused_embed_norm_gradient_c2: expected a gradient of "
                       "one dimension, got ")
           << getGradient().getType();
  if (failed(verifyInto(*this, "fused_embed_norm_gradient_c4", getInto(),
                        {getWordTableAttr(), getTypeTableAttr(),
                         getPositionTableAttr(), getGainAttr(), getBiasAttr()},
                        /*mayBeEmpty=*/false)))
    return failure();
  return verifyPositive(*this, "fused_embed_norm_gradient_c3", "epsilon",
                        getEpsilon());
}

LogicalResult
FusedEmbedNormGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  Type type = getGradient().getType();
  return verifyEmbedNormWeights(*this, table, "fused_embed_norm_gradient_c2",
                                getRowShape(type)[0], getRowElementType(type));
}

//===----------------------------------------------------------------------===//
// Linear layers and norms
//===----------------------------------------------------------------------===//

LogicalResult LinearInputGradientOp::verify() {
  Type gradient = getGradient().getType();
  if (!areLike(gradient, getType()))
    return emitOpError("linear_input_gradient_c1: expected rows of one "
                       "dimension to rows of the same kind, got ")
           << gradient << " to " << getType();
  if (!getPlus() || getPlus().getType() == getType())
    return success();
  return emitOpError("linear_input_gradient_c3: expected plus of type ")
         << getType() << ", got " << getPlus().getType();
}

LogicalResult
LinearInputGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  return verifyWeight(
      *this, table, "linear_input_gradient_c2", "weight", getWeightAttr(),
      {getRowShape(getGradient().getType())[0], getRowShape(getType())[0]},
      getRowElementType(getType()));
}

LogicalResult LinearWeightGradientOp::verify() {
  Type gradient = getGradient().getType();
  if (!isRow(gradient) ||
      (getInput() && !areLike(gradient, getInput().getType())))
    return emitOpError("linear_weight_gradient_c1: expected gradient and input "
                       "to be rows of one dimension and kind, got ")
           << getOperandTypes();
  SmallVector<FlatSymbolRefAttr> weights = {getWeightAttr()};
  if (getBiasAttr())
    weights.push_back(getBiasAttr());
  if (failed(verifyInto(*this, "linear_weight_gradient_c3", getInto(), weights,
                        /*mayBeEmpty=*/false)))
    return failure();
  if (llvm::is_contained(getInto(), getWeightAttr()) == bool(getInput()))
    return success();
  return emitOpError("linear_weight_gradient_c4: expected an input exactly "
                     "when 'into' holds ")
         << getWeightAttr();
}

LogicalResult
LinearWeightGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  Type gradient = getGradient().getType();
  int64_t n = getRowShape(gradient)[0];
  Type element = getRowElementType(gradient);
  auto weight = table.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  int64_t k = getInput() ? getRowShape(getInput().getType())[0]
              : weight
                  ? cast<RankedTensorType>(weight.getType()).getShape().back()
                  : -1;
  StringRef label = "linear_weight_gradient_c2";
  if (failed(verifyWeight(*this, table, label, "weight", getWeightAttr(),
                          {n, k}, element)))
    return failure();
  if (!getBias())
    return success();
  return verifyWeight(*this, table, label, "bias", getBiasAttr(), {n}, element);
}

LogicalResult LayerNormGradientOp::verify() {
  if (!isRow(getType()))
    return emitOpError(
               "layer_norm_gradient_c1: expected rows of one dimension, got ")
           << getType();
  if (failed(verifyInto(*this, "layer_norm_gradient_c4", getInto(),
                        {getGainAttr(), getBiasAttr()}, /*mayBeEmpty=*/true)))
    return failure();
  return verifyPositive(*this, "layer_norm_gradient_c3", "epsilon",
                        getEpsilon());
}

LogicalResult
LayerNormGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t n = getRowShape(getType())[0];
  Type element = getRowElementType(getType());
  StringRef label = "layer_norm_gradient_c2";
  return failure(failed(verifyWeight(*this, table, label, "gain", getGainAttr(),
                                     {n}, element)) ||
                 failed(verifyWeight(*this, table, label, "bias", getBiasAttr(),
                                     {n}, element)));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult AttentionGradientOp::verify() {
  Type qkv = getQkv().getType();
  if (!isQKV(qkv))
    return emitOpError("attention_gradient_c1: expected qkv of 3 x N x D, got ")
           << qkv;
  ArrayRef<int64_t> shape = getRowShape(qkv);
  Type rows = TokensType::get({shape[1] * shape[2]}, getRowElementType(qkv));
  Type heads = TokensType::get({shape[1]}, getRowElementType(qkv));
  if (getGradient().getType() != rows)
    return emitOpError("attention_gradient_c2: expected a gradient of type ")
           << rows << ", got " << getGradient().getType();
  if (getLogSumExp().getType() != heads)
    return emitOpError("attention_gradient_c3: expected log_sum_exp of type ")
           << heads << ", got " << getLogSumExp().getType();
  if (failed(verifyDropout(*this, "attention_gradient_c5", getRandom(),
                           getSite(), getRate())))
    return failure();
  if (getRandom() && shape[1] > 4096)
    return emitOpError("attention_gradient_c5: expected at most 4096 heads "
                       "with dropout, got ")
           << shape[1];
  return verifyPositive(*this, "attention_gradient_c4", "scale", getScale());
}

LogicalResult FusedQKVInputGradientOp::verify() {
  Type gradient = getGradient().getType();
  if (!isQKV(gradient) || !isRow(getType()) ||
      getRowElementType(gradient) != getRowElementType(getType()))
    return emitOpError("fused_qkv_input_gradient_c1: expected 3 x N x D to "
                       "tokens of one dimension of the same elements, got ")
           << gradient << " to " << getType();
  if (!getPlus() || getPlus().getType() == getType())
    return success();
  return emitOpError("fused_qkv_input_gradient_c3: expected plus of type ")
         << getType() << ", got " << getPlus().getType();
}

LogicalResult
FusedQKVInputGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  ArrayRef<int64_t> shape = getRowShape(getGradient().getType());
  int64_t k = getRowShape(getType())[0];
  auto check = [&](StringRef role, FlatSymbolRefAttr symbol) {
    return failed(verifyWeight(*this, table, "fused_qkv_input_gradient_c2",
                               role, symbol, {shape[1] * shape[2], k},
                               getRowElementType(getType())));
  };
  return failure(check("query", getQueryAttr()) || check("key", getKeyAttr()) ||
                 check("value", getValueAttr()));
}

LogicalResult FusedQKVWeightGradientOp::verify() {
  Type gradient = getGradient().getType();
  if (!isQKV(gradient) ||
      (getInput() && (!isRow(getInput().getType()) ||
                      getRowElementType(getInput().getType()) !=
                          getRowElementType(gradient))))
    return emitOpError("fused_qkv_weight_gradient_c1: expected a gradient of 3 "
                       "x N x D and an input of one dimension of the same "
                       "elements, got ")
           << getOperandTypes();
  FlatSymbolRefAttr matrices[] = {getQueryAttr(), getKeyAttr(), getValueAttr()};
  SmallVector<FlatSymbolRefAttr> weights(std::begin(matrices),
                                         std::end(matrices));
  llvm::append_values(weights, getQueryBiasAttr(), getKeyBiasAttr(),
                      getValueBiasAttr());
  if (failed(verifyInto(*this, "fused_qkv_weight_gradient_c3", getInto(),
                        weights, /*mayBeEmpty=*/false)))
    return failure();
  bool needed = llvm::any_of(
      getInto(), [&](Attribute a) { return llvm::is_contained(matrices, a); });
  if (needed == bool(getInput()))
    return success();
  return emitOpError("fused_qkv_weight_gradient_c4: expected an input exactly "
                     "when 'into' holds a weight that is no bias");
}

LogicalResult
FusedQKVWeightGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  Type gradient = getGradient().getType();
  int64_t n = getRowShape(gradient)[1] * getRowShape(gradient)[2];
  auto query = table.lookupNearestSymbolFrom<WeightOp>(*this, getQueryAttr());
  int64_t k = getInput() ? getRowShape(getInput().getType())[0]
              : query
                  ? cast<RankedTensorType>(query.getType()).getShape().back()
                  : -1;
  return verifyQKVWeights(*this, table, "fused_qkv_weight_gradient_c2", n, k,
                          getRowElementType(gradient));
}

//===----------------------------------------------------------------------===//
// Elementwise and sequences
//===----------------------------------------------------------------------===//

LogicalResult ActivationGradientOp::verify() {
  if (isRow(getType()))
    return success();
  return emitOpError("activation_gradient_c1: expected rows of one dimension "
                     "of floats, got ")
         << getType();
}

LogicalResult FusedActivationGradientOp::verify() {
  Type gradient = getGradient().getType(), up = getUp().getType();
  if (!areLike(gradient, up))
    return emitOpError("fused_activation_gradient_c1: expected gradient and up "
                       "of one dimension of floats, got ")
           << gradient << " and " << up;
  if (!getActivated() || getActivated().getType() == up)
    return success();
  return emitOpError(
             "fused_activation_gradient_c3: expected activated of type ")
         << up << ", got " << getActivated().getType();
}

LogicalResult
FusedActivationGradientOp::verifySymbolUses(SymbolTableCollection &table) {
  Type gradient = getGradient().getType(), up = getUp().getType();
  return verifyWeight(*this, table, "fused_activation_gradient_c2", "down",
                      getDownAttr(),
                      {getRowShape(gradient)[0], getRowShape(up)[0]},
                      getRowElementType(gradient));
}

LogicalResult PoolGradientOp::verify() {
  Type gradient = getGradient().getType();
  if (!isRow(gradient) || !isRow(getType()) ||
      getRowShape(gradient) != getRowShape(getType()) ||
      getRowElementType(gradient) != getRowElementType(getType()))
    return emitOpError("pool_gradient_c1: expected sequences and tokens of one "
                       "equal dimension, got ")
           << gradient << " and " << getType();
  if ((getMode() == PoolMode::Max) == bool(getInput()) &&
      (!getInput() || getInput().getType() == getType()))
    return success();
  return emitOpError("pool_gradient_c2: expected an input of type ")
         << getType() << " exactly for max";
}

LogicalResult NormalizeGradientOp::verify() {
  if (isRow(getType()))
    return success();
  return emitOpError("normalize_gradient_c1: expected rows of one dimension of "
                     "floats, got ")
         << getType();
}

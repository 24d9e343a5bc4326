//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraints of the ops. Labels in the messages are those of the descriptions
// in ODS; what concerns types is checked by verify(), what concerns the weights
// behind the symbols by verifySymbolUses().
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncChecks.h"
#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace mlir::enc;

//===----------------------------------------------------------------------===//
// Attributes of functions
//===----------------------------------------------------------------------===//

LogicalResult EncDialect::verifyRegionResultAttribute(Operation *op, unsigned,
                                                      unsigned index,
                                                      NamedAttribute attr) {
  if (attr.getName() != "enc.name")
    return op->emitOpError("output_c1: expected no attribute of enc on result ")
           << index << " but 'enc.name', got '" << attr.getName().getValue()
           << '\'';
  auto name = dyn_cast<StringAttr>(attr.getValue());
  if (!name || name.empty())
    return op->emitOpError("output_c2: expected 'enc.name' of result ")
           << index << " to be a string that is not empty, got "
           << attr.getValue();
  auto function = dyn_cast<FunctionOpInterface>(op);
  for (unsigned other = 0; function && other < index; ++other)
    if (function.getResultAttr(other, "enc.name") == name)
      return op->emitOpError("output_c3: expected one name per result, got ")
             << name << " for results " << other << " and " << index;
  return success();
}

//===----------------------------------------------------------------------===//
// Weights and layers
//===----------------------------------------------------------------------===//

LogicalResult WeightOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || type.getRank() < 1 || type.getRank() > 2 ||
      llvm::any_of(type.getShape(), [](int64_t size) { return size < 1; }))
    return emitOpError("weight_c1: expected a static, non-empty tensor of rank "
                       "1 or 2, got ")
           << type;
  if (!type.getElementType().isIntOrFloat())
    return emitOpError("weight_c2: expected float or integer elements, got ")
           << type.getElementType();
  if (getLayers() && *getLayers() < 1)
    return emitOpError("weight_c3: expected at least one layer, got ")
           << *getLayers();
  bool indexed = getTensor().contains("{layer}");
  if (indexed != getLayers().has_value())
    return emitOpError("weight_c4: expected the tensor name to contain "
                       "'{layer}' exactly when 'layers' is given, got \"")
           << getTensor() << '"';
  return success();
}

LogicalResult LayersOp::verify() {
  int64_t from = getFirstTrip(), to = getEndTrip();
  if (failed(verifyTrips(*this, "layers_c1", "layers_c7", getTripCount(), from,
                         to)))
    return failure();
  Type type = getInit().getType();
  size_t states = 1 + getCollect().size();
  auto isState = [&](Type t) { return t == type; };
  auto isStack = [](Type t) { return isa<StackType>(t); };
  if (getNumResults() < states ||
      !llvm::all_of(getResults().take_front(states).getTypes(), isState) ||
      !llvm::all_of(getResults().drop_front(states).getTypes(), isStack))
    return emitOpError("layers_c4: expected ")
           << states << " results of type " << type;
  int64_t previous = from - 1;
  for (int64_t index : getCollect()) {
    if (index <= previous || index > to)
      return emitOpError("layers_c5: expected collected states to rise within ")
             << from << " to " << to << ", got " << index;
    previous = index;
  }
  return verifyNoLoopAround(*this, "layers_c6");
}

/// What a loop of trips saves of `rows`.
static bool stacks(Type type, int64_t trips, Type rows) {
  auto stack = dyn_cast<StackType>(type);
  return stack && stack.getCount() == trips && stack.getRows() == rows;
}

LogicalResult LayersOp::verifyRegions() {
  Type type = getInit().getType();
  Block &body = getBody().front();
  if (body.getNumArguments() != 1 || body.getArgument(0).getType() != type)
    return emitOpError("layers_c2: expected one body argument of type ")
           << type;
  auto yield = dyn_cast_or_null<YieldOp>(body.empty() ? nullptr : &body.back());
  if (!yield || yield.getValue().getType() != type)
    return emitOpError(
               "layers_c3: expected the body to yield one value of type ")
           << type;
  int64_t trips = getEndTrip() - getFirstTrip();
  OperandRange saved = yield.getSaved();
  if (saved.size() != getStacks().size())
    return emitOpError("layers_c8: expected ")
           << getStacks().size() << " saved values, got " << saved.size();
  for (auto [stack, value] : llvm::zip_equal(getStacks(), saved))
    if (!stacks(stack.getType(), trips, value.getType()))
      return emitOpError("layers_c8: expected a result of ")
             << trips << " times " << value.getType() << ", got "
             << stack.getType();
  return success();
}

LogicalResult EntryOp::verify() {
  StackType stack = getStack().getType();
  if (getIndex() >= uint64_t(stack.getCount()))
    return emitOpError("entry_c1: expected an index below ")
           << stack.getCount() << ", got " << getIndex();
  if (getResult().getType() != stack.getRows())
    return emitOpError("entry_c2: expected a result of type ")
           << stack.getRows() << ", got " << getResult().getType();
  return success();
}

LogicalResult LayersBackwardOp::verify() {
  int64_t from = getFirstTrip(), to = getEndTrip();
  if (failed(verifyTrips(*this, "layers_backward_c1", "layers_backward_c1",
                         getTripCount(), from, to)))
    return failure();
  for (Value stack : getSaved())
    if (cast<StackType>(stack.getType()).getCount() != to - from)
      return emitOpError("layers_backward_c2: expected stacks of ")
             << to - from << " trips, got " << stack.getType();
  return verifyNoLoopAround(*this, "layers_backward_c5");
}

LogicalResult LayersBackwardOp::verifyRegions() {
  Type type = getInit().getType();
  Block &body = getBody().front();
  SmallVector<Type> expected = {type};
  for (Value stack : getSaved())
    expected.push_back(cast<StackType>(stack.getType()).getRows());
  if (!llvm::equal(body.getArgumentTypes(), expected)) {
    InFlightDiagnostic error = emitOpError("layers_backward_c3: expected body "
                                           "arguments of types ");
    llvm::interleaveComma(expected, error);
    return error;
  }
  auto yield = dyn_cast_or_null<YieldOp>(body.empty() ? nullptr : &body.back());
  if (!yield || yield.getValue().getType() != type ||
      !yield.getSaved().empty() || getType() != type)
    return emitOpError("layers_backward_c4: expected the body to yield one "
                       "value, and a result, of type ")
           << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Embeddings, linear layers, norms
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::verify() {
  if (!isIds(getIds().getType()))
    return emitOpError(
               "embed_c1: expected ids of type '!enc.tokens<i32>', got ")
           << getIds().getType();
  if (!isRow(getType()))
    return emitOpError("embed_c2: expected a result of one dimension, got ")
           << getType();
  return success();
}

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &table) {
  return verifyWeight(*this, table, "embed_c2", "table", getTableAttr(),
                      {-1, getRowShape(getType())[0]},
                      getRowElementType(getType()));
}

LogicalResult LinearOp::verify() {
  Type in = getInput().getType(), out = getType();
  if (!isRow(in) || !isRow(out) || in.getTypeID() != out.getTypeID() ||
      getRowElementType(in) != getRowElementType(out))
    return emitOpError(
               "linear_c1: expected rows of one dimension to rows of the "
               "same kind, got ")
           << in << " to " << out;
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t k = getRowShape(getInput().getType())[0];
  int64_t n = getRowShape(getType())[0];
  Type element = getRowElementType(getType());
  if (failed(verifyWeight(*this, table, "linear_c2", "weight", getWeightAttr(),
                          {n, k}, element)))
    return failure();
  if (!getBias())
    return success();
  return verifyWeight(*this, table, "linear_c3", "bias", getBiasAttr(), {n},
                      element);
}

LogicalResult LayerNormOp::verify() {
  if (!isRow(getType()))
    return emitOpError("layer_norm_c1: expected rows of one dimension, got ")
           << getType();
  return verifyPositive(*this, "layer_norm_c3", "epsilon", getEpsilon());
}

LogicalResult LayerNormOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t n = getRowShape(getType())[0];
  Type element = getRowElementType(getType());
  return failure(failed(verifyWeight(*this, table, "layer_norm_c2", "gain",
                                     getGainAttr(), {n}, element)) ||
                 failed(verifyWeight(*this, table, "layer_norm_c2", "bias",
                                     getBiasAttr(), {n}, element)));
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

static LogicalResult verifyHeads(Operation *op, StringRef label, Type rows,
                                 Type heads) {
  ArrayRef<int64_t> flat = getRowShape(rows), split = getRowShape(heads);
  if (flat.size() == 1 && split.size() == 2 && flat[0] == split[0] * split[1] &&
      getRowElementType(rows) == getRowElementType(heads))
    return success();
  return op->emitOpError(label) << ": expected H and N x D with H = N * D, got "
                                << rows << " and " << heads;
}

LogicalResult SplitHeadsOp::verify() {
  return verifyHeads(*this, "split_heads_c1", getInput().getType(), getType());
}
LogicalResult MergeHeadsOp::verify() {
  return verifyHeads(*this, "merge_heads_c1", getType(), getInput().getType());
}

LogicalResult PartOp::verify() {
  Type in = getInput().getType();
  ArrayRef<int64_t> shape = getRowShape(in);
  if (shape.size() != 3 || shape[0] != 3 ||
      shape.drop_front() != getRowShape(getType()) ||
      getRowElementType(in) != getRowElementType(getType()))
    return emitOpError("part_c1: expected 3 x N x D to N x D, got ")
           << in << " to " << getType();
  if (getIndex() > 2)
    return emitOpError("part_c2: expected an index of 0 to 2, got ")
           << static_cast<int64_t>(getIndex());
  return success();
}

LogicalResult ScoresOp::verify() {
  Type type = getQuery().getType();
  if (type != getKey().getType() || getRowShape(type).size() != 2 ||
      !isa<FloatType>(getRowElementType(type)))
    return emitOpError("scores_c1: expected query and key to be per-head "
                       "tokens of floats of one type, got ")
           << type << " and " << getKey().getType();
  if (getType().getHeads() != getRowShape(type)[0] ||
      getType().getElementType() != getRowElementType(type))
    return emitOpError("scores_c2: expected scores of ")
           << getRowShape(type)[0] << " heads of " << getRowElementType(type)
           << ", got " << getType();
  return verifyPositive(*this, "scores_c3", "scale", getScale());
}

LogicalResult SoftmaxOp::verify() {
  if (isa<FloatType>(getType().getElementType()))
    return success();
  return emitOpError("softmax_c1: expected scores of floats, got ")
         << getType();
}

LogicalResult ContextOp::verify() {
  Type type = getValue().getType();
  auto scores = getProbabilities().getType();
  if (getRowShape(type).size() == 2 && type == getType() &&
      isa<FloatType>(scores.getElementType()) &&
      scores.getHeads() == getRowShape(type)[0] &&
      scores.getElementType() == getRowElementType(type))
    return success();
  return emitOpError("context_c1: expected value and result to be per-head "
                     "tokens with the heads of ")
         << scores << ", got " << type << " and " << getType();
}

//===----------------------------------------------------------------------===//
// Elementwise and sequences
//===----------------------------------------------------------------------===//

/// The only constraint of ops whose operands and result have one type.
static LogicalResult verifyRows(Operation *op) {
  Type type = op->getResult(0).getType();
  if (isRow(type))
    return success();
  return op->emitOpError(op->getName().stripDialect())
         << "_c1: expected rows of one dimension of floats, got " << type;
}

LogicalResult GeluOp::verify() { return verifyRows(*this); }
LogicalResult GeluTanhOp::verify() { return verifyRows(*this); }
LogicalResult ReluOp::verify() { return verifyRows(*this); }
LogicalResult SiluOp::verify() { return verifyRows(*this); }
LogicalResult TanhOp::verify() { return verifyRows(*this); }
LogicalResult AddOp::verify() { return verifyRows(*this); }
LogicalResult NormalizeOp::verify() { return verifyRows(*this); }

LogicalResult PoolOp::verify() {
  Type in = getInput().getType();
  if (isRow(in) && getRowShape(in) == getRowShape(getType()) &&
      getRowElementType(in) == getRowElementType(getType()))
    return success();
  return emitOpError("pool_c1: expected tokens and sequences of one equal "
                     "dimension, got ")
         << in << " and " << getType();
}

//===----------------------------------------------------------------------===//
// Fused ops
//===----------------------------------------------------------------------===//

LogicalResult FusedEmbedNormOp::verify() {
  for (Value ids : getOperands())
    if (!isIds(ids.getType()))
      return emitOpError("fused_embed_norm_c1: expected ids of type "
                         "'!enc.tokens<i32>', got ")
             << ids.getType();
  if (!isRow(getType()))
    return emitOpError("fused_embed_norm_c2: expected a result of one "
                       "dimension, got ")
           << getType();
  return verifyPositive(*this, "fused_embed_norm_c3", "epsilon", getEpsilon());
}

LogicalResult FusedEmbedNormOp::verifySymbolUses(SymbolTableCollection &table) {
  return verifyEmbedNormWeights(*this, table, "fused_embed_norm_c2",
                                getRowShape(getType())[0],
                                getRowElementType(getType()));
}

LogicalResult FusedQKVOp::verify() {
  Type in = getInput().getType();
  if (isQKV(getType()) && isRow(in) &&
      getRowElementType(in) == getRowElementType(getType()))
    return success();
  return emitOpError("fused_qkv_c1: expected tokens of one dimension to "
                     "3 x N x D of the same elements, got ")
         << in << " to " << getType();
}

LogicalResult FusedQKVOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t k = getRowShape(getInput().getType())[0];
  int64_t n = getRowShape(getType())[1] * getRowShape(getType())[2];
  return verifyQKVWeights(*this, table, "fused_qkv_c2", n, k,
                          getRowElementType(getType()));
}

LogicalResult FusedAttentionOp::verify() {
  Type in = getQkv().getType();
  if (!isQKV(in))
    return emitOpError("fused_attention_c1: expected tokens of 3 x N x D, got ")
           << in;
  ArrayRef<int64_t> shape = getRowShape(in);
  Type element = getRowElementType(in), out = getResult().getType();
  if (out != TokensType::get({shape[1] * shape[2]}, element))
    return emitOpError("fused_attention_c2: expected a result of ")
           << shape[1] * shape[2] << " columns of " << element << ", got "
           << out;
  if (getLogSumExp() &&
      getLogSumExp().getType() != TokensType::get({shape[1]}, element))
    return emitOpError("fused_attention_c4: expected log_sum_exp of type ")
           << TokensType::get({shape[1]}, element) << ", got "
           << getLogSumExp().getType();
  if (failed(verifyDropout(*this, "fused_attention_c5", getRandom(), getSite(),
                           getRate())))
    return failure();
  if (getRandom() && shape[1] > 4096)
    return emitOpError("fused_attention_c5: expected at most 4096 heads with "
                       "dropout, got ")
           << shape[1];
  if (Value probabilities = getProbabilities()) {
    Type expected = ScoresType::get(shape[1], element);
    if (probabilities.getType() != expected)
      return emitOpError("fused_attention_c6: expected probabilities of type ")
             << expected << ", got " << probabilities.getType();
    if (getRandom())
      return emitOpError("fused_attention_c6: expected no dropout with "
                         "probabilities");
  }
  return verifyPositive(*this, "fused_attention_c3", "scale", getScale());
}

LogicalResult FusedLinearAddNormOp::verify() {
  Type in = getInput().getType(), residual = getResidual().getType();
  Type out = getResult().getType();
  if (!isRow(in) || !isRow(out) || residual != out ||
      getRowElementType(in) != getRowElementType(out))
    return emitOpError("fused_linear_add_norm_c1: expected input, residual and "
                       "result of one dimension and element type, the last two "
                       "of one type, got ")
           << in << ", " << residual << " and " << out;
  if (getSum() && getSum().getType() != out)
    return emitOpError("fused_linear_add_norm_c4: expected sum of type ")
           << out << ", got " << getSum().getType();
  if (failed(verifyDropout(*this, "fused_linear_add_norm_c5", getRandom(),
                           getSite(), getRate())))
    return failure();
  return verifyPositive(*this, "fused_linear_add_norm_c3", "epsilon",
                        getEpsilon());
}

LogicalResult
FusedLinearAddNormOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t k = getRowShape(getInput().getType())[0];
  int64_t n = getRowShape(getResult().getType())[0];
  Type element = getRowElementType(getResult().getType());
  auto check = [&](StringRef role, FlatSymbolRefAttr symbol,
                   ArrayRef<int64_t> shape) {
    return failed(verifyWeight(*this, table, "fused_linear_add_norm_c2", role,
                               symbol, shape, element));
  };
  return failure(check("weight", getWeightAttr(), {n, k}) ||
                 check("bias", getBiasAttr(), {n}) ||
                 check("gain", getGainAttr(), {n}) ||
                 check("norm bias", getNormBiasAttr(), {n}));
}

LogicalResult FusedFeedForwardOp::verify() {
  Type type = getResult().getType();
  if (!isRow(type))
    return emitOpError("fused_feed_forward_c1: expected tokens of one "
                       "dimension, got ")
           << type;
  if (getSum() && getSum().getType() != type)
    return emitOpError("fused_feed_forward_c4: expected sum of type ")
           << type << ", got " << getSum().getType();
  if (failed(verifyDropout(*this, "fused_feed_forward_c5", getRandom(),
                           getSite(), getRate())))
    return failure();
  return verifyPositive(*this, "fused_feed_forward_c3", "epsilon",
                        getEpsilon());
}

LogicalResult
FusedFeedForwardOp::verifySymbolUses(SymbolTableCollection &table) {
  int64_t h = getRowShape(getResult().getType())[0];
  Type element = getRowElementType(getResult().getType());
  auto up = table.lookupNearestSymbolFrom<WeightOp>(*this, getUpAttr());
  int64_t i = up ? cast<RankedTensorType>(up.getType()).getShape()[0] : -1;
  auto check = [&](StringRef role, FlatSymbolRefAttr symbol,
                   ArrayRef<int64_t> shape) {
    return failed(verifyWeight(*this, table, "fused_feed_forward_c2", role,
                               symbol, shape, element));
  };
  Type wide = i < 1 ? Type() : TokensType::get({i}, element);
  if (getUpResult() && wide && getUpResult().getType() != wide)
    return emitOpError("fused_feed_forward_c4: expected up of type ")
           << wide << ", got " << getUpResult().getType();
  return failure(check("up", getUpAttr(), {i, h}) ||
                 check("up bias", getUpBiasAttr(), {i}) ||
                 check("down", getDownAttr(), {h, i}) ||
                 check("down bias", getDownBiasAttr(), {h}) ||
                 check("gain", getGainAttr(), {h}) ||
                 check("norm bias", getNormBiasAttr(), {h}));
}

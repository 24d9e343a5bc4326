//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Syntax, builders and folders.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mlir::enc;

//===----------------------------------------------------------------------===//
// Enumerations, as bare words
//===----------------------------------------------------------------------===//

/// The message lists the words; `last` is the greatest value.
template <typename EnumAttr, typename Enum>
static ParseResult parseWord(OpAsmParser &parser, EnumAttr &attribute,
                             std::optional<Enum> (*find)(StringRef),
                             StringRef (*name)(Enum), Enum last) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  if (succeeded(parser.parseOptionalKeyword(&word)))
    if (std::optional<Enum> value = find(word)) {
      attribute = EnumAttr::get(parser.getContext(), *value);
      return success();
    }
  InFlightDiagnostic error = parser.emitError(loc, "expected one of ");
  llvm::interleaveComma(llvm::seq_inclusive<uint32_t>(0, uint32_t(last)), error,
                        [&](uint32_t i) { error << name(Enum(i)); });
  if (!word.empty())
    error << ", got '" << word << "'";
  return error;
}

static ParseResult parseActivation(OpAsmParser &parser,
                                   ActivationKindAttr &attribute) {
  return parseWord<ActivationKindAttr, ActivationKind>(
      parser, attribute, symbolizeActivationKind, stringifyActivationKind,
      ActivationKind::Tanh);
}
static void printActivation(OpAsmPrinter &printer, Operation *,
                            ActivationKindAttr attribute) {
  printer << stringifyActivationKind(attribute.getValue());
}

static ParseResult parsePoolMode(OpAsmParser &parser, PoolModeAttr &attribute) {
  return parseWord<PoolModeAttr, PoolMode>(parser, attribute, symbolizePoolMode,
                                           stringifyPoolMode,
                                           PoolMode::MeanSqrtLen);
}
static void printPoolMode(OpAsmPrinter &printer, Operation *,
                          PoolModeAttr attribute) {
  printer << stringifyPoolMode(attribute.getValue());
}

#define GET_OP_CLASSES
#include "dialects/Enc/IR/EncOps.cpp.inc"

void WeightOp::build(OpBuilder &b, OperationState &state, StringRef name,
                     StringRef tensor, RankedTensorType type,
                     std::optional<int64_t> layers) {
  build(b, state, b.getStringAttr(name), b.getStringAttr(tensor),
        TypeAttr::get(type),
        layers ? b.getI64IntegerAttr(*layers) : IntegerAttr(), StringAttr());
}

//===----------------------------------------------------------------------===//
// LayersOp
//===----------------------------------------------------------------------===//

void LayersOp::build(OpBuilder &b, OperationState &state, Value init,
                     int64_t tripCount, ArrayRef<int64_t> collect,
                     IntegerAttr from, IntegerAttr to, TypeRange stacks) {
  state.addOperands(init);
  state.addAttribute(getTripCountAttrName(state.name),
                     b.getI64IntegerAttr(tripCount));
  state.addAttribute(getCollectAttrName(state.name),
                     b.getDenseI64ArrayAttr(collect));
  if (from)
    state.addAttribute(getFromAttrName(state.name), from);
  if (to)
    state.addAttribute(getToAttrName(state.name), to);
  state.addTypes(SmallVector<Type>(1 + collect.size(), init.getType()));
  state.addTypes(stacks);
  Region *body = state.addRegion();
  body->emplaceBlock().addArgument(init.getType(), state.location);
}

/// `12 from 6 to 9 (`, of both loops.
template <typename Loop>
static ParseResult parseTrips(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  int64_t count;
  if (parser.parseInteger(count))
    return failure();
  result.addAttribute(Loop::getTripCountAttrName(result.name),
                      b.getI64IntegerAttr(count));
  auto parseBound = [&](StringRef keyword, StringAttr name) -> ParseResult {
    int64_t bound;
    if (failed(parser.parseOptionalKeyword(keyword)))
      return success();
    if (parser.parseInteger(bound))
      return failure();
    result.addAttribute(name, b.getI64IntegerAttr(bound));
    return success();
  };
  return failure(parseBound("from", Loop::getFromAttrName(result.name)) ||
                 parseBound("to", Loop::getToAttrName(result.name)) ||
                 parser.parseLParen());
}

template <typename Loop> static void printTrips(OpAsmPrinter &p, Loop op) {
  p << ' ' << op.getTripCount();
  if (op.getFrom())
    p << " from " << *op.getFrom();
  if (op.getTo())
    p << " to " << *op.getTo();
  p << " (";
}

ParseResult LayersOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::Argument carried;
  OpAsmParser::UnresolvedOperand init;
  SmallVector<int64_t> collect;
  SmallVector<Type> types;
  if (parseTrips<LayersOp>(parser, result) || parser.parseArgument(carried) ||
      parser.parseEqual() || parser.parseOperand(init) || parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("collect")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(collect.emplace_back());
      }))
    return failure();
  if (parser.parseColonTypeList(types) ||
      parser.resolveOperand(init, types.front(), result.operands))
    return failure();
  result.addAttribute(getCollectAttrName(result.name),
                      parser.getBuilder().getDenseI64ArrayAttr(collect));
  result.addTypes(SmallVector<Type>(1 + collect.size(), types.front()));
  result.addTypes(ArrayRef(types).drop_front());
  carried.type = types.front();
  return failure(parser.parseRegion(*result.addRegion(), {carried}) ||
                 parser.parseOptionalAttrDict(result.attributes));
}

void LayersOp::print(OpAsmPrinter &p) {
  printTrips(p, *this);
  p.printRegionArgument(getBody().getArgument(0), {}, /*omitType=*/true);
  p << " = " << getInit() << ')';
  if (!getCollect().empty()) {
    p << " collect [";
    llvm::interleaveComma(getCollect(), p);
    p << ']';
  }
  p << " : " << getInit().getType();
  for (Value stack : getStacks())
    p << ", " << stack.getType();
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {getTripCountAttrName(), getCollectAttrName(),
                           getFromAttrName(), getToAttrName()});
}

namespace {
/// States that nobody reads are not collected.
struct DropUnusedStates : OpRewritePattern<LayersOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LayersOp op,
                                PatternRewriter &rewriter) const override {
    SmallVector<int64_t> used;
    SmallVector<Value> kept = {op.getResult(0)};
    for (auto [state, value] :
         llvm::zip_first(op.getCollect(), op.getResults().drop_front()))
      if (!value.use_empty()) {
        used.push_back(state);
        kept.push_back(value);
      }
    if (used.size() == op.getCollect().size())
      return failure();
    llvm::append_range(kept, op.getStacks());
    auto smaller = LayersOp::create(rewriter, op.getLoc(), op.getInit(),
                                    op.getTripCount(), used, op.getFromAttr(),
                                    op.getToAttr(), op.getStacks().getTypes());
    smaller->setDiscardableAttrs(op->getDiscardableAttrDictionary());
    rewriter.eraseBlock(&smaller.getBody().front());
    rewriter.inlineRegionBefore(op.getBody(), smaller.getBody(),
                                smaller.getBody().end());
    for (auto [before, after] : llvm::zip_equal(kept, smaller.getResults()))
      rewriter.replaceAllUsesWith(before, after);
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void LayersOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<DropUnusedStates>(context);
}

//===----------------------------------------------------------------------===//
// LayersBackwardOp
//===----------------------------------------------------------------------===//

ParseResult LayersBackwardOp::parse(OpAsmParser &parser,
                                    OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  auto parseBinding = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  if (parseTrips<LayersBackwardOp>(parser, result) || parseBinding() ||
      parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("saved")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parseBinding))
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseColonTypeList(types) ||
      parser.resolveOperands(operands, types, loc, result.operands))
    return failure();
  result.addTypes(types.front());
  for (auto [argument, type] : llvm::zip_equal(arguments, types)) {
    auto stack = dyn_cast<StackType>(type);
    argument.type = stack ? Type(stack.getRows()) : type;
  }
  return failure(parser.parseRegion(*result.addRegion(), arguments) ||
                 parser.parseOptionalAttrDict(result.attributes));
}

void LayersBackwardOp::print(OpAsmPrinter &p) {
  printTrips(p, *this);
  auto printBinding = [&](auto pair) {
    p.printRegionArgument(std::get<0>(pair), {}, /*omitType=*/true);
    p << " = " << std::get<1>(pair);
  };
  auto arguments = getBody().getArguments();
  printBinding(std::pair<BlockArgument, Value>(arguments.front(), getInit()));
  p << ')';
  if (!getSaved().empty()) {
    p << " saved(";
    llvm::interleaveComma(llvm::zip_equal(arguments.drop_front(), getSaved()),
                          p, printBinding);
    p << ')';
  }
  p << " : ";
  llvm::interleaveComma(getOperandTypes(), p);
  p << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  p.printOptionalAttrDict(
      (*this)->getAttrs(),
      {getTripCountAttrName(), getFromAttrName(), getToAttrName()});
}

//===----------------------------------------------------------------------===//
// Gradients of weights
//===----------------------------------------------------------------------===//

namespace {
/// What gradient ops add to: one tensor for each weight.
struct GradientResource : public SideEffects::Resource::Base<GradientResource> {
  StringRef getName() final { return "gradients"; }
};
} // namespace

/// Without weights to add to, an op is as good as pure.
static void
accumulationEffects(ArrayAttr into,
                    SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {
  if (into.empty())
    return;
  effects.emplace_back(MemoryEffects::Read::get(), GradientResource::get());
  effects.emplace_back(MemoryEffects::Write::get(), GradientResource::get());
}

#define ACCUMULATES(op)                                                        \
  void op::getEffects(                                                         \
      SmallVectorImpl<MemoryEffects::EffectInstance> &effects) {               \
    accumulationEffects(getInto(), effects);                                   \
  }
ACCUMULATES(EmbedGradientOp)
ACCUMULATES(LinearWeightGradientOp)
ACCUMULATES(LayerNormGradientOp)
ACCUMULATES(FusedEmbedNormGradientOp)
ACCUMULATES(FusedQKVWeightGradientOp)
#undef ACCUMULATES

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

OpFoldResult SplitHeadsOp::fold(FoldAdaptor) {
  if (auto merge = getInput().getDefiningOp<MergeHeadsOp>())
    if (merge.getInput().getType() == getType())
      return merge.getInput();
  return {};
}

OpFoldResult MergeHeadsOp::fold(FoldAdaptor) {
  if (auto split = getInput().getDefiningOp<SplitHeadsOp>())
    if (split.getInput().getType() == getType())
      return split.getInput();
  return {};
}

OpFoldResult ReluOp::fold(FoldAdaptor) {
  // max(max(x, 0), 0); no other activation is idempotent.
  return getInput().getDefiningOp<ReluOp>() ? getInput() : Value();
}

//===----------------------------------------------------------------------===//
// Result types
//===----------------------------------------------------------------------===//

/// Defines the inference of `op` by its body, which maps `adaptor` to a type.
#define INFER_RESULT(op)                                                       \
  static Type inferResult(op::Adaptor adaptor);                                \
  LogicalResult op::inferReturnTypes(MLIRContext *, std::optional<Location>,   \
                                     Adaptor adaptor,                          \
                                     SmallVectorImpl<Type> &types) {           \
    types.push_back(inferResult(adaptor));                                     \
    return success();                                                          \
  }                                                                            \
  bool op::isCompatibleReturnTypes(TypeRange, TypeRange) { return true; }      \
  static Type inferResult(op::Adaptor adaptor)

static int64_t product(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

INFER_RESULT(MergeHeadsOp) {
  Type in = adaptor.getInput().getType();
  return TokensType::get({product(getRowShape(in))}, getRowElementType(in));
}

INFER_RESULT(PartOp) {
  Type in = adaptor.getInput().getType();
  ArrayRef<int64_t> shape = getRowShape(in);
  return TokensType::get(shape.drop_front(!shape.empty()),
                         getRowElementType(in));
}

INFER_RESULT(EntryOp) {
  return cast<StackType>(adaptor.getStack().getType()).getRows();
}

INFER_RESULT(ScoresOp) {
  Type query = adaptor.getQuery().getType();
  ArrayRef<int64_t> shape = getRowShape(query);
  return ScoresType::get(shape.empty() ? 1 : shape.front(),
                         getRowElementType(query));
}

INFER_RESULT(ContextOp) { return adaptor.getValue().getType(); }

INFER_RESULT(PoolOp) {
  Type in = adaptor.getInput().getType();
  return SequencesType::get({product(getRowShape(in))}, getRowElementType(in));
}

void FusedAttentionOp::build(OpBuilder &b, OperationState &state, Value qkv,
                             Value offsets, FloatAttr scale, bool probabilities,
                             Attribute plan) {
  ArrayRef<int64_t> shape = getRowShape(qkv.getType());
  Type element = getRowElementType(qkv.getType());
  build(b, state, TokensType::get({shape[1] * shape[2]}, element),
        /*logSumExp=*/Type(),
        probabilities ? ScoresType::get(shape[1], element) : Type(), qkv,
        offsets, /*random=*/Value(), scale, /*site=*/IntegerAttr(),
        /*rate=*/FloatAttr(), plan);
}

INFER_RESULT(CrossEntropyOp) {
  return ScalarType::get(getRowElementType(adaptor.getInput().getType()));
}
INFER_RESULT(MseOp) {
  return ScalarType::get(getRowElementType(adaptor.getInput().getType()));
}
INFER_RESULT(BinaryCrossEntropyOp) {
  return ScalarType::get(getRowElementType(adaptor.getInput().getType()));
}
INFER_RESULT(SpanLossOp) {
  return ScalarType::get(getRowElementType(adaptor.getInput().getType()));
}

INFER_RESULT(FusedLinearAddNormOp) { return adaptor.getResidual().getType(); }

#undef INFER_RESULT

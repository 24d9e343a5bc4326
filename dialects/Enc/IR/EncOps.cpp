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

using namespace mlir;
using namespace mlir::enc;

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
                     int64_t tripCount, ArrayRef<int64_t> collect) {
  state.addOperands(init);
  state.addAttribute(getTripCountAttrName(state.name),
                     b.getI64IntegerAttr(tripCount));
  state.addAttribute(getCollectAttrName(state.name),
                     b.getDenseI64ArrayAttr(collect));
  state.addTypes(SmallVector<Type>(1 + collect.size(), init.getType()));
  Region *body = state.addRegion();
  body->emplaceBlock().addArgument(init.getType(), state.location);
}

ParseResult LayersOp::parse(OpAsmParser &parser, OperationState &result) {
  Builder &b = parser.getBuilder();
  int64_t tripCount;
  OpAsmParser::Argument carried;
  OpAsmParser::UnresolvedOperand init;
  SmallVector<int64_t> collect;
  Type type;
  if (parser.parseInteger(tripCount) || parser.parseLParen() ||
      parser.parseArgument(carried) || parser.parseEqual() ||
      parser.parseOperand(init) || parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("collect")) &&
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
        return parser.parseInteger(collect.emplace_back());
      }))
    return failure();
  if (parser.parseColonType(type) ||
      parser.resolveOperand(init, type, result.operands))
    return failure();
  result.addAttribute(getTripCountAttrName(result.name),
                      b.getI64IntegerAttr(tripCount));
  result.addAttribute(getCollectAttrName(result.name),
                      b.getDenseI64ArrayAttr(collect));
  result.addTypes(SmallVector<Type>(1 + collect.size(), type));
  carried.type = type;
  return failure(parser.parseRegion(*result.addRegion(), {carried}) ||
                 parser.parseOptionalAttrDict(result.attributes));
}

void LayersOp::print(OpAsmPrinter &p) {
  p << ' ' << getTripCount() << " (";
  p.printRegionArgument(getBody().getArgument(0), {}, /*omitType=*/true);
  p << " = " << getInit() << ')';
  if (!getCollect().empty()) {
    p << " collect [";
    llvm::interleaveComma(getCollect(), p);
    p << ']';
  }
  p << " : " << getInit().getType() << ' ';
  p.printRegion(getBody(), /*printEntryBlockArgs=*/false);
  p.printOptionalAttrDict((*this)->getAttrs(),
                          {getTripCountAttrName(), getCollectAttrName()});
}

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

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registration, and the types' syntax: dimensions and element type in one list,
// as builtin tensors print them.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncDialect.h"
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/IR/EncTypes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::enc;

#include "dialects/Enc/IR/EncDialect.cpp.inc"
#include "dialects/Enc/IR/EncEnums.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/Enc/IR/EncTypes.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Enc/IR/EncAttrs.cpp.inc"

void EncDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Enc/IR/EncOps.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Enc/IR/EncTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Enc/IR/EncAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

static ParseResult parseShaped(AsmParser &parser,
                               SmallVectorImpl<int64_t> &shape,
                               Type &elementType) {
  return failure(parser.parseLess() ||
                 parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
                 parser.parseType(elementType) || parser.parseGreater());
}

static void printShaped(AsmPrinter &printer, ArrayRef<int64_t> shape,
                        Type elementType) {
  printer << '<';
  for (int64_t size : shape)
    printer << size << 'x';
  printer << elementType << '>';
}

static LogicalResult
verifyShaped(llvm::function_ref<InFlightDiagnostic()> emitError,
             ArrayRef<int64_t> shape, Type elementType, size_t maxRank) {
  constexpr int64_t mostElements = int64_t(1) << 30;
  if (shape.size() > maxRank)
    return emitError() << "expected at most " << maxRank << " dimensions, got "
                       << shape.size();
  int64_t elements = 1;
  for (int64_t size : shape) {
    if (size < 1 || size > mostElements / elements)
      return emitError() << "expected dimensions of at least 1 and a row of at "
                            "most 2^30 elements, got "
                         << size;
    elements *= size;
  }
  if (!elementType.isIntOrFloat())
    return emitError() << "expected an integer or float element type, got "
                       << elementType;
  return success();
}

Type TokensType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  if (failed(parseShaped(parser, shape, elementType)))
    return {};
  return parser.getChecked<TokensType>(parser.getContext(), shape, elementType);
}
void TokensType::print(AsmPrinter &printer) const {
  printShaped(printer, getShape(), getElementType());
}
LogicalResult
TokensType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   ArrayRef<int64_t> shape, Type elementType) {
  return verifyShaped(emitError, shape, elementType, 3);
}

Type SequencesType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  if (failed(parseShaped(parser, shape, elementType)))
    return {};
  return parser.getChecked<SequencesType>(parser.getContext(), shape,
                                          elementType);
}
void SequencesType::print(AsmPrinter &printer) const {
  printShaped(printer, getShape(), getElementType());
}
LogicalResult
SequencesType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<int64_t> shape, Type elementType) {
  return verifyShaped(emitError, shape, elementType, 1);
}

Type ScoresType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parseShaped(parser, shape, elementType)))
    return {};
  if (shape.size() != 1) {
    parser.emitError(loc, "expected the number of heads and an element type");
    return {};
  }
  return parser.getChecked<ScoresType>(parser.getContext(), shape[0],
                                       elementType);
}
void ScoresType::print(AsmPrinter &printer) const {
  printShaped(printer, {getHeads()}, getElementType());
}
LogicalResult
ScoresType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   int64_t heads, Type elementType) {
  return verifyShaped(emitError, {heads}, elementType, 1);
}

LogicalResult
ScalarType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   Type elementType) {
  return verifyShaped(emitError, {}, elementType, 0);
}

Type StackType::parse(AsmParser &parser) {
  SmallVector<int64_t> shape;
  Type elementType;
  SMLoc loc = parser.getCurrentLocation();
  if (failed(parseShaped(parser, shape, elementType)))
    return {};
  if (shape.size() != 1) {
    parser.emitError(loc, "expected a number of trips and a type");
    return {};
  }
  return parser.getChecked<StackType>(parser.getContext(), shape[0],
                                      elementType);
}
void StackType::print(AsmPrinter &printer) const {
  printShaped(printer, {getCount()}, getRows());
}
LogicalResult
StackType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                  int64_t count, Type rows) {
  if (count < 1)
    return emitError() << "expected at least 1 trip, got " << count;
  if (!isa<TokensType, ScoresType>(rows))
    return emitError() << "expected a stack of tokens or scores, got " << rows;
  return success();
}

ArrayRef<int64_t> enc::getRowShape(Type type) {
  return llvm::TypeSwitch<Type, ArrayRef<int64_t>>(type)
      .Case<TokensType, SequencesType>([](auto t) { return t.getShape(); })
      .Default([](Type) { return ArrayRef<int64_t>(); });
}

Type enc::getRowElementType(Type type) {
  return llvm::TypeSwitch<Type, Type>(type)
      .Case<TokensType, SequencesType, ScoresType, ScalarType>(
          [](auto t) { return t.getElementType(); })
      .Default([](Type) { return Type(); });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The caller names the label, so that each message is found in the description
// of the op that it is about.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncChecks.h"
#include "dialects/Enc/IR/EncOps.h"
#include <cmath>

using namespace mlir;
using namespace mlir::enc;

bool enc::isIds(Type type) {
  auto tokens = dyn_cast<TokensType>(type);
  return tokens && tokens.getShape().empty() &&
         tokens.getElementType().isInteger(32);
}

bool enc::isRow(Type type) {
  return getRowShape(type).size() == 1 &&
         isa<FloatType>(getRowElementType(type));
}

LogicalResult enc::verifyPositive(Operation *op, StringRef label,
                                  StringRef name, const APFloat &value) {
  double number = value.convertToDouble();
  if (std::isfinite(number) && number > 0)
    return success();
  return op->emitOpError(label) << ": expected " << name
                                << " to be finite and positive, got " << number;
}

/// How often the loop around `op`, of either direction, runs in its model.
static std::optional<int64_t> layersAround(Operation *op) {
  if (auto loop = op->getParentOfType<LayersOp>())
    return loop.getTripCount();
  if (auto loop = op->getParentOfType<LayersBackwardOp>())
    return loop.getTripCount();
  return std::nullopt;
}

LogicalResult enc::verifyWeight(Operation *op, SymbolTableCollection &table,
                                StringRef label, StringRef role,
                                FlatSymbolRefAttr symbol,
                                ArrayRef<int64_t> shape, Type elementType) {
  auto weight = table.lookupNearestSymbolFrom<WeightOp>(op, symbol);
  if (!weight)
    return op->emitOpError("refers to ")
           << symbol << " as " << role << ", which is no enc.weight";
  auto type = cast<RankedTensorType>(weight.getType());
  bool matches = type.getElementType() == elementType &&
                 type.getShape().size() == shape.size();
  for (size_t i = 0; matches && i < shape.size(); ++i)
    matches = shape[i] == -1 || type.getShape()[i] == shape[i];
  if (!matches) {
    InFlightDiagnostic error = op->emitOpError(label);
    error << ": expected " << role << ' ' << symbol << " to be a tensor of [";
    llvm::interleaveComma(shape, error, [&](int64_t size) {
      if (size == -1)
        error << "rows";
      else
        error << size;
    });
    error << "] " << elementType << ", got " << type;
    error.attachNote(weight.getLoc()) << "declared here";
    return error;
  }
  std::optional<int64_t> layers = weight.getLayers();
  std::optional<int64_t> trips = layersAround(op);
  if (layers && !trips)
    return op->emitOpError("uses ")
           << symbol
           << ", which has one tensor per layer, outside of enc.layers";
  if (layers && *trips != *layers)
    return op->emitOpError("uses ")
           << symbol << " of " << *layers << " layers in a loop of " << *trips
           << " trips";
  return success();
}

bool enc::isQKV(Type type) {
  ArrayRef<int64_t> shape = getRowShape(type);
  return shape.size() == 3 && shape[0] == 3 &&
         isa<FloatType>(getRowElementType(type));
}

LogicalResult enc::verifyTrips(Operation *op, StringRef countLabel,
                               StringRef label, int64_t count, int64_t from,
                               int64_t to) {
  constexpr int64_t most = 1000;
  if (count < 1 || count > most)
    return op->emitOpError(countLabel)
           << ": expected 1 to " << most << " trips, got " << count;
  if (from >= 0 && from < to && to <= count)
    return success();
  return op->emitOpError(label) << ": expected trips within 0 to " << count
                                << ", got from " << from << " to " << to;
}

LogicalResult enc::verifyNoLoopAround(Operation *op, StringRef label) {
  Operation *outer = op->getParentOfType<LayersOp>();
  if (!outer)
    outer = op->getParentOfType<LayersBackwardOp>();
  if (!outer)
    return success();
  InFlightDiagnostic error = op->emitOpError(label);
  error << ": expected no loop around a loop of layers";
  error.attachNote(outer->getLoc()) << "the outer loop";
  return error;
}

LogicalResult enc::verifyDropout(Operation *op, StringRef label, Value random,
                                 std::optional<uint64_t> site,
                                 std::optional<APFloat> rate) {
  if (!random && !site && !rate)
    return success();
  if (!random || !site || !rate)
    return op->emitOpError(label)
           << ": expected random, site and rate of the dropout together";
  double value = rate->convertToDouble();
  if (*site <= 255 && value >= 0 && value < 1)
    return success();
  return op->emitOpError(label)
         << ": expected dropout of a site of 0 to 255 "
            "and a rate of at least 0 and below 1, got "
         << static_cast<int64_t>(*site) << " and " << value;
}

LogicalResult enc::verifyInto(Operation *op, StringRef label, ArrayAttr into,
                              ArrayRef<FlatSymbolRefAttr> weights,
                              bool mayBeEmpty) {
  bool valid = mayBeEmpty || !into.empty();
  SmallVector<Attribute> seen;
  for (Attribute symbol : into) {
    valid &= llvm::is_contained(weights, symbol) &&
             !llvm::is_contained(seen, symbol);
    seen.push_back(symbol);
  }
  if (valid)
    return success();
  InFlightDiagnostic error = op->emitOpError(label);
  error << ": expected 'into' to hold " << (mayBeEmpty ? "" : "some of ");
  llvm::interleaveComma(weights, error);
  error << (mayBeEmpty ? " or nothing" : "") << ", none twice, got " << into;
  return error;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Constraints of dropout and of losses. A loss and its gradient take the same
// operands, so one function checks both under the name of the op.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncChecks.h"
#include "dialects/Enc/IR/EncOps.h"

using namespace mlir;
using namespace mlir::enc;

LogicalResult DropoutOp::verify() {
  Type type = getInput().getType();
  auto scores = dyn_cast<ScoresType>(type);
  if (scores
          ? !isa<FloatType>(scores.getElementType()) || scores.getHeads() > 4096
          : !isRow(type))
    return emitOpError(
               "dropout_c1: expected rows of one dimension or scores of "
               "at most 4096 heads, of floats, got ")
           << type;
  if (getSite() > 255)
    return emitOpError("dropout_c2: expected a site of 0 to 255, got ")
           << static_cast<int64_t>(getSite());
  double rate = getRate().convertToDouble();
  if (rate >= 0 && rate < 1)
    return success();
  return emitOpError(
             "dropout_c3: expected a rate of at least 0 and below 1, got ")
         << rate;
}

/// Starts the message of constraint `number` of `op`.
static InFlightDiagnostic violates(Operation *op, int number) {
  return op->emitOpError(op->getName().stripDialect())
         << "_c" << number << ": ";
}

static LogicalResult verifyLoss(Operation *op, Type logits, Type result) {
  Type scalar = ScalarType::get(getRowElementType(logits));
  if (result == scalar)
    return success();
  return violates(op, isa<CrossEntropyOp, SpanLossOp>(op) ? 3 : 2)
         << "expected a result of type " << scalar << ", got " << result;
}

static LogicalResult verifyClasses(Operation *op, Type logits, Type labels) {
  if (!isRow(logits))
    return violates(op, 1) << "expected logits of one dimension of floats, got "
                           << logits;
  if (logits.getTypeID() == labels.getTypeID() && getRowShape(labels).empty() &&
      getRowElementType(labels).isInteger(32))
    return success();
  return violates(op, 2) << "expected labels of i32, one for each row of "
                         << logits << ", got " << labels;
}

static LogicalResult verifyPointwise(Operation *op, Type rows) {
  if (isRow(rows))
    return success();
  return violates(op, 1)
         << "expected predictions and labels of one dimension of floats, got "
         << rows;
}

static LogicalResult verifySpan(Operation *op, Type logits, Type labels) {
  if (!isRow(logits) || getRowShape(logits)[0] != 2)
    return violates(op, 1) << "expected logits of two columns of floats, got "
                           << logits;
  if (getRowShape(labels) == ArrayRef<int64_t>{2} &&
      getRowElementType(labels).isInteger(32))
    return success();
  return violates(op, 2)
         << "expected labels of type '!enc.sequences<2xi32>', got " << labels;
}

LogicalResult CrossEntropyOp::verify() {
  Type logits = getInput().getType();
  return failure(failed(verifyClasses(*this, logits, getLabels().getType())) ||
                 failed(verifyLoss(*this, logits, getType())));
}
LogicalResult CrossEntropyGradientOp::verify() {
  return verifyClasses(*this, getInput().getType(), getLabels().getType());
}

LogicalResult MseOp::verify() {
  Type rows = getInput().getType();
  return failure(failed(verifyPointwise(*this, rows)) ||
                 failed(verifyLoss(*this, rows, getType())));
}
LogicalResult MseGradientOp::verify() {
  return verifyPointwise(*this, getType());
}

LogicalResult BinaryCrossEntropyOp::verify() {
  Type rows = getInput().getType();
  return failure(failed(verifyPointwise(*this, rows)) ||
                 failed(verifyLoss(*this, rows, getType())));
}
LogicalResult BinaryCrossEntropyGradientOp::verify() {
  return verifyPointwise(*this, getType());
}

LogicalResult SpanLossOp::verify() {
  Type logits = getInput().getType();
  return failure(failed(verifySpan(*this, logits, getLabels().getType())) ||
                 failed(verifyLoss(*this, logits, getType())));
}
LogicalResult SpanLossGradientOp::verify() {
  return verifySpan(*this, getInput().getType(), getLabels().getType());
}

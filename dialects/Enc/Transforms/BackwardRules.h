//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of backward rules: one entry an op, beside the name of its forward
// op, and what a rule works with. A rule asks for values of the forward pass by
// themselves; whether they were saved or are computed again is not its
// business.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_BACKWARDRULES_H
#define BERTC_DIALECTS_ENC_TRANSFORMS_BACKWARDRULES_H

#include "mlir/IR/Builders.h"

namespace mlir::enc {

class BackwardContext {
public:
  explicit BackwardContext(OpBuilder builder) : b(builder) {}
  virtual ~BackwardContext();

  /// Whether something trainable lies behind `value`.
  virtual bool needsGradient(Value value) = 0;
  /// `value` of the forward pass, where the builder stands.
  virtual Value forward(Value value) = 0;
  /// Those of `weights` that learn. Null ones are skipped.
  virtual ArrayAttr into(ArrayRef<FlatSymbolRefAttr> weights) = 0;

  /// The gradient of an op's result; complete, since users come first.
  Value gradient(Value value) { return gradients.lookup(value); }
  /// What `value` has from its users so far, for a kernel that adds to it; the
  /// rule gives the sum back with `add`.
  Value take(Value value);
  /// Adds to the gradient of `value`, if that is needed.
  void add(Value value, Value gradient);

  OpBuilder b;

protected:
  DenseMap<Value, Value> gradients;
};

struct BackwardRule {
  StringRef forward;
  void (*apply)(Operation *op, BackwardContext &context);
};

ArrayRef<BackwardRule> getBackwardRules();
/// Null if there is none for `op`.
const BackwardRule *findBackwardRule(Operation *op);

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_BACKWARDRULES_H

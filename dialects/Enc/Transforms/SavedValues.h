//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the backward pass of a loop body reads of its forward pass: saved by the
// loop, or computed again. The order in which values are given up is by what
// their recomputation costs for each byte that it spares.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_SAVEDVALUES_H
#define BERTC_DIALECTS_ENC_TRANSFORMS_SAVEDVALUES_H

#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace mlir::enc {

/// What is computed again; each level includes those before it.
enum class Recompute {
  Nothing,
  Norms,  ///< Outputs of norms whose inputs are saved: a pass over the row.
  Up,     ///< Inputs of activations: a linear layer.
  QKV,    ///< Queries, keys and values: three linear layers.
  Layers, ///< Everything but the layer's input.
};
StringRef describe(Recompute level);

/// The results that rules read and inference has no use for, on each fused op
/// of `function`.
void addBackwardResults(func::FuncOp function);
/// Those that nobody came to read go again.
void dropUnusedResults(func::FuncOp function);

class SavedValues {
public:
  SavedValues(Block &forward, Block &backward, Recompute level)
      : forward(forward), backward(backward), level(level) {}

  /// `value` for an op that `b` is about to make in the backward body.
  Value get(OpBuilder &b, Value value);
  /// What the loop has to save, in the order of the backward body's arguments
  /// after the first.
  ArrayRef<Value> saved() const { return values; }

private:
  /// Null for a value that is saved.
  Value recompute(OpBuilder &b, Value value);

  Block &forward;
  Block &backward;
  Recompute level;
  IRMapping available;
  SmallVector<Value> values;
};

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_SAVEDVALUES_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the gradient of each weight lies in the gradients segment: only those
// of what learns, each with the layout of its part of the packed weight. A
// weight learns in layers that follow one another, so that its gradients are a
// range.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_GRADIENTLAYOUT_H
#define BERTC_COMPILER_LOWERING_GRADIENTLAYOUT_H

#include "compiler/Lowering/LoweredTraining.h"
#include "compiler/Lowering/WeightLayoutBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/MapVector.h"

namespace bertc {

class GradientLayout {
public:
  /// Learns what the ops of a training function add to.
  void add(mlir::func::FuncOp train);
  /// Places all gradients, and says what each weight of `weights` is. Errors
  /// are reported at the op that adds to the gradient.
  mlir::LogicalResult finish(mlir::Operation *module,
                             const WeightLayout &weights);

  /// First element of the gradient; `layer` is null outside of the layers.
  Place place(KernelBuilder &k, mlir::Value gradients, mlir::StringAttr weight,
              mlir::Value layer) const;

  const std::vector<LoweredParameter> &parameters() const { return all; }
  const LoweredParameter &operator[](mlir::StringAttr weight) const {
    return all[numbers.lookup(weight)];
  }
  bool isPlaced() const { return !all.empty(); }
  int64_t size() const { return bytes; }

private:
  struct Range {
    mlir::Operation *op;
    int64_t layers = 0, first = 0, end = 0; // learning trips, as counted so far
  };
  /// `op` adds to the gradient of `weight` in the trips [first, end) of its
  /// loop, or once.
  void add(mlir::Operation *op, mlir::StringAttr weight, int64_t first,
           int64_t end);
  mlir::LogicalResult check(mlir::Operation *module);

  llvm::MapVector<mlir::StringAttr, Range> learning;
  llvm::DenseMap<mlir::StringAttr, size_t> numbers;
  std::vector<LoweredParameter> all;
  int64_t bytes = 0;
};

/// The weight, if its gradient is wanted.
mlir::StringAttr wantedGradient(mlir::ArrayAttr into,
                                mlir::FlatSymbolRefAttr weight);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_GRADIENTLAYOUT_H

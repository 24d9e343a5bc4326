//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans as attributes on ops, so that they can be printed, tested and pinned:
//   enc.linear ... {plan = {arithmetic = "f32", depth_block = 384, group = 8,
//                           panels = 1, row_block = 192, rows = 6}}
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_PLANATTRIBUTES_H
#define BERTC_COMPILER_PLAN_PLANATTRIBUTES_H

#include "compiler/Plan/Plan.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Support/LLVM.h"

namespace bertc {

mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const LinearPlan &plan);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const AttentionPlan &plan);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const WeightGradientPlan &plan);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const AttentionGradientPlan &plan);

/// Reads `op`'s plan (or the entry `part` of it); emits an error at the op when
/// it is missing, incomplete or out of range.
mlir::FailureOr<LinearPlan> linearPlan(mlir::Operation *op,
                                       llvm::StringRef part = {});
mlir::FailureOr<AttentionPlan> attentionPlan(mlir::Operation *op);
mlir::FailureOr<WeightGradientPlan> weightGradientPlan(mlir::Operation *op);
mlir::FailureOr<AttentionGradientPlan>
attentionGradientPlan(mlir::Operation *op);

/// The arithmetic of `op`'s plan (or the entry `part` of it), if it has one;
/// reports nothing.
std::optional<Arithmetic> peekArithmetic(mlir::Operation *op,
                                         llvm::StringRef part = {});

/// Name of the module attribute with planRowSplitTokens().
constexpr llvm::StringLiteral rowSplitTokensName = "enc.row_split_tokens";
/// Name of the module attribute that tells which target the plans are for.
constexpr llvm::StringLiteral targetName = "enc.target";
/// Name of the module attribute with the precision; absent for f32.
constexpr llvm::StringLiteral precisionAttributeName = "enc.precision";

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_PLANATTRIBUTES_H

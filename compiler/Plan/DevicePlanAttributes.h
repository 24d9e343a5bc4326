//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Plans for GPUs as attributes, to be read: what linear layers and attention do
// for each class of row counts, from the first of its rows on.
//   enc.linear ... {plan = [{block_columns = 64, ..., from = 1},
//                           {block_columns = 128, ..., from = 129}]}
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_DEVICEPLANATTRIBUTES_H
#define BERTC_COMPILER_PLAN_DEVICEPLANATTRIBUTES_H

#include "compiler/Plan/DevicePlan.h"
#include "compiler/Plan/DevicePlanAttention.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/Support/LLVM.h"

namespace bertc {

mlir::ArrayAttr toAttribute(mlir::MLIRContext *context,
                            const DeviceLinearPlans &plans);
mlir::ArrayAttr toAttribute(mlir::MLIRContext *context,
                            const DeviceAttentionPlans &plans);
mlir::DictionaryAttr toAttribute(mlir::MLIRContext *context,
                                 const DeviceAttentionGradientPlans &plans);

/// Writes `plan` on `op`, or on its part `part` ("up" of a feed-forward).
void writePlan(mlir::Operation *op, mlir::Attribute plan,
               llvm::StringRef part = {});

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEPLANATTRIBUTES_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the products of the backward pass are blocked on a GPU: see
// Kernels/GPU/GradientProduct.h.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_DEVICEPLANGRADIENT_H
#define BERTC_COMPILER_PLAN_DEVICEPLANGRADIENT_H

#include "compiler/Plan/DevicePlan.h"

namespace bertc {

/// dx = dy W for each number of tokens, rising from 1: depth and columns of
/// `facts` are those of the product, the columns and the depth of the layer.
/// The last has no splits.
DeviceLinearPlans planDeviceInputGradient(const DeviceTarget &target,
                                          const DeviceLinearFacts &facts);

/// W += dy^T x of a layer of so many columns of x (`depth`) and of y, for each
/// number of tokens, rising from 1. Splits are of the tokens, so all plans may
/// have them, and partial sums do not grow.
DeviceLinearPlans planDeviceWeightGradient(const DeviceTarget &target,
                                           int64_t depth, int64_t columns,
                                           int64_t planes);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEPLANGRADIENT_H

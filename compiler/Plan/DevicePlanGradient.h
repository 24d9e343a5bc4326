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

/// For a product of `rows` by `columns` sums: the largest blocks that occupy
/// the GPU.
DeviceLinearPlan planDeviceGradient(const DeviceTarget &target, int64_t rows,
                                    int64_t columns);
/// The same for each number of rows, rising from 1.
DeviceLinearPlans planDeviceGradient(const DeviceTarget &target,
                                     int64_t columns);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEPLANGRADIENT_H

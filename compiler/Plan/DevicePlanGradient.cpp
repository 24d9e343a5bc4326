//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlanGradient.h"
#include "llvm/Support/MathExtras.h"

using namespace bertc;

static DeviceLinearPlan blocksOf(int64_t size, int64_t warpRows,
                                 int64_t warpColumns) {
  DeviceLinearPlan plan;
  plan.blockRows = plan.blockColumns = size;
  plan.blockDepth = 32;
  plan.warpRows = warpRows;
  plan.warpColumns = warpColumns;
  plan.stages = 4;
  return plan;
}

// An operand that is read from shared memory is multiplied 64 or 32 times by
// the large blocks, half as often by the small ones.
static const DeviceLinearPlan small = blocksOf(64, 2, 2);
static const DeviceLinearPlan large = blocksOf(128, 2, 4);

DeviceLinearPlan bertc::planDeviceGradient(const DeviceTarget &target,
                                           int64_t rows, int64_t columns) {
  int64_t blocks = llvm::divideCeil(rows, large.blockRows) *
                   llvm::divideCeil(columns, large.blockColumns);
  return blocks < target.planned->processors ? small : large;
}

DeviceLinearPlans bertc::planDeviceGradient(const DeviceTarget &target,
                                            int64_t columns) {
  int64_t blocks =
      llvm::divideCeil(target.planned->processors,
                       llvm::divideCeil(columns, large.blockColumns));
  if (blocks <= 1)
    return {{1, large}};
  return {{1, small}, {(blocks - 1) * large.blockRows + 1, large}};
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlanAttention.h"

using namespace bertc;

// What a lane keeps through all keys: queries as operands, the context as sums.
static int64_t residentRegisters(int64_t headStride, int64_t planes,
                                 int64_t rowsOfWarp) {
  return rowsOfWarp / 16 * (planes * headStride / 4 + headStride / 2);
}

DeviceAttentionPlans bertc::planDeviceAttention(const DeviceTarget &target,
                                                int64_t heads,
                                                int64_t headStride,
                                                int64_t planes) {
  DeviceAttentionPlan plan;
  plan.warps = 4;
  plan.rows = plan.warps * 16;
  plan.keys = planes == 1 ? 64 : 32;
  plan.stages = 2;
  DeviceAttentionPlans plans = {{1, plan}};
  // Registers have room for twice the rows and their scores: each operand that
  // is read from shared memory is multiplied with both. It takes a processor
  // two blocks to be busy; with fewer of them than that on each processor,
  // twice as many smaller ones are done sooner.
  if (residentRegisters(headStride, planes, 32) <= 96) {
    plan.rows *= 2;
    int64_t blocks = 2 * target.planned->processors;
    plans.push_back({blocks * plan.rows / heads, plan});
  }
  return plans;
}

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

// Of one result (dq) or of two (dk and dv). A lane has operands and sums of 16
// rows, scores and what becomes of them. Limits are those for which ptxas
// (13.0) makes code without spills, and for heads of 64 in one plane such that
// three blocks share a processor.
static DeviceAttentionGradientPlan planGradient(const DeviceTarget &target,
                                                int64_t headStride,
                                                int64_t planes,
                                                int64_t results) {
  DeviceAttentionGradientPlan plan;
  plan.warps = 4;
  plan.stages = 2;
  plan.columns = planes == 1 && headStride <= 64 ? 64 : 32;
  if (results > 1 && planes > 1 && headStride > 64)
    plan.columns = 16;
  int64_t registers = planes * headStride / 2 + results * headStride / 2;
  plan.resident = registers <= (results > 1 ? 80 : 128);
  // Both sides have two operands. On the other side there are two floats of
  // each row.
  auto sharedBytes = [&] {
    int64_t rowBytes = 4 * planes * headStride;
    int64_t own = plan.resident ? 0 : plan.warps * 16 * rowBytes;
    return own + plan.stages * plan.columns * (rowBytes + 8);
  };
  while (plan.columns > 16 && sharedBytes() > target.blockSharedBytes)
    plan.columns /= 2;
  while (plan.warps > 1 && sharedBytes() > target.blockSharedBytes)
    plan.warps /= 2;
  plan.rows = plan.warps * 16;
  return plan;
}

DeviceAttentionGradientPlans
bertc::planDeviceAttentionGradient(const DeviceTarget &target,
                                   int64_t /*heads*/, int64_t headStride,
                                   int64_t planes) {
  return {planGradient(target, headStride, planes, 1),
          planGradient(target, headStride, planes, 2)};
}

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

DeviceAttentionPlan bertc::planDeviceAttention(int64_t headStride,
                                               int64_t planes) {
  DeviceAttentionPlan plan;
  plan.warps = 4;
  plan.stages = 2;
  // Each operand that is read from shared memory is multiplied with 32 rows
  // where the registers (255 of a thread) have room for them and for the
  // scores.
  int64_t rowsOfWarp =
      residentRegisters(headStride, planes, 32) <= 96 ? 32 : 16;
  plan.rows = plan.warps * rowsOfWarp;
  plan.keys = planes == 1 ? 64 : 32;
  return plan;
}

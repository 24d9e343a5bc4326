//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlanAttention.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <optional>

using namespace bertc;

static constexpr int64_t registerFile = 65536; // of a processor

// Of a row tile a lane keeps, through all keys, queries as left operands and
// the context, maximum and sum; for a step scores, the same as left operands,
// and the sums of a product of 16 columns, with planes two of each. Right
// operands are for all row tiles.
//
// The rest is for addresses and for what the assembler works on at the same
// time. With planes that is more, as their products are longer, and it does not
// make room by doing less: found for all head sizes, planes and steps of 16 and
// 32 keys, on sm_80 and sm_90a.
int64_t DeviceAttentionPlan::registers(int64_t headStride,
                                       int64_t planes) const {
  int64_t queries = (planes - sharedPlanes) * headStride / 4;
  // Split steps leave their context at once, and a warp keeps its share.
  int64_t context = splitKeys ? headStride / 2 / warps + 8 : headStride / 2;
  int64_t kept = queries + context + 4;
  int64_t step =
      keys / 2 + planes * keys / 4 + 8 * std::min<int64_t>(planes, 2);
  int64_t rest = planes == 1 ? 32 : rowTiles() == 1 ? 103 : 71;
  int64_t draws = dropout ? 24 : 0;
  return rowTiles() * (kept + step) + 4 * planes + rest + draws;
}

int64_t DeviceAttentionPlan::sharedBytes(int64_t headStride,
                                         int64_t planes) const {
  int64_t step = 2 * planes * keys * headStride * 2;
  int64_t queries = sharedPlanes * rows * headStride * 2;
  if (!splitKeys)
    return stages * step + queries;
  // What each warp leaves: context, two sums of a lane, maxima of the rows.
  int64_t left = rows * headStride * 4 + 32 * 2 * 4 + rows * 4;
  return warps * (step + left) + queries;
}

static constexpr int64_t mostRegisters = 255;

int64_t DeviceAttentionPlan::resident(int64_t headStride,
                                      int64_t planes) const {
  int64_t each = std::min(registers(headStride, planes), mostRegisters);
  int64_t block = llvm::alignTo(each, 8) * warps * 32;
  return std::max<int64_t>(registerFile / block, 1);
}

// Fewer keys at a time are the cheaper way: the products stay the same. With
// one plane a step of fewer would be short beside its barrier.
static bool fitRegisters(DeviceAttentionPlan &plan, int64_t headStride,
                         int64_t planes, int64_t sharedPlanes) {
  while (plan.registers(headStride, planes) > mostRegisters)
    if (planes > 1 && plan.keys > 16)
      plan.keys /= 2;
    else if (plan.sharedPlanes < sharedPlanes)
      ++plan.sharedPlanes;
    else
      return false;
  return true;
}

/// The one for so few queries that blocks of 64 leave processors idle: one of
/// 16 rows for each warp of `base`, or none. A processor has room for two.
static std::optional<DeviceAttentionPlan>
splitKeys(const DeviceTarget &target, const DeviceAttentionPlan &base,
          int64_t headStride, int64_t planes) {
  constexpr int64_t reserved = 1024; // of each block, by the system
  int64_t room = std::min(target.blockSharedBytes,
                          target.planned->sharedBytes / 2 - reserved);
  DeviceAttentionPlan plan = base;
  plan.splitKeys = true;
  plan.rows = 16;
  plan.stages = 1;
  for (plan.warps = 4; plan.warps > 1; plan.warps /= 2) {
    plan.sharedPlanes = 0;
    while (plan.registers(headStride, planes) > mostRegisters &&
           plan.sharedPlanes < planes)
      ++plan.sharedPlanes;
    if (headStride / 8 % plan.warps == 0 &&
        plan.sharedBytes(headStride, planes) <= room)
      return plan;
  }
  return std::nullopt;
}

DeviceAttentionPlans bertc::planDeviceAttention(const DeviceTarget &target,
                                                int64_t heads,
                                                int64_t headStride,
                                                int64_t planes, bool dropout) {
  DeviceAttentionPlan plan;
  plan.dropout = dropout;
  plan.warps = 4;
  plan.rows = plan.warps * 16;
  plan.keys = planes == 1 ? 64 : 32;
  plan.stages = 2;
  DeviceAttentionPlan twice = plan;
  twice.rows *= 2;
  fitRegisters(plan, headStride, planes, planes);
  DeviceAttentionPlans plans;
  int64_t blocks = 2 * target.planned->processors, from = 1;
  if (auto few = splitKeys(target, plan, headStride, planes)) {
    plans.push_back({from, *few});
    from = llvm::divideCeil(blocks * few->rows, heads);
  }
  plans.push_back({from, plan});
  // Where registers have room for twice the rows, each operand that is read
  // from shared memory is multiplied with both. It takes a processor two blocks
  // to be busy; with fewer of them than that on each processor, twice as many
  // smaller ones are done sooner.
  if (fitRegisters(twice, headStride, planes, /*sharedPlanes=*/0) &&
      twice.keys == plan.keys) {
    plans.push_back({blocks * twice.rows / heads, twice});
  }
  return plans;
}

// Of one result (dq) or of two (dk and dv). A lane has operands and sums of 16
// rows, scores and what becomes of them. Limits are those for which ptxas
// (13.0) makes code without spills, and for heads of 64 in one plane such that
// three blocks share a processor.
static DeviceAttentionGradientPlan planGradient(const DeviceTarget &target,
                                                int64_t headStride,
                                                int64_t planes, bool dropout,
                                                int64_t results) {
  DeviceAttentionGradientPlan plan;
  plan.warps = 4;
  plan.stages = 2;
  bool few = planes > 1 || headStride > 64 || (dropout && results > 1);
  plan.columns = few ? 32 : 64;
  if (planes > 1 && (dropout || (results > 1 && headStride > 64)))
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
                                   int64_t planes, bool dropout) {
  return {planGradient(target, headStride, planes, dropout, 1),
          planGradient(target, headStride, planes, dropout, 2)};
}

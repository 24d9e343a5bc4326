//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Plan/DevicePlanGradient.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace bertc;

static constexpr int64_t mostSplits = 16;

// An operand that is read from shared memory is multiplied 64 or 32 times by
// the large blocks, half as often by the small ones.
static llvm::SmallVector<DeviceLinearPlan>
candidates(const DeviceTarget &target) {
  const struct {
    int64_t rows, columns, warpRows, warpColumns;
  } shapes[] = {{64, 64, 2, 2}, {128, 64, 2, 2}, {128, 128, 2, 4}};
  llvm::SmallVector<DeviceLinearPlan> plans;
  for (auto [rows, columns, warpRows, warpColumns] : shapes)
    for (int64_t splits = 1; splits <= mostSplits; ++splits) {
      DeviceLinearPlan plan;
      plan.blockRows = rows;
      plan.blockColumns = columns;
      plan.blockDepth = 32;
      plan.warpRows = warpRows;
      plan.warpColumns = warpColumns;
      plan.stages = 4;
      plan.splits = splits;
      if (plan.sharedBytes() <= target.blockSharedBytes)
        plans.push_back(plan);
    }
  return plans;
}

/// Steps of the depth that the blocks of a tile share.
static int64_t stepsOf(const DeviceLinearFacts &facts, int64_t depth,
                       const DeviceLinearPlan &plan) {
  return llvm::divideCeil(depth, plan.blockDepth) * facts.products();
}

DeviceLinearPlans
bertc::planDeviceInputGradient(const DeviceTarget &target,
                               const DeviceLinearFacts &facts) {
  llvm::SmallVector<DeviceLinearPlan> plans = candidates(target);
  llvm::erase_if(plans, [&](const DeviceLinearPlan &plan) {
    return plan.splits > stepsOf(facts, facts.depth, plan);
  });
  return choosePlans(*target.planned, facts, plans);
}

//===----------------------------------------------------------------------===//
// Of the weights
//===----------------------------------------------------------------------===//

// The last counts of the classes; the plan of the last class is for many.
static constexpr int64_t classEnds[] = {64,   128,  256,  512,  1024,
                                        2048, 4096, 8192, 16384};
// A plan stays for the next class while it costs at most this much more.
static constexpr double tolerance = 1.1;
// Partial sums are read again soon: from L2 while they are no more.
static constexpr int64_t mostPartialBytes = 32 << 20;

DeviceLinearPlans bertc::planDeviceWeightGradient(const DeviceTarget &target,
                                                  int64_t depth,
                                                  int64_t columns,
                                                  int64_t planes) {
  const GpuModel &gpu = *target.planned;
  // Of the product: its depth are the tokens, its rows the layer's depth; what
  // is there is read.
  DeviceLinearFacts facts;
  facts.columns = columns;
  facts.planes = planes;
  facts.residual = true;
  llvm::SmallVector<DeviceLinearPlan> all = candidates(target);
  llvm::erase_if(all, [&](const DeviceLinearPlan &plan) {
    int64_t tile = plan.blockRows * plan.blockColumns * int64_t(sizeof(float));
    return plan.splits > 1 &&
           deviceLinearBlocks(facts, plan, depth) * tile > mostPartialBytes;
  });
  DeviceLinearPlans result;
  int64_t from = 1;
  for (int64_t end : classEnds) {
    facts.depth = end;
    auto cost = [&](const DeviceLinearPlan &plan) {
      return deviceLinearSeconds(gpu, facts, plan, depth);
    };
    const DeviceLinearPlan *best = nullptr;
    for (const DeviceLinearPlan &plan : all)
      if (plan.splits <= stepsOf(facts, from, plan) &&
          (!best || cost(plan) < cost(*best)))
        best = &plan;
    if (result.empty() || cost(result.back().second) > tolerance * cost(*best))
      result.push_back({from, *best});
    from = end + 1;
  }
  return result;
}

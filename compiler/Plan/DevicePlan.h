//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choices that a plan fixes for kernels of a GPU, and the cost model that
// makes them. A plan is chosen for a class of token counts; the host takes the
// kernel of the class at run time.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_DEVICEPLAN_H
#define BERTC_COMPILER_PLAN_DEVICEPLAN_H

#include "compiler/Target/Device.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace bertc {

/// What the cost of a linear layer depends on.
struct DeviceLinearFacts {
  int64_t depth = 0;       // padded to 16
  int64_t columns = 0;     // padded to 16
  int64_t planes = 1;      // of each operand, see Kernels/GPU/DeviceRows.h
  bool int8 = false;       // operands are bytes, one plane of them
  int64_t outputBytes = 4; // written for each element
  bool residual = false;

  /// Products of planes.
  int64_t products() const { return planes * (planes + 1) / 2; }
  int64_t elementBytes() const { return int8 ? 1 : 2; }
};

/// Bytes that stages of wgmma are aligned to in shared memory.
constexpr int64_t wgmmaAlignment = 1024;

/// How a linear layer is blocked, see Kernels/GPU/Linear.cpp.
struct DeviceLinearPlan {
  int64_t blockRows = 0;    // of y, for one block of threads
  int64_t blockColumns = 0; // of y
  int64_t blockDepth = 0;   // k steps that one stage of shared memory holds
  int64_t warpRows = 0;     // warps of a block along its rows
  int64_t warpColumns = 0;  // and along its columns
  int64_t stages = 0;       // of shared memory
  int64_t splits = 1;       // of the depth, among blocks
  /// wgmma behind copies by TMA: warpRows warp groups of 64 rows multiply, one
  /// more copies; warpColumns is 1, blockDepth 64.
  bool wgmma = false;
  /// With wgmma: two warp groups, each of which has tiles of its own and
  /// multiplies while the other writes.
  bool pingPong = false;
  int64_t cluster = 1; // with wgmma: blocks along the rows that share weights
  int64_t elementBytes = 2; // of operands, 1: int8

  int64_t threads() const;
  int64_t rowBytes() const { return blockDepth * elementBytes; }
  int64_t stageBytes() const { return (blockRows + blockColumns) * rowBytes(); }
  int64_t sharedBytes() const;
  /// With wgmma: rows of y that a warp group has sums of.
  int64_t groupRows() const {
    return pingPong ? blockRows : blockRows / warpRows;
  }
  /// Registers of a thread that the plan counts on; with wgmma those that all
  /// begin with.
  int64_t registers() const;
  /// Blocks of a processor with so many registers and so much shared memory.
  int64_t resident() const;
  /// With wgmma: what the warp groups that copy and multiply go on with.
  int64_t producerRegisters() const;
  int64_t consumerRegisters() const;
  /// Tensor core instructions of a block for one stage.
  int64_t instructions() const;
  /// "128x128x64_2x2_4", for names of kernels.
  std::string name() const;
  bool operator==(const DeviceLinearPlan &other) const;
};

/// Plans with the number of tokens from which on they are used, rising from 1.
using DeviceLinearPlans =
    llvm::SmallVector<std::pair<int64_t, DeviceLinearPlan>>;

/// Bytes to and from memory if each operand is moved once.
double deviceLinearBytes(const DeviceLinearFacts &facts, int64_t tokens);
/// Seconds that a launch takes on `gpu`, by the model.
double deviceLinearSeconds(const GpuModel &gpu, const DeviceLinearFacts &facts,
                           const DeviceLinearPlan &plan, int64_t tokens);
/// Blocks of a launch.
int64_t deviceLinearBlocks(const DeviceLinearFacts &facts,
                           const DeviceLinearPlan &plan, int64_t tokens);
/// Blocks of a kernel that a processor holds at a time; `registers` are those
/// of a thread, 0 if they are not to count.
int64_t deviceOccupancy(const GpuModel &gpu, int64_t threads, int64_t registers,
                        int64_t sharedBytes);
int64_t deviceLinearOccupancy(const GpuModel &gpu,
                              const DeviceLinearPlan &plan);

/// The plan for `tokens` rows.
DeviceLinearPlan planDeviceLinear(const DeviceTarget &target,
                                  const DeviceLinearFacts &facts,
                                  int64_t tokens);
/// The cheapest of `plans` for each class of token counts, those of equal
/// neighbours joined. The last has no splits.
DeviceLinearPlans choosePlans(const GpuModel &gpu,
                              const DeviceLinearFacts &facts,
                              llvm::ArrayRef<DeviceLinearPlan> plans);
/// One plan for each class of token counts, those of equal neighbours joined.
/// The last has no splits, so that partial sums have a largest size.
DeviceLinearPlans planDeviceLinear(const DeviceTarget &target,
                                   const DeviceLinearFacts &facts);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEPLAN_H

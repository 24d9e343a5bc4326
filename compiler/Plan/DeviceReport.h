//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the model of a GPU says of a kernel before one is at hand: work,
// resources and time against the roofline.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_DEVICEREPORT_H
#define BERTC_COMPILER_PLAN_DEVICEREPORT_H

#include "compiler/Plan/DevicePlan.h"
#include <vector>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace bertc {

struct DeviceLinearReport {
  double flops = 0;         // of the products, padding left out
  double bytes = 0;         // to and from memory, each operand once
  int64_t instructions = 0; // of tensor cores, of a block for one stage
  int64_t threads = 0;      // of a block
  int64_t registers = 0;    // of a thread
  int64_t sharedBytes = 0;  // of a block
  int64_t occupancy = 0;    // blocks that a processor holds
  int64_t blocks = 0;       // of the launch
  double waves = 0;         // blocks for each processor
  double tensorSeconds = 0; // flops at the rate of the tensor cores
  double memorySeconds = 0; // bytes at the rate of the memory
  double seconds = 0;       // by the model

  double rooflineSeconds() const {
    return tensorSeconds > memorySeconds ? tensorSeconds : memorySeconds;
  }
  /// Of the roofline, 0 to 1.
  double fraction() const { return rooflineSeconds() / seconds; }
};

DeviceLinearReport reportDeviceLinear(const GpuModel &gpu,
                                      const DeviceLinearFacts &facts,
                                      const DeviceLinearPlan &plan,
                                      int64_t tokens);

struct DeviceLinearEstimate {
  const GpuModel *gpu;
  int64_t tokens;
  const DeviceLinearPlan *plan; // of those given
  DeviceLinearReport report;
};
/// For 1, 128, 1024 and 4096 tokens, each GPU that `target` runs on.
std::vector<DeviceLinearEstimate>
estimateDeviceLinear(const DeviceTarget &target, const DeviceLinearFacts &facts,
                     const DeviceLinearPlans &plans);

/// What a launch of any kernel does and needs. Bytes are those to and from
/// memory, each operand once.
struct DeviceWork {
  double flopsPerToken = 0, flopsPerSequence = 0; // of tensor cores
  double flopsPerPair = 0; // of two tokens of one sequence
  double bytes = 0;        // whatever the batch is
  double bytesPerToken = 0, bytesPerSequence = 0;
  int64_t threads = 0; // of a block
  int64_t sharedBytes = 0;
  int64_t registers = 0; // of a thread; 0: not known before it is assembled

  /// Whether a launch has a row for each token; else for each sequence.
  bool isPerToken() const { return bytesPerToken || flopsPerPair; }
};

struct DeviceWorkReport {
  double flops = 0, bytes = 0;
  int64_t occupancy = 0; // blocks that a processor holds; without registers:
                         // at most
  double tensorSeconds = 0, memorySeconds = 0; // as of DeviceLinearReport

  double rooflineSeconds() const {
    return tensorSeconds > memorySeconds ? tensorSeconds : memorySeconds;
  }
};

/// `pairs` is the sum of the squared lengths of the sequences.
DeviceWorkReport reportDeviceWork(const GpuModel &gpu, const DeviceWork &work,
                                  int64_t tokens, int64_t sequences,
                                  int64_t pairs);

struct DeviceWorkEstimate {
  const GpuModel *gpu;
  int64_t rows; // tokens in sequences of up to 128, or sequences; 0: any
  DeviceWorkReport report;
};
/// For 1, 128, 1024 and 4096 rows, each GPU that `target` runs on.
std::vector<DeviceWorkEstimate> estimateDeviceWork(const DeviceTarget &target,
                                                   const DeviceWork &work);

/// Those of all plans, a line each.
void printDeviceLinear(llvm::raw_ostream &os, const DeviceTarget &target,
                       const DeviceLinearFacts &facts);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEREPORT_H

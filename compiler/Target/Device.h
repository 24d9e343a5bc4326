//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the planner knows of GPUs: the targets that code is made for, and the
// GPUs whose sizes and rates plans and reports are computed with. Facts are of
// the vendor's white papers unless said otherwise.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_TARGET_DEVICE_H
#define BERTC_COMPILER_TARGET_DEVICE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace bertc {

/// A GPU on the market.
struct GpuModel {
  llvm::StringRef name;    // "A100"
  int capability;          // 80, 90
  int64_t processors;      // streaming multiprocessors
  int64_t sharedBytes;     // of a processor; a block takes 1 KiB less
  int64_t registers;       // of 32 bits, of a processor
  int64_t threads;         // resident on a processor
  int64_t blocks;          // resident on a processor
  double clock;            // Hz, boost
  double tensorFlopsCycle; // 16-bit FLOP a cycle of a processor's tensor cores
  double mmaFraction;      // of it that mma.sync reaches (wgmma: all)
  double sharedBytesCycle; // of a processor
  double levelTwoBytesCycle; // from the L2 cache, of a processor
  double memoryBytesSecond;  // of the GPU

  /// A second, of operands of 16 bits or, at twice the rate, of int8.
  double tensorFlops(int64_t elementBytes = 2) const {
    return processors * tensorFlopsCycle * clock * (2 / elementBytes);
  }
};

/// What device code is made for.
struct DeviceTarget {
  llvm::StringRef name;      // "cuda:sm_80"
  llvm::StringRef processor; // LLVM's name: "sm_80"
  llvm::StringRef features;  // "+ptx80"
  int capability;            // 80, 90
  bool exact;                // runs on this capability only (sm_90a)
  bool wgmma;                // has wgmma and TMA
  int64_t blockSharedBytes;  // that a block has on every GPU of the target
  const GpuModel *planned;   // the GPU whose sizes the plans are for
};

llvm::ArrayRef<GpuModel> gpuModels();
const GpuModel *findGpuModel(llvm::StringRef name);

/// In rising order of preference.
llvm::ArrayRef<DeviceTarget> deviceTargets();
/// The row named `name`, or null.
const DeviceTarget *findDeviceTarget(llvm::StringRef name);

} // namespace bertc

#endif // BERTC_COMPILER_TARGET_DEVICE_H

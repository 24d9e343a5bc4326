//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What this machine can do at most, measured here and now: the numbers that
// speeds are held against.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_MACHINE_H
#define BERTC_TOOLS_BERTC_MACHINE_H

#include "compiler/Target/Precision.h"
#include "tools/bertc/MachineKernels.h"
#include <string>
#include <vector>

namespace bertc::tool {

struct MachineRate {
  const MachineKernel *kernel;
  double gops; ///< Of all threads together; 0: this processor has it not.
};

/// One for each kernel.
std::vector<MachineRate> measureRates(unsigned threads);

struct Ceiling {
  std::string name; ///< "f32 FMA (avx2)"; empty: none is known.
  double gops = 0;
};

/// The fastest arithmetic that a model of this precision may use, compiled for
/// `variant` ("x86-64-v3"), on this machine; none for a device's.
Ceiling measureCeiling(Precision precision, llvm::StringRef variant,
                       unsigned threads);

/// GB/s of reading memory that fits into no cache.
double measureReadBandwidth(unsigned threads);

/// "AMD EPYC ..." from /proc/cpuinfo.
std::string processorName();
/// The 1-minute load average, or -1.
double loadAverage();

/// Bytes of this process that are in memory, from /proc/self.
struct ResidentMemory {
  uint64_t all = 0;       ///< VmRSS.
  uint64_t anonymous = 0; ///< Its own: heap, stacks, workspaces.
  uint64_t files = 0;     ///< Of mapped files, which processes share.
  uint64_t huge = 0;      ///< Of both, in huge pages.
};
ResidentMemory residentMemory();

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_MACHINE_H

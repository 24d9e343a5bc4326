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

#include <cstdint>
#include <string>
#include <vector>

namespace bertc::tool {

struct FmaCeiling {
  std::string isa; ///< "avx2", "avx512f".
  double gflops;   ///< float32, of all threads together.
};

/// One entry for each instruction set of this processor that has a kernel.
std::vector<FmaCeiling> measureFma(unsigned threads);

/// The ceiling that belongs to a variant ("x86-64-v3"), or 0.
double fmaCeiling(const std::string &variant, unsigned threads);

/// GB/s of reading memory that fits into no cache.
double measureReadBandwidth(unsigned threads);

/// "AMD EPYC ..." from /proc/cpuinfo.
std::string processorName();
/// The 1-minute load average, or -1.
double loadAverage();

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_MACHINE_H

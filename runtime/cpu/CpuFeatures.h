//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the processor and the operating system can do, as the BERTC_CPU_* bits
// of the ABI. Found by CPUID and XGETBV only: names of processors are wrong on
// virtual machines. The reader is a parameter, so tests can play any
// processor.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CPU_CPUFEATURES_H
#define BERTC_RUNTIME_CPU_CPUFEATURES_H

#include "runtime/abi/abi.h"

#include <cstddef>

namespace bertc::rt {

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};

/// Where features are read from.
struct CpuReader {
  CpuidResult (*cpuid)(uint32_t leaf, uint32_t subleaf);
  uint64_t (*xgetbv)(); // called only if CPUID says that it exists
};

struct CpuFeatures {
  uint64_t bits;    // BERTC_CPU_* whose features are all present
  uint64_t present; // bit i: entry i of the table in CpuFeatures.cpp
};

/// The features that `reader` shows.
CpuFeatures detectCpu(const CpuReader &reader);

/// The features of this machine. AMX counts as present here if the processor
/// has it, see askForAmx.
CpuFeatures detectCpu();

/// Asks Linux for leave to use AMX tile registers in this process, which must
/// come before their first use; false if it is refused.
bool askForAmx();

/// The AMX bits of `features` are cleared: leave to use them was refused.
void withoutAmx(CpuFeatures &features);

/// Writes the features that `needed` (BERTC_CPU_* bits) asks for and `features`
/// lacks, as "avx2, fma"; empty if none. A list too long is cut.
void describeMissing(const CpuFeatures &features, uint64_t needed, char *text,
                     size_t size);

/// The name of one BERTC_CPU_* bit, such as "avx512bf16"; null if unknown.
const char *cpuBitName(uint64_t bit);

} // namespace bertc::rt

#endif

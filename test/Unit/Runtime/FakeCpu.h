//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Processors played from CPUID tables. What they answer is that of the real
// ones in the bits that the runtime reads.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_RUNTIME_FAKECPU_H
#define BERTC_TEST_UNIT_RUNTIME_FAKECPU_H

#include "runtime/cpu/CpuFeatures.h"

#include <string>

namespace bertc::test {

/// What CPUID and XGETBV answer.
struct Machine {
  uint32_t lastLeaf = 0x20, leaf1Ecx = 0, leaf7Eax = 1, leaf7Ebx = 0,
           leaf7Ecx = 0, leaf7Edx = 0, leaf71Eax = 0, ext1Ecx = 0,
           lastExt = 0x80000008u;
  uint64_t xcr0 = 0;
};

Machine nehalem();
Machine haswell();
Machine skylakeServer();
Machine zen4();
Machine sapphireRapids();

rt::CpuFeatures detect(const Machine &wanted);

/// What `cpu` lacks of the BERTC_CPU_* bits `needed`.
std::string missing(const rt::CpuFeatures &cpu, uint64_t needed);

} // namespace bertc::test

#endif

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops that do nothing but one kind of multiplication in registers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_MACHINEKERNELS_H
#define BERTC_TOOLS_BERTC_MACHINEKERNELS_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace bertc::tool {

struct MachineKernel {
  const char *arithmetic; ///< "f32 FMA"
  const char *isa;        ///< "avx2"
  const char *precision;  ///< Of models that can use it: "f32", "bf16", "int8".
  uint64_t features;      ///< BERTC_CPU_* bits without which it must not run.
  double operations;      ///< Multiplications and additions of a step.
  void (*run)(int64_t steps);
};

llvm::ArrayRef<MachineKernel> machineKernels();

/// Reads all of `data`, a multiple of 32 numbers. Needs x86-64-v3.
void readAll(const float *data, size_t count);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_MACHINEKERNELS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the planner and the code generator know of a CPU family. A target is a
// table row: nothing asks for a CPU by name after this point.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_TARGET_TARGET_H
#define BERTC_COMPILER_TARGET_TARGET_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace bertc {

struct TargetInfo {
  llvm::StringRef name; // variant name: "x86-64-v3"
  llvm::StringRef cpu;  // LLVM -mcpu
  uint64_t features;    // BERTC_CPU_* bits the code needs
  int vectorBits;       // of one register
  int registers;        // architectural vector registers
  int64_t l1Bytes;      // data cache a plan may count on, per core
  int64_t l2Bytes;
  int fmaLatency; // cycles
  int fmaPorts;   // per cycle
};

/// All CPU targets in rising order of preference.
llvm::ArrayRef<TargetInfo> cpuTargets();

/// The row named `name`, or null.
const TargetInfo *findTarget(llvm::StringRef name);

/// `target` executed with the instructions of a baseline that lacks it: the
/// plans stay, LLVM splits the vectors. `emulated` lists what must be absent
/// ("avx512"). Returns the row to generate code for.
TargetInfo emulate(const TargetInfo &target,
                   llvm::ArrayRef<llvm::StringRef> emulated);

} // namespace bertc

#endif // BERTC_COMPILER_TARGET_TARGET_H

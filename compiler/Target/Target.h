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

#include "compiler/Target/Precision.h"
#include "runtime/abi/abi.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace bertc {

struct TargetInfo {
  llvm::StringRef name; // variant name: "x86-64-v3"
  llvm::StringRef cpu;  // LLVM -mcpu; what `features` has beyond is -mattr
  uint64_t features;    // BERTC_CPU_* bits the code needs
  int vectorBits;       // of one register
  int registers;        // architectural vector registers
  int64_t l1Bytes;      // data cache a plan may count on, per core
  int64_t l2Bytes;
  int fmaLatency; // cycles
  int fmaPorts;   // per cycle
  /// BERTC_CPU_* bits whose instructions the plans use and the code must not,
  /// see emulate(). None in the table.
  uint64_t emulated = 0;

  bool has(uint64_t bits) const { return (features & bits) == bits; }
};

/// All CPU targets in rising order of preference.
llvm::ArrayRef<TargetInfo> cpuTargets();

/// The row named `name`, or null.
const TargetInfo *findTarget(llvm::StringRef name);

/// The rows whose programs differ for `precision`: without a BF16 or int8
/// product, a processor with instructions for them runs the program of the
/// next lower one.
llvm::SmallVector<const TargetInfo *> defaultTargets(Precision precision);

/// LLVM's -mattr of a row: "+avx512bf16,+avx512vnni".
std::string llvmFeatures(const TargetInfo &target);

/// Instruction sets that plain code can stand in for: "amx", "avx512bf16",
/// "vnni", "avx512" (with all that needs its registers), "all".
llvm::ArrayRef<llvm::StringRef> emulationNames();

/// The BERTC_CPU_* bits of one of them, or 0.
uint64_t findEmulation(llvm::StringRef name);

/// `target` without the instructions of `bits`, and what that takes away with
/// them. The name stays, and so do its plans.
TargetInfo emulate(const TargetInfo &target, uint64_t bits);

} // namespace bertc

#endif // BERTC_COMPILER_TARGET_TARGET_H

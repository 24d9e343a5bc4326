//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The table of CPU targets. Cache sizes are those of the server CPUs that run
// the variant: x86-64-v3 is chosen on AMD Zen 2 and 3, Intel's have AVX-512.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Target.h"
#include "runtime/abi/abi.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;

static const TargetInfo targets[] = {
    {"x86-64-v3", "x86-64-v3", BERTC_CPU_X86_64_V3, 256, 16, 32 << 10,
     512 << 10, 4, 2},
    {"x86-64-v4", "x86-64-v4", BERTC_CPU_X86_64_V3 | BERTC_CPU_X86_64_V4, 512,
     32, 32 << 10, 1 << 20, 4, 2},
};

llvm::ArrayRef<TargetInfo> bertc::cpuTargets() { return targets; }

const TargetInfo *bertc::findTarget(llvm::StringRef name) {
  for (const TargetInfo &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}

TargetInfo bertc::emulate(const TargetInfo &target,
                          llvm::ArrayRef<llvm::StringRef> emulated) {
  TargetInfo result = target;
  if (llvm::is_contained(emulated, "avx512") &&
      (target.features & BERTC_CPU_X86_64_V4)) {
    result.cpu = "x86-64-v3";
    result.features &= ~static_cast<uint64_t>(BERTC_CPU_X86_64_V4);
  }
  return result;
}

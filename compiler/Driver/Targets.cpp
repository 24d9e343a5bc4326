//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The features of this machine come from LLVM's CPUID reader and not from its
// CPU name, which is wrong on virtual machines.
//
//===----------------------------------------------------------------------===//
#include "compiler/Driver/Targets.h"
#include "compiler/Import/Diagnostics.h"
#include "runtime/abi/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace bertc;

/// Targets that are planned, as a prefix of their names.
static const llvm::StringLiteral laterTargets[] = {"avx512bf16", "avx512vnni",
                                                   "avxvnni", "amx", "cuda:"};

static uint64_t hostFeatures() {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  auto all = [&](std::initializer_list<const char *> names) {
    return llvm::all_of(names,
                        [&](const char *name) { return host.lookup(name); });
  };
  uint64_t bits = 0;
  if (all({"avx2", "fma", "bmi", "bmi2", "f16c", "lzcnt", "movbe"}))
    bits |= BERTC_CPU_X86_64_V3;
  if (all({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    bits |= BERTC_CPU_X86_64_V4;
  return bits;
}

const TargetInfo *bertc::nativeTarget() {
  uint64_t have = hostFeatures();
  for (const TargetInfo &target : llvm::reverse(cpuTargets()))
    if ((target.features & ~have) == 0)
      return &target;
  return nullptr;
}

static llvm::Error unknownTarget(llvm::StringRef name) {
  std::vector<llvm::StringRef> names = {"native"};
  for (const TargetInfo &target : cpuTargets())
    names.push_back(target.name);
  for (llvm::StringRef later : laterTargets)
    if (name.starts_with(later))
      return makeUsageError("the target " + quoted(name) +
                            " is not yet available, expected some of " +
                            llvm::join(names, ", "));
  return makeUsageError("unknown target " + quoted(name) +
                            ", expected some of " + llvm::join(names, ", "),
                        suggestion(name, names));
}

llvm::Expected<std::vector<const TargetInfo *>>
bertc::parseTargets(llvm::StringRef list) {
  std::vector<const TargetInfo *> wanted;
  llvm::SmallVector<llvm::StringRef> names;
  list.split(names, ',');
  for (llvm::StringRef name : names) {
    const TargetInfo *target =
        name == "native" ? nativeTarget() : findTarget(name);
    if (!target && name == "native")
      return makeError(ExitCode::NoDevice, "native",
                       "this processor runs none of the targets",
                       "name a target with --target");
    if (!target && !list.empty())
      return unknownTarget(name);
    wanted.push_back(target);
  }
  std::vector<const TargetInfo *> result;
  for (const TargetInfo &target : cpuTargets())
    if (list.empty() || llvm::is_contained(wanted, &target))
      result.push_back(&target);
  return result;
}

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

/// What is no target by this name, as a prefix, and what to do about it.
static const std::pair<llvm::StringLiteral, llvm::StringLiteral> otherNames[] =
    {{"avx512", "name the target x86-64-v4-bf16"},
     {"amx", "name the target x86-64-v4-amx"}};

/// Targets that are planned, as a prefix of their names.
static const llvm::StringLiteral laterTargets[] = {"avxvnni"};

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
  const std::pair<const char *, uint64_t> single[] = {
      {"avx512bf16", BERTC_CPU_AVX512_BF16},
      {"avx512vnni", BERTC_CPU_AVX512_VNNI},
      {"avxvnni", BERTC_CPU_AVX_VNNI},
      {"amx-tile", BERTC_CPU_AMX_TILE},
      {"amx-bf16", BERTC_CPU_AMX_BF16},
      {"amx-int8", BERTC_CPU_AMX_INT8}};
  for (const auto &[name, bit] : single)
    if (host.lookup(name))
      bits |= bit;
  return bits;
}

const TargetInfo *bertc::nativeTarget(Precision precision) {
  uint64_t have = hostFeatures();
  for (const TargetInfo *target : llvm::reverse(defaultTargets(precision)))
    if ((target->features & ~have) == 0)
      return target;
  return nullptr;
}

static llvm::Error unknownTarget(llvm::StringRef name) {
  std::vector<llvm::StringRef> names = {"native"};
  for (const TargetInfo &target : cpuTargets())
    names.push_back(target.name);
  for (const DeviceTarget &target : deviceTargets())
    names.push_back(target.name);
  std::string expected = ", expected some of " + llvm::join(names, ", ");
  for (llvm::StringRef later : laterTargets)
    if (name.starts_with(later))
      return makeUsageError("the target " + quoted(name) +
                            " is not yet available" + expected);
  std::string help = suggestion(name, names);
  for (const auto &[other, advice] : otherNames)
    if (name.starts_with(other))
      help = advice;
  return makeUsageError("unknown target " + quoted(name) + expected, help);
}

namespace {
struct Names {
  llvm::SmallVector<const TargetInfo *> processors;
  llvm::SmallVector<const DeviceTarget *> devices;
};
} // namespace

static llvm::Expected<Names> parseNames(llvm::StringRef list,
                                        Precision precision) {
  Names wanted;
  llvm::SmallVector<llvm::StringRef> names;
  list.split(names, ',');
  for (llvm::StringRef name : names) {
    if (const DeviceTarget *device = findDeviceTarget(name)) {
      wanted.devices.push_back(device);
      continue;
    }
    const TargetInfo *target =
        name == "native" ? nativeTarget(precision) : findTarget(name);
    if (!target && name == "native")
      return makeError(ExitCode::NoDevice, "native",
                       "this processor runs none of the targets",
                       "name a target with --target");
    if (!target)
      return unknownTarget(name);
    wanted.processors.push_back(target);
  }
  return wanted;
}

static llvm::Expected<uint64_t> parseEmulated(llvm::StringRef list) {
  uint64_t bits = 0;
  llvm::SmallVector<llvm::StringRef> names;
  list.split(names, ',');
  for (llvm::StringRef name : names) {
    uint64_t found = findEmulation(name);
    if (!found)
      return makeUsageError("unknown instruction set " + quoted(name) +
                                " for --emulate, expected some of " +
                                llvm::join(emulationNames(), ", "),
                            suggestion(name, emulationNames()));
    bits |= found;
  }
  return bits;
}

llvm::Expected<Targets> bertc::parseTargets(llvm::StringRef list,
                                            llvm::StringRef emulated,
                                            Precision precision) {
  Names wanted{defaultTargets(precision), {}};
  if (!list.empty()) {
    auto parsed = parseNames(list, precision);
    if (!parsed)
      return parsed.takeError();
    wanted = std::move(*parsed);
  }
  uint64_t bits = 0;
  if (!emulated.empty()) {
    auto parsed = parseEmulated(emulated);
    if (!parsed)
      return parsed.takeError();
    bits = *parsed;
  }
  Targets result;
  std::vector<llvm::StringRef> names;
  uint64_t used = 0;
  for (const TargetInfo &target : cpuTargets())
    if (llvm::is_contained(wanted.processors, &target)) {
      result.processors.push_back(emulate(target, bits));
      names.push_back(target.name);
      used |= result.processors.back().emulated;
    }
  for (const DeviceTarget &target : deviceTargets())
    if (llvm::is_contained(wanted.devices, &target)) {
      result.devices.push_back(&target);
      names.push_back(target.name);
    }
  if (bits && !used)
    return makeUsageError("--emulate=" + emulated +
                              " changes nothing: the targets are " +
                              llvm::join(names, ", "),
                          "name one that has it with --target");
  return result;
}

llvm::Error bertc::checkCalibration(const Targets &targets) {
  if (targets.devices.empty())
    return llvm::Error::success();
  return makeUsageError("--calibrate is for processors, got the target " +
                            targets.devices.front()->name,
                        "leave --calibrate or that target out");
}

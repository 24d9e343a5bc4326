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
// BF16 and VNNI come as one variant: of the processors with avx512bf16 all have
// avx512vnni, and those with VNNI alone are no longer made.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Target.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;

static constexpr uint64_t v3 = BERTC_CPU_X86_64_V3;
static constexpr uint64_t v4 = v3 | BERTC_CPU_X86_64_V4;
static constexpr uint64_t dots = BERTC_CPU_AVX512_BF16 | BERTC_CPU_AVX512_VNNI;
static constexpr uint64_t tiles =
    BERTC_CPU_AMX_TILE | BERTC_CPU_AMX_BF16 | BERTC_CPU_AMX_INT8;

static const TargetInfo targets[] = {
    {"x86-64-v3", "x86-64-v3", v3, 256, 16, 32 << 10, 512 << 10, 4, 2},
    {"x86-64-v4", "x86-64-v4", v4, 512, 32, 32 << 10, 1 << 20, 4, 2},
    {"x86-64-v4-bf16", "x86-64-v4", v4 | dots, 512, 32, 32 << 10, 1 << 20, 4,
     2},
    {"x86-64-v4-amx", "x86-64-v4", v4 | dots | tiles, 512, 32, 48 << 10,
     2 << 20, 4, 2},
};

llvm::ArrayRef<TargetInfo> bertc::cpuTargets() { return targets; }

const TargetInfo *bertc::findTarget(llvm::StringRef name) {
  for (const TargetInfo &target : targets)
    if (target.name == name)
      return &target;
  return nullptr;
}

llvm::SmallVector<const TargetInfo *>
bertc::defaultTargets(Precision precision) {
  bool usesDots =
      precision != Precision::F32 && precision != Precision::F32Fast;
  bool usesTiles = precision != Precision::F32;
  llvm::SmallVector<const TargetInfo *> result;
  for (const TargetInfo &target : targets)
    if (target.has(tiles) ? usesTiles : !target.has(dots) || usesDots)
      result.push_back(&target);
  return result;
}

static constexpr struct {
  uint64_t bit;
  llvm::StringLiteral attribute;
} attributes[] = {
    {BERTC_CPU_AVX512_BF16, "+avx512bf16"},
    {BERTC_CPU_AVX512_VNNI, "+avx512vnni"},
    {BERTC_CPU_AVX_VNNI, "+avxvnni"},
    {BERTC_CPU_AMX_TILE, "+amx-tile"},
    {BERTC_CPU_AMX_BF16, "+amx-bf16"},
    {BERTC_CPU_AMX_INT8, "+amx-int8"},
};

std::string bertc::llvmFeatures(const TargetInfo &target) {
  llvm::SmallVector<llvm::StringRef> result;
  for (const auto &[bit, attribute] : attributes)
    if (target.has(bit))
      result.push_back(attribute);
  return llvm::join(result, ",");
}

static constexpr llvm::StringRef emulations[] = {"amx", "avx512bf16", "vnni",
                                                 "avx512", "all"};
static constexpr uint64_t vnni = BERTC_CPU_AVX512_VNNI | BERTC_CPU_AVX_VNNI;
static constexpr uint64_t zmm = BERTC_CPU_X86_64_V4 | dots | vnni;
static constexpr uint64_t emulationBits[] = {tiles, BERTC_CPU_AVX512_BF16, vnni,
                                             zmm, tiles | zmm};

llvm::ArrayRef<llvm::StringRef> bertc::emulationNames() { return emulations; }

uint64_t bertc::findEmulation(llvm::StringRef name) {
  const auto *found = llvm::find(emulations, name);
  return found == std::end(emulations)
             ? 0
             : emulationBits[found - std::begin(emulations)];
}

TargetInfo bertc::emulate(const TargetInfo &target, uint64_t bits) {
  TargetInfo result = target;
  result.emulated = target.features & bits;
  result.features &= ~bits;
  if (!result.has(v4))
    result.cpu = "x86-64-v3";
  return result;
}

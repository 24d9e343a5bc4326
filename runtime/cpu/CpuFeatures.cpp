//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table names every feature, where CPUID shows it and which bit of the ABI
// needs it, so detection and the message about what is missing cannot
// disagree.
//
//===----------------------------------------------------------------------===//
#include "runtime/cpu/CpuFeatures.h"

#include <cpuid.h>
#include <cstdio>
#include <sys/syscall.h>
#include <unistd.h>

namespace bertc::rt {

namespace {

enum Source : uint8_t {
  Leaf1Ecx,
  Leaf7Ebx,
  Leaf7Ecx,
  Leaf7Edx,
  Leaf71Eax,
  Ext1Ecx,
  Xcr0,  // the bit is a mask index, see xcr0Masks
  Leave, // from the operating system, see askForAmx
  SourceCount
};

struct Feature {
  const char *name;
  uint64_t group; // the BERTC_CPU_* bit that needs it
  Source source;
  uint8_t bit;
};

} // namespace

/// Register state that the operating system saves: ymm, zmm, amx tiles.
static constexpr uint64_t xcr0Masks[] = {0x6, 0xe6, 0x60000};

static constexpr Feature features[] = {
    {"sse3", BERTC_CPU_X86_64_V3, Leaf1Ecx, 0},
    {"ssse3", BERTC_CPU_X86_64_V3, Leaf1Ecx, 9},
    {"cx16", BERTC_CPU_X86_64_V3, Leaf1Ecx, 13},
    {"sse4.1", BERTC_CPU_X86_64_V3, Leaf1Ecx, 19},
    {"sse4.2", BERTC_CPU_X86_64_V3, Leaf1Ecx, 20},
    {"popcnt", BERTC_CPU_X86_64_V3, Leaf1Ecx, 23},
    {"lahf", BERTC_CPU_X86_64_V3, Ext1Ecx, 0},
    {"avx", BERTC_CPU_X86_64_V3, Leaf1Ecx, 28},
    {"avx2", BERTC_CPU_X86_64_V3, Leaf7Ebx, 5},
    {"fma", BERTC_CPU_X86_64_V3, Leaf1Ecx, 12},
    {"bmi1", BERTC_CPU_X86_64_V3, Leaf7Ebx, 3},
    {"bmi2", BERTC_CPU_X86_64_V3, Leaf7Ebx, 8},
    {"f16c", BERTC_CPU_X86_64_V3, Leaf1Ecx, 29},
    {"lzcnt", BERTC_CPU_X86_64_V3, Ext1Ecx, 5},
    {"movbe", BERTC_CPU_X86_64_V3, Leaf1Ecx, 22},
    {"ymm state of the system", BERTC_CPU_X86_64_V3, Xcr0, 0},
    {"avx512f", BERTC_CPU_X86_64_V4, Leaf7Ebx, 16},
    {"avx512bw", BERTC_CPU_X86_64_V4, Leaf7Ebx, 30},
    {"avx512cd", BERTC_CPU_X86_64_V4, Leaf7Ebx, 28},
    {"avx512dq", BERTC_CPU_X86_64_V4, Leaf7Ebx, 17},
    {"avx512vl", BERTC_CPU_X86_64_V4, Leaf7Ebx, 31},
    {"zmm state of the system", BERTC_CPU_X86_64_V4, Xcr0, 1},
    {"avx512bf16", BERTC_CPU_AVX512_BF16, Leaf71Eax, 5},
    {"avx512vnni", BERTC_CPU_AVX512_VNNI, Leaf7Ecx, 11},
    {"avxvnni", BERTC_CPU_AVX_VNNI, Leaf71Eax, 4},
    {"amx-tile", BERTC_CPU_AMX_TILE, Leaf7Edx, 24},
    {"amx state of the system", BERTC_CPU_AMX_TILE, Xcr0, 2},
    {"leave of the system to use amx", BERTC_CPU_AMX_TILE, Leave, 0},
    {"amx-bf16", BERTC_CPU_AMX_BF16, Leaf7Edx, 22},
    {"amx-int8", BERTC_CPU_AMX_INT8, Leaf7Edx, 25},
};
static constexpr size_t featureCount = sizeof(features) / sizeof(features[0]);
static_assert(featureCount <= 64, "CpuFeatures.present has 64 bits");

static constexpr struct {
  const char *name;
  uint64_t bit;
  uint64_t implied; // bits that come with it
} bits[] = {
    {"x86-64-v3", BERTC_CPU_X86_64_V3, 0},
    {"x86-64-v4", BERTC_CPU_X86_64_V4, BERTC_CPU_X86_64_V3},
    {"avx512bf16", BERTC_CPU_AVX512_BF16,
     BERTC_CPU_X86_64_V4 | BERTC_CPU_X86_64_V3},
    {"avx512vnni", BERTC_CPU_AVX512_VNNI,
     BERTC_CPU_X86_64_V4 | BERTC_CPU_X86_64_V3},
    {"avxvnni", BERTC_CPU_AVX_VNNI, BERTC_CPU_X86_64_V3},
    {"amx-tile", BERTC_CPU_AMX_TILE, 0},
    {"amx-bf16", BERTC_CPU_AMX_BF16, BERTC_CPU_AMX_TILE},
    {"amx-int8", BERTC_CPU_AMX_INT8, BERTC_CPU_AMX_TILE},
};

static uint64_t withImplied(uint64_t needed) {
  uint64_t all = needed;
  for (const auto &entry : bits)
    if (needed & entry.bit)
      all |= entry.implied;
  return all;
}

/// Sets the bits whose features are all present.
static void deriveBits(CpuFeatures &found) {
  found.bits = 0;
  for (const auto &entry : bits) {
    uint64_t needed = withImplied(entry.bit);
    bool complete = true;
    for (size_t i = 0; i < featureCount; ++i)
      if ((features[i].group & needed) && !(found.present >> i & 1))
        complete = false;
    if (complete)
      found.bits |= entry.bit;
  }
}

CpuFeatures detectCpu(const CpuReader &reader) {
  uint64_t values[SourceCount] = {};
  uint32_t lastLeaf = reader.cpuid(0, 0).eax;
  if (lastLeaf >= 1)
    values[Leaf1Ecx] = reader.cpuid(1, 0).ecx;
  if (lastLeaf >= 7) {
    CpuidResult leaf7 = reader.cpuid(7, 0);
    values[Leaf7Ebx] = leaf7.ebx;
    values[Leaf7Ecx] = leaf7.ecx;
    values[Leaf7Edx] = leaf7.edx;
    if (leaf7.eax >= 1)
      values[Leaf71Eax] = reader.cpuid(7, 1).eax;
  }
  if (reader.cpuid(0x80000000u, 0).eax >= 0x80000001u)
    values[Ext1Ecx] = reader.cpuid(0x80000001u, 0).ecx;
  bool osxsave = values[Leaf1Ecx] >> 27 & 1;
  uint64_t xcr0 = osxsave ? reader.xgetbv() : 0;
  for (unsigned i = 0; i < sizeof(xcr0Masks) / sizeof(xcr0Masks[0]); ++i)
    if ((xcr0 & xcr0Masks[i]) == xcr0Masks[i])
      values[Xcr0] |= 1ull << i;
  values[Leave] = 1;

  CpuFeatures found = {};
  for (size_t i = 0; i < featureCount; ++i)
    found.present |= (values[features[i].source] >> features[i].bit & 1) << i;
  deriveBits(found);
  return found;
}

static CpuidResult readCpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidResult result;
  __cpuid_count(leaf, subleaf, result.eax, result.ebx, result.ecx, result.edx);
  return result;
}

static uint64_t readXgetbv() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

CpuFeatures detectCpu() { return detectCpu({readCpuid, readXgetbv}); }

bool askForAmx() {
  constexpr long requestPermission = 0x1023; // ARCH_REQ_XCOMP_PERM
  constexpr long tileData = 18;              // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, requestPermission, tileData) == 0;
}

void withoutAmx(CpuFeatures &found) {
  for (size_t i = 0; i < featureCount; ++i)
    if (features[i].source == Leave)
      found.present &= ~(1ull << i);
  deriveBits(found);
}

void describeMissing(const CpuFeatures &found, uint64_t needed, char *text,
                     size_t size) {
  needed = withImplied(needed);
  size_t at = 0;
  text[0] = '\0';
  uint64_t known = 0;
  for (const auto &entry : bits)
    known |= entry.bit;
  if (needed & ~known)
    at = static_cast<size_t>(snprintf(text, size, "features unknown to it"));
  for (size_t i = 0; i < featureCount; ++i) {
    if (!(features[i].group & needed) || (found.present >> i & 1))
      continue;
    if (at < size)
      at += static_cast<size_t>(
          snprintf(text + at, size - at, at ? ", %s" : "%s", features[i].name));
  }
}

const char *cpuBitName(uint64_t bit) {
  for (const auto &entry : bits)
    if (entry.bit == bit)
      return entry.name;
  return nullptr;
}

} // namespace bertc::rt

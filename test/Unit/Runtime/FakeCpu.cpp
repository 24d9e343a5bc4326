//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reader is made of plain functions, so the machine that is played is a
// global.
//
//===----------------------------------------------------------------------===//
#include "FakeCpu.h"

#include <gtest/gtest.h>

using namespace bertc::rt;
using namespace bertc::test;

static Machine machine;

CpuFeatures bertc::test::detect(const Machine &wanted) {
  machine = wanted;
  return detectCpu(
      {[](uint32_t leaf, uint32_t subleaf) -> CpuidResult {
         switch (leaf) {
         case 0:
           return {machine.lastLeaf, 0, 0, 0};
         case 1:
           return {0, 0, machine.leaf1Ecx, 0};
         case 7:
           return subleaf ? CpuidResult{machine.leaf71Eax, 0, 0, 0}
                          : CpuidResult{machine.leaf7Eax, machine.leaf7Ebx,
                                        machine.leaf7Ecx, machine.leaf7Edx};
         case 0x80000000u:
           return {machine.lastExt, 0, 0, 0};
         case 0x80000001u:
           return {0, 0, machine.ext1Ecx, 0};
         }
         return {0, 0, 0, 0};
       },
       [] {
         EXPECT_TRUE(machine.leaf1Ecx >> 27 & 1) << "xgetbv would fault";
         return machine.xcr0;
       }});
}

std::string bertc::test::missing(const CpuFeatures &cpu, uint64_t needed) {
  char text[240];
  describeMissing(cpu, needed, text, sizeof(text));
  return text;
}

Machine bertc::test::nehalem() {
  Machine m;
  m.lastLeaf = 0xb;
  m.leaf1Ecx = 0x00982201; // sse3 ssse3 cx16 sse4.1 sse4.2 popcnt
  m.ext1Ecx = 1;
  return m;
}

Machine bertc::test::haswell() {
  Machine m;
  m.leaf1Ecx = 0x7ffafbff;
  m.leaf7Eax = 0;
  m.leaf7Ebx = 1u << 3 | 1u << 5 | 1u << 8;
  m.ext1Ecx = 0x21;
  m.xcr0 = 7;
  return m;
}

Machine bertc::test::skylakeServer() {
  Machine m = haswell();
  m.leaf7Ebx |= 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31;
  m.xcr0 = 0xe7;
  return m;
}

Machine bertc::test::zen4() {
  Machine m = skylakeServer();
  m.leaf7Eax = 1;
  m.leaf7Ecx = 1u << 11;
  m.leaf71Eax = 1u << 5; // no avxvnni: that came with Zen 5
  m.xcr0 = 0x2e7;
  return m;
}

Machine bertc::test::sapphireRapids() {
  Machine m = skylakeServer();
  m.leaf7Eax = 2;
  m.leaf7Ecx = 1u << 11;
  m.leaf7Edx = 1u << 22 | 1u << 24 | 1u << 25;
  m.leaf71Eax = 1u << 4 | 1u << 5;
  m.xcr0 = 0x602e7;
  return m;
}

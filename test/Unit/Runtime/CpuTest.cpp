//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Processors played from CPUID tables, and the thread counts that affinity and
// cgroup files lead to.
//
//===----------------------------------------------------------------------===//
#include "FakeCpu.h"
#include "FakeModel.h"
#include "runtime/cpu/ThreadCount.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace bertc::rt;
using namespace bertc::test;

TEST(Cpu, Generations) {
  EXPECT_EQ(detect(nehalem()).bits, 0u);
  EXPECT_EQ(detect(haswell()).bits, uint64_t(BERTC_CPU_X86_64_V3));
  EXPECT_EQ(detect(skylakeServer()).bits,
            uint64_t(BERTC_CPU_X86_64_V3 | BERTC_CPU_X86_64_V4));
  EXPECT_EQ(detect(zen4()).bits,
            uint64_t(BERTC_CPU_X86_64_V3 | BERTC_CPU_X86_64_V4 |
                     BERTC_CPU_AVX512_BF16 | BERTC_CPU_AVX512_VNNI));
  EXPECT_EQ(detect(sapphireRapids()).bits, 0xffu);
}

TEST(Cpu, SaysWhatIsMissing) {
  EXPECT_EQ(missing(detect(nehalem()), BERTC_CPU_X86_64_V3),
            "avx, avx2, fma, bmi1, bmi2, f16c, lzcnt, movbe, ymm state of the "
            "system");
  EXPECT_EQ(missing(detect(haswell()), BERTC_CPU_X86_64_V3), "");
  EXPECT_EQ(missing(detect(haswell()), BERTC_CPU_AMX_INT8),
            "amx-tile, amx state of the system, amx-int8");
  EXPECT_EQ(missing(detect(skylakeServer()), BERTC_CPU_AVX512_BF16),
            "avx512bf16");
  Machine noFma = haswell();
  noFma.leaf1Ecx &= ~(1u << 12);
  EXPECT_EQ(missing(detect(noFma), BERTC_CPU_X86_64_V4).substr(0, 12),
            "fma, avx512f");
}

// The processor can, but the operating system does not save the registers.
TEST(Cpu, StateOfTheSystem) {
  Machine m = sapphireRapids();
  m.xcr0 = 0xe7;
  EXPECT_EQ(detect(m).bits & BERTC_CPU_AMX_TILE, 0u);
  EXPECT_EQ(missing(detect(m), BERTC_CPU_AMX_BF16), "amx state of the system");
  m.xcr0 = 7;
  EXPECT_EQ(detect(m).bits, uint64_t(BERTC_CPU_X86_64_V3 | BERTC_CPU_AVX_VNNI));
  EXPECT_EQ(missing(detect(m), BERTC_CPU_X86_64_V4), "zmm state of the system");
  m.xcr0 = 3;
  EXPECT_EQ(detect(m).bits, 0u);
  m.leaf1Ecx &= ~(1u << 27); // no xgetbv: it must not be called
  EXPECT_EQ(detect(m).bits, 0u);
}

// A feature of a later group does not make up for one of an earlier.
TEST(Cpu, GroupsIncludeEarlierOnes) {
  Machine m = sapphireRapids();
  m.leaf7Ebx &= ~(1u << 5); // avx2
  EXPECT_EQ(detect(m).bits, uint64_t(BERTC_CPU_AMX_TILE | BERTC_CPU_AMX_BF16 |
                                     BERTC_CPU_AMX_INT8));
}

// The processor and the system can, but a process must not.
TEST(Cpu, WithoutLeave) {
  CpuFeatures cpu = detect(sapphireRapids());
  withoutAmx(cpu);
  EXPECT_EQ(cpu.bits, 0x1fu);
  EXPECT_EQ(missing(cpu, BERTC_CPU_AMX_BF16), "leave of the system to use amx");
}

// Leaves that do not exist answer with garbage on some processors.
TEST(Cpu, ReadsOnlyLeavesThatExist) {
  Machine m = sapphireRapids();
  m.lastLeaf = 1;
  EXPECT_EQ(detect(m).bits, 0u);
  m = sapphireRapids();
  m.leaf7Eax = 0;
  EXPECT_EQ(detect(m).bits & (BERTC_CPU_AVX512_BF16 | BERTC_CPU_AVX_VNNI), 0u);
  m = sapphireRapids();
  m.lastExt = 0x80000000u;
  EXPECT_EQ(detect(m).bits & BERTC_CPU_X86_64_V3, 0u);
}

TEST(Cpu, LongListsAreCut) {
  char text[8] = "";
  describeMissing(detect(nehalem()), ~0ull, text, sizeof(text));
  EXPECT_EQ(strlen(text), 7u);
}

TEST(Cpu, NamesOfBits) {
  EXPECT_STREQ(cpuBitName(BERTC_CPU_AMX_BF16), "amx-bf16");
  EXPECT_EQ(cpuBitName(1ull << 50), nullptr);
}

// What this machine has agrees with what the compiler's own probe finds.
TEST(Cpu, ThisMachine) {
  CpuFeatures cpu = detectCpu();
  EXPECT_EQ((cpu.bits & BERTC_CPU_X86_64_V3) != 0,
            __builtin_cpu_supports("x86-64-v3") != 0);
  EXPECT_EQ((cpu.bits & BERTC_CPU_X86_64_V4) != 0,
            __builtin_cpu_supports("x86-64-v4") != 0);
  // Must not fault, with or without AMX. Linux gives leave only for what the
  // processor has.
  if (askForAmx()) {
    EXPECT_TRUE(cpu.bits & BERTC_CPU_AMX_TILE);
  }
}

//===----------------------------------------------------------------------===//
// Thread counts
//===----------------------------------------------------------------------===//

namespace {

/// A folder of files in the shape of /sys/fs/cgroup.
class Cgroups {
public:
  Cgroups() {
    root = testing::TempDir() + "bertc-cgroup-XXXXXX";
    EXPECT_NE(mkdtemp(root.data()), nullptr);
  }
  ~Cgroups() {
    for (auto path = made.rbegin(); path != made.rend(); ++path)
      remove(path->c_str());
    remove(root.c_str());
  }
  void file(const std::string &path, const std::string &text) {
    for (size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1))
      if (mkdir((root + "/" + path.substr(0, slash)).c_str(), 0700) == 0)
        made.push_back(root + "/" + path.substr(0, slash));
    std::ofstream(root + "/" + path) << text;
    made.push_back(root + "/" + path);
  }
  uint32_t cpus() const {
    return cgroupCpus((root + "/self").c_str(), root.c_str());
  }

private:
  std::string root;
  std::vector<std::string> made;
};

} // namespace

TEST(ThreadCount, Version2) {
  Cgroups groups;
  groups.file("self", "0::/a/b\n");
  EXPECT_EQ(groups.cpus(), 0u);
  groups.file("a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(groups.cpus(), 0u);
  groups.file("a/cpu.max", "250000 100000\n");
  EXPECT_EQ(groups.cpus(), 3u); // rounded up, from the parent
  groups.file("cpu.max", "200000 100000\n");
  EXPECT_EQ(groups.cpus(), 2u); // the tightest counts
  groups.file("a/b/cpu.max", "1000 100000\n");
  EXPECT_EQ(groups.cpus(), 1u);
}

// In a container the group's folder is often out of sight.
TEST(ThreadCount, OnlyTheMountIsVisible) {
  Cgroups groups;
  groups.file("self", "0::/docker/123\n");
  groups.file("cpu.max", "400000 100000\n");
  EXPECT_EQ(groups.cpus(), 4u);
}

TEST(ThreadCount, Version1) {
  for (const char *folder : {"cpu", "cpu,cpuacct"}) {
    Cgroups groups;
    groups.file("self", "5:devices:/x\n4:" + std::string(folder) +
                            ":/job\n2:cpuset:/job\n0::/\n");
    groups.file(std::string(folder) + "/job/cpu.cfs_quota_us", "-1\n");
    groups.file(std::string(folder) + "/job/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(groups.cpus(), 0u);
    groups.file(std::string(folder) + "/cpu.cfs_quota_us", "150000\n");
    groups.file(std::string(folder) + "/cpu.cfs_period_us", "50000\n");
    EXPECT_EQ(groups.cpus(), 3u);
  }
}

TEST(ThreadCount, StrangeFilesCountAsNoQuota) {
  for (const char *text : {"", "\n", "fast", "100", "0 100000", "100000 0",
                           "-5 100000", "9999999999999999999999 1"}) {
    Cgroups groups;
    groups.file("self", "0::/\n");
    groups.file("cpu.max", text);
    EXPECT_EQ(groups.cpus(), 0u) << text;
  }
  for (const char *text : {"", "x", "0", "0:", "::", "0::", ":::::\n\n"}) {
    Cgroups groups;
    groups.file("self", text);
    EXPECT_EQ(groups.cpus(), 0u) << text;
  }
  EXPECT_EQ(cgroupCpus("/no/such/file", "/no/such/folder"), 0u);
}

TEST(ThreadCount, Affinity) {
  cpu_set_t before, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  EXPECT_EQ(affinityCpus(), uint32_t(CPU_COUNT(&before)));
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && !CPU_COUNT(&one); ++cpu)
    if (CPU_ISSET(cpu, &before))
      CPU_SET(cpu, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(affinityCpus(), 1u);
  EXPECT_EQ(availableCpus(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
  EXPECT_LE(availableCpus(), affinityCpus());
}

TEST(ThreadCount, Parse) {
  EXPECT_EQ(parseThreads("1", 8), 1u);
  EXPECT_EQ(parseThreads("8", 8), 8u);
  for (const char *bad :
       {"", "0", "9", "-1", "1 ", " 1", "0x1", "1.5", "18446744073709551617"})
    EXPECT_EQ(parseThreads(bad, 8), 0u) << bad;
}

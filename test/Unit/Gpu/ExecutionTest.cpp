//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What kernels compute: ids, shuffles and votes against the PTX manual's
// definitions, products against plain loops.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace bertc;
using namespace bertc::test;

TEST(GpuExecution, EachThreadOfEachBlockRunsOnce) {
  GpuProgram program(kernelText(96, "%y: !llvm.ptr<1>, %gain: i64", R"(
    %size = nvvm.read.ptx.sreg.ntid.x : i32
    %bx = nvvm.read.ptx.sreg.ctaid.x : i32
    %by = nvvm.read.ptx.sreg.ctaid.y : i32
    %bz = nvvm.read.ptx.sreg.ctaid.z : i32
    %gx = nvvm.read.ptx.sreg.nctaid.x : i32
    %gy = nvvm.read.ptx.sreg.nctaid.y : i32
    %0 = llvm.mul %bz, %gy : i32
    %1 = llvm.add %0, %by : i32
    %2 = llvm.mul %1, %gx : i32
    %3 = llvm.add %2, %bx : i32
    %4 = llvm.mul %3, %size : i32
    %5 = llvm.add %4, %tid : i32
    %6 = llvm.zext %5 : i32 to i64
    %7 = llvm.mul %6, %gain : i64
    )" + elementAt("%p", "%y", "%5", "i64", 1) + R"(
    %old = llvm.load %p : !llvm.ptr<1> -> i64
    %new = llvm.add %old, %7 : i64
    llvm.store %new, %p : i64, !llvm.ptr<1>
  )"));
  DeviceArray<int64_t> y(96 * 2 * 3 * 4, 1000);
  // Backwards, for once.
  program.order = [](uint64_t n) { return 23 - n; };
  EXPECT_CLEAN(program.launch("test", {2, 3, 4}, 0, y, int64_t(1) << 33));
  for (size_t i = 0; i < y.size(); ++i)
    ASSERT_EQ(y[i], 1000 + (int64_t(i) << 33));
}

TEST(GpuExecution, BlockReducesThroughSharedMemory) {
  // Each thread writes; thread i adds what the thread of the other half wrote.
  GpuProgram program(kernelText(64, "%x: !llvm.ptr<1>, %y: !llvm.ptr<1>",
                                elementAt("%a", "%x", "%tid", "f32", 1) +
                                    elementAt("%b", "%y", "%tid", "f32", 1) +
                                    elementAt("%s", "%shared", "%tid") + R"(
    %0 = llvm.load %a : !llvm.ptr<1> -> f32
    llvm.store %0, %s : f32, !llvm.ptr<3>
    nvvm.barrier0
    %i = llvm.xor %tid, %c32 : i32
    )" + elementAt("%q", "%shared", "%i") +
                                    R"(
    %1 = llvm.load %q : !llvm.ptr<3> -> f32
    %2 = llvm.fadd %0, %1 : f32
    llvm.store %2, %b : f32, !llvm.ptr<1>
  )"));
  DeviceArray<float> x(64), y(64);
  for (int i = 0; i < 64; ++i)
    x[i] = float(i * i);
  EXPECT_CLEAN(program.launch("test", 1, 256, x, y));
  for (int i = 0; i < 64; ++i)
    EXPECT_EQ(y[i], x[i] + x[i ^ 32]);
}

namespace {
struct Shuffle {
  const char *kind;
  int lane, clampAndSegment;
};
} // namespace

/// The pseudocode of shfl.sync in the PTX manual.
static std::pair<int, bool> sourceLane(const Shuffle &shuffle, int lane) {
  const int b = shuffle.lane & 31, c = shuffle.clampAndSegment & 31;
  const int mask = shuffle.clampAndSegment >> 8 & 31;
  const int maxLane = (lane & mask) | (c & ~mask);
  const int minLane = lane & mask;
  int j = 0;
  bool p = false;
  const std::string kind = shuffle.kind;
  if (kind == "up")
    j = lane - b, p = j >= maxLane;
  else if (kind == "down")
    j = lane + b, p = j <= maxLane;
  else if (kind == "bfly")
    j = lane ^ b, p = j <= maxLane;
  else
    j = minLane | (b & ~mask), p = j <= maxLane;
  return {p ? j : lane, p};
}

TEST(GpuExecution, ShufflesMoveFromTheLaneOfThePtxManual) {
  for (const Shuffle &shuffle :
       {Shuffle{"bfly", 1, 0x1f}, Shuffle{"bfly", 16, 0x1f},
        Shuffle{"bfly", 4, 0x1803}, Shuffle{"up", 3, 0},
        Shuffle{"up", 1, 0x1800}, Shuffle{"down", 5, 0x1f},
        Shuffle{"down", 2, 0x181f}, Shuffle{"idx", 7, 0x1f},
        Shuffle{"idx", 3, 0x181f}, Shuffle{"idx", 20, 0x0f}}) {
    GpuProgram program(kernelText(
        32, "%y: !llvm.ptr<1>, %b: i32, %c: i32",
        "%0 = nvvm.shfl.sync " + std::string(shuffle.kind) +
            R"( %full, %tid, %b, %c {return_value_and_is_valid} : i32 -> !llvm.struct<(i32, i1)>
    %1 = llvm.extractvalue %0[0] : !llvm.struct<(i32, i1)>
    %2 = llvm.extractvalue %0[1] : !llvm.struct<(i32, i1)>
    %f = llvm.sitofp %tid : i32 to f32
    %g = nvvm.shfl.sync )" +
            shuffle.kind + R"( %full, %f, %b, %c : f32 -> f32
    %3 = llvm.zext %2 : i1 to i32
    %h = llvm.fptosi %g : f32 to i32
    %4 = llvm.mul %tid, %c3 : i32
    %5 = llvm.add %4, %c1 : i32
    %6 = llvm.add %4, %c2 : i32
    )" + elementAt("%p", "%y", "%4", "i32", 1) +
            elementAt("%q", "%y", "%5", "i32", 1) +
            elementAt("%r", "%y", "%6", "i32", 1) + R"(
    llvm.store %1, %p : i32, !llvm.ptr<1>
    llvm.store %3, %q : i32, !llvm.ptr<1>
    llvm.store %h, %r : i32, !llvm.ptr<1>
  )"));
    DeviceArray<int32_t> y(96);
    EXPECT_CLEAN(
        program.launch("test", 1, 0, y, shuffle.lane, shuffle.clampAndSegment));
    for (int lane = 0; lane < 32; ++lane) {
      const auto [from, valid] = sourceLane(shuffle, lane);
      EXPECT_EQ(y[lane * 3], from) << shuffle.kind << " lane " << lane;
      EXPECT_EQ(y[lane * 3 + 1], valid) << shuffle.kind << " lane " << lane;
      EXPECT_EQ(y[lane * 3 + 2], from) << shuffle.kind << " lane " << lane;
    }
  }
}

TEST(GpuExecution, VotesReductionsAndElection) {
  // Lanes 8 to 15 are asked among themselves by their own mask.
  GpuProgram program(kernelText(32, "%y: !llvm.ptr<1>",
                                R"(
    %odd = llvm.and %tid, %c1 : i32
    %p = llvm.icmp "eq" %odd, %c1 : i32
    %q = llvm.icmp "ult" %tid, %c32 : i32
    %ballot = nvvm.vote.sync ballot %full, %p -> i32
    %any = nvvm.vote.sync any %full, %p -> i1
    %all = nvvm.vote.sync all %full, %p -> i1
    %uni = nvvm.vote.sync uni %full, %q -> i1
    %sum = nvvm.redux.sync add %tid, %full : i32 -> i32
    %most = nvvm.redux.sync umax %tid, %full : i32 -> i32
    %one = nvvm.elect.sync -> i1
    %1 = llvm.zext %any : i1 to i32
    %2 = llvm.zext %all : i1 to i32
    %3 = llvm.zext %uni : i1 to i32
    %4 = llvm.zext %one : i1 to i32
    %5 = llvm.mul %sum, %c1 : i32
    %i0 = llvm.mul %tid, %c8 : i32
    %i1 = llvm.add %i0, %c1 : i32
    %i2 = llvm.add %i0, %c2 : i32
    %i3 = llvm.add %i0, %c3 : i32
    %i4 = llvm.add %i0, %c4 : i32
    %i5 = llvm.add %i0, %c5 : i32
    %i6 = llvm.add %i0, %c6 : i32
    )" + elementAt("%p0", "%y", "%i0", "i32", 1) +
                                    elementAt("%p1", "%y", "%i1", "i32", 1) +
                                    elementAt("%p2", "%y", "%i2", "i32", 1) +
                                    elementAt("%p3", "%y", "%i3", "i32", 1) +
                                    elementAt("%p4", "%y", "%i4", "i32", 1) +
                                    elementAt("%p5", "%y", "%i5", "i32", 1) +
                                    elementAt("%p6", "%y", "%i6", "i32", 1) +
                                    R"(
    llvm.store %ballot, %p0 : i32, !llvm.ptr<1>
    llvm.store %1, %p1 : i32, !llvm.ptr<1>
    llvm.store %2, %p2 : i32, !llvm.ptr<1>
    llvm.store %3, %p3 : i32, !llvm.ptr<1>
    llvm.store %4, %p4 : i32, !llvm.ptr<1>
    llvm.store %5, %p5 : i32, !llvm.ptr<1>
    llvm.store %most, %p6 : i32, !llvm.ptr<1>
  )"));
  DeviceArray<uint32_t> y(256);
  EXPECT_CLEAN(program.launch("test", 1, 0, y));
  for (uint32_t lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(y[lane * 8], 0xaaaaaaaa);
    EXPECT_EQ(y[lane * 8 + 1], 1u);
    EXPECT_EQ(y[lane * 8 + 2], 0u);
    EXPECT_EQ(y[lane * 8 + 3], 1u);
    EXPECT_EQ(y[lane * 8 + 4], lane == 0);
    EXPECT_EQ(y[lane * 8 + 5], 31u * 32 / 2);
    EXPECT_EQ(y[lane * 8 + 6], 31u);
  }
}

TEST(GpuExecution, HalvesOfAWarpMeetByThemselves) {
  GpuProgram program(kernelText(32, "%y: !llvm.ptr<1>", R"(
    %half = llvm.mlir.constant(65535 : i32) : i32
    %other = llvm.mlir.constant(-65536 : i32) : i32
    %isLow = llvm.icmp "ult" %tid, %c16 : i32
    llvm.cond_br %isLow, ^low, ^high
  ^low:
    %a = nvvm.redux.sync add %tid, %half : i32 -> i32
    llvm.br ^end(%a : i32)
  ^high:
    %b = nvvm.redux.sync add %tid, %other : i32 -> i32
    llvm.br ^end(%b : i32)
  ^end(%sum: i32):
    )" + elementAt("%p", "%y", "%tid", "i32", 1) + R"(
    llvm.store %sum, %p : i32, !llvm.ptr<1>
  )"));
  DeviceArray<int32_t> y(32);
  EXPECT_CLEAN(program.launch("test", 1, 0, y));
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(y[lane], lane < 16 ? 120 : 376);
}

TEST(GpuExecution, RoundsToBfloat16AsHardwareDoes) {
  GpuProgram program(kernelText(32, "%x: !llvm.ptr<1>, %y: !llvm.ptr<1>",
                                elementAt("%p", "%x", "%tid", "f32", 1) +
                                    elementAt("%q", "%y", "%tid", "i32", 1) +
                                    R"(
    %0 = llvm.load %p : !llvm.ptr<1> -> f32
    %1 = llvm.fptrunc %0 : f32 to bf16
    %2 = llvm.bitcast %1 : bf16 to i16
    %3 = llvm.zext %2 : i16 to i32
    %4 = nvvm.convert.f32x2.to.bf16x2 %0, %f0 {rnd = #nvvm.fp_rnd_mode<rn>} : vector<2xbf16>
    %5 = llvm.bitcast %4 : vector<2xbf16> to i32
    %6 = llvm.or %5, %3 : i32
    llvm.store %6, %q : i32, !llvm.ptr<1>
  )"));
  DeviceArray<float> x(32);
  DeviceArray<uint32_t> y(32);
  const std::pair<uint32_t, uint32_t> cases[] = {
      {0x3f800000, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f818000, 0x3f82},
      {0x3f808001, 0x3f81}, {0x7f7fffff, 0x7f80}, {0xff800000, 0xff80},
      {0x7f800001, 0x7fff}, {0xffc00000, 0x7fff}, {0x00008001, 0x0001},
      {0x80000000, 0x8000}};
  for (size_t i = 0; i < std::size(cases); ++i)
    memcpy(&x[i], &cases[i].first, 4);
  EXPECT_CLEAN(program.launch("test", 1, 0, x, y));
  for (size_t i = 0; i < std::size(cases); ++i)
    EXPECT_EQ(y[i], cases[i].second << 16 | cases[i].second) << i;
}

TEST(GpuExecution, ADeviceFunctionKnowsItsThread) {
  const std::string text = R"(
module {
gpu.module @kernels {
  llvm.func @twice(%x: i32) -> i32 {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %0 = llvm.add %x, %tid : i32
    llvm.return %0 : i32
  }
  llvm.func @test(%y: !llvm.ptr<1>) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 8, 1, 1>} {
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %0 = llvm.call @twice(%tid) : (i32) -> i32
    %p = llvm.getelementptr %y[%tid] : (!llvm.ptr<1>, i32) -> !llvm.ptr<1>, i32
    llvm.store %0, %p : i32, !llvm.ptr<1>
    llvm.return
  }
}
})";
  GpuProgram program(text);
  DeviceArray<int32_t> y(8);
  EXPECT_CLEAN(program.launch("test", 1, 0, y));
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(y[i], 2 * i);
}

TEST(GpuExecution, ALaunchThatADriverWouldRefuseIsAnError) {
  GpuProgram program(kernelText(32, "%n: i32", ""));
  EXPECT_CLEAN(program.launch("test", 1, 227 * 1024, 1));
  EXPECT_REPORT(program.launch("test", 1, 227 * 1024 + 1, 1),
                "kernel 'test' wants 232449 bytes of shared memory, 232448 is "
                "the most");
  EXPECT_REPORT(program.launch("test", {1, 65536}, 0, 1),
                "kernel 'test' has a grid of 1 x 65536 x 1 blocks");
  EXPECT_REPORT(program.launch("test", {0}, 0, 1),
                "kernel 'test' has a grid of 0 x 1 x 1 blocks");
  EXPECT_REPORT(program.launch("test", 1, 0, int64_t(1)),
                "arguments of other sizes: { 4 }, got { 8 }");
  emulator::Launch launch;
  EXPECT_REPORT(emulator::launch(launch), "no kernel");
}

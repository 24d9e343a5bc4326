//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Races and reads of what nobody wrote, in shared memory: kernels with the
// fault and the same without it.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"

using namespace bertc;
using namespace bertc::test;

/// Runs a block of `threads` with 1 KiB of shared memory and room for a float
/// of each thread in %y.
static emulator::Report run(int threads, const std::string &body,
                            uint32_t blocks = 1) {
  GpuProgram program(kernelText(threads, "%y: !llvm.ptr<1>", body));
  DeviceArray<float> y(threads);
  return program.launch("test", blocks, 1024, y);
}

static const std::string writeOwn =
    elementAt("%own", "%shared", "%tid") +
    "%float = llvm.sitofp %tid : i32 to f32\n"
    "llvm.store %float, %own : f32, !llvm.ptr<3>\n";

/// Reads what thread `tid ^ mask` wrote.
static std::string readOther(int mask) {
  return "%mask = llvm.mlir.constant(" + std::to_string(mask) +
         " : i32) : i32\n%i = llvm.xor %tid, %mask : i32\n" +
         elementAt("%other", "%shared", "%i") +
         "%read = llvm.load %other : !llvm.ptr<3> -> f32\n" +
         elementAt("%to", "%y", "%tid", "f32", 1) +
         "llvm.store %read, %to : f32, !llvm.ptr<1>\n";
}

static const std::string barrier = "nvvm.barrier0\n";
static const std::string warpBarrier = "nvvm.bar.warp.sync %full : i32\n";

TEST(GpuRace, ReadOfAnothersWrite) {
  const auto report = run(64, writeOwn + readOther(1));
  EXPECT_REPORT(report, "kernel 'test', block (0, 0, 0), thread 1: race in "
                        "shared memory, reads 4 bytes at offset 0, which "
                        "thread 0 wrote without a barrier between; at #2 "
                        "llvm.load f32");
  EXPECT_REPORT(report, "; the other at #1 llvm.store f32");
  EXPECT_CLEAN(run(64, writeOwn + barrier + readOther(1)));
}

TEST(GpuRace, WarpBarrierOrdersItsWarpOnly) {
  EXPECT_CLEAN(run(64, writeOwn + warpBarrier + readOther(1)));
  EXPECT_REPORT(run(64, writeOwn + warpBarrier + readOther(32)), "race");
  // Only lanes of the mask.
  const std::string half =
      "%half = llvm.mlir.constant(65535 : i32) : i32\n"
      "%isLow = llvm.icmp \"ult\" %lane, %c16 : i32\n"
      "llvm.cond_br %isLow, ^low, ^end\n^low:\n"
      "nvvm.bar.warp.sync %half : i32\nllvm.br ^end\n^end:\n";
  EXPECT_REPORT(run(32, writeOwn + half + readOther(16)), "race");
}

TEST(GpuRace, ShufflesDoNotOrderMemory) {
  EXPECT_REPORT(
      run(32, writeOwn +
                  "%s = nvvm.shfl.sync bfly %full, %tid, %c1, %c31 : i32 -> "
                  "i32\n" +
                  readOther(1)),
      "race");
}

TEST(GpuRace, TwoWritesOfOnePlace) {
  const std::string same = elementAt("%one", "%shared", "%c0") +
                           "llvm.store %f0, %one : f32, !llvm.ptr<3>\n";
  EXPECT_REPORT(run(64, same), "thread 1: race in shared memory, writes 4 "
                               "bytes at offset 0, which thread 0 wrote");
  EXPECT_CLEAN(run(64, "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n"
                       "llvm.cond_br %is, ^one, ^end\n^one:\n" +
                           same + "llvm.br ^end\n^end:\n"));
}

TEST(GpuRace, WriteOfWhatAnotherStillReads) {
  const std::string again = "llvm.store %f0, %own : f32, !llvm.ptr<3>\n";
  const auto report = run(64, writeOwn + barrier + readOther(32) + again);
  EXPECT_REPORT(report, "thread 31: race in shared memory, writes 4 bytes at "
                        "offset 124, which thread 63 read without a barrier "
                        "between");
  EXPECT_CLEAN(run(64, writeOwn + barrier + readOther(32) + barrier + again));
}

TEST(GpuRace, WriteAfterManyHaveRead) {
  // All read the first word; its owner writes it again.
  const std::string first = elementAt("%one", "%shared", "%c0") +
                            "%a = llvm.load %one : !llvm.ptr<3> -> f32\n" +
                            elementAt("%to", "%y", "%tid", "f32", 1) +
                            "llvm.store %a, %to : f32, !llvm.ptr<1>\n";
  const std::string again = "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n"
                            "llvm.cond_br %is, ^one, ^end\n^one:\n"
                            "llvm.store %f0, %one : f32, !llvm.ptr<3>\n"
                            "llvm.br ^end\n^end:\n";
  EXPECT_REPORT(run(128, writeOwn + barrier + first + again), "race");
  EXPECT_CLEAN(run(128, writeOwn + barrier + first + barrier + again));
}

TEST(GpuRace, NeighboursInAWordAreApart) {
  const std::string text = "%small = llvm.trunc %tid : i32 to i16\n" +
                           elementAt("%own", "%shared", "%tid", "i16") +
                           "llvm.store %small, %own : i16, !llvm.ptr<3>\n"
                           "%byte = llvm.trunc %tid : i32 to i8\n"
                           "%k = llvm.add %tid, %n : i32\n" +
                           elementAt("%next", "%shared", "%k", "i8") +
                           "llvm.store %byte, %next : i8, !llvm.ptr<3>\n";
  EXPECT_CLEAN(run(64, "%n = llvm.mlir.constant(131 : i32) : i32\n" + text));
  EXPECT_REPORT(run(64, "%n = llvm.mlir.constant(127 : i32) : i32\n" + text),
                "writes 2 bytes at offset 126, which thread 0 wrote");
}

TEST(GpuRace, WideAccessesMeetNarrowOnes) {
  // Thread 0 writes 16 bytes, thread 1 two of them.
  const std::string text =
      "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n"
      "%v = llvm.mlir.zero : vector<4xf32>\n%z = llvm.mlir.zero : i16\n" +
      elementAt("%p", "%shared", "%c0") +
      elementAt("%q", "%shared", "%n", "i16") +
      "llvm.cond_br %is, ^one, ^two\n^one:\n"
      "llvm.store %v, %p : vector<4xf32>, !llvm.ptr<3>\nllvm.br ^end\n^two:\n"
      "llvm.store %z, %q : i16, !llvm.ptr<3>\nllvm.br ^end\n^end:\n";
  EXPECT_REPORT(run(2, "%n = llvm.mlir.constant(5 : i32) : i32\n" + text),
                "writes 2 bytes at offset 10, which thread 0 wrote");
  EXPECT_CLEAN(run(2, "%n = llvm.mlir.constant(8 : i32) : i32\n" + text));
}

TEST(GpuRace, NamedBarriersOrderWhoWaits) {
  // Warps 0 and 1 wait at barrier 1.
  const std::string two = "%both = llvm.mlir.constant(64 : i32) : i32\n"
                          "%isIn = llvm.icmp \"ult\" %tid, %both : i32\n"
                          "llvm.cond_br %isIn, ^in, ^end\n^in:\n"
                          "nvvm.barrier id = %c1 number_of_threads = %both\n";
  EXPECT_CLEAN(
      run(128, writeOwn + two + readOther(32) + "llvm.br ^end\n^end:\n"));
  EXPECT_REPORT(
      run(128, writeOwn + two + readOther(64) + "llvm.br ^end\n^end:\n"),
      "race");
}

TEST(GpuRace, ArrivalOrdersOneWay) {
  // Warp 0 arrives, warp 1 waits: it may read what warp 0 wrote before.
  const std::string text =
      "%both = llvm.mlir.constant(64 : i32) : i32\n"
      "%isLow = llvm.icmp \"ult\" %tid, %c32 : i32\n"
      "llvm.cond_br %isLow, ^low, ^high\n^low:\n"
      "nvvm.barrier.arrive id = %c2 number_of_threads = %both\n";
  const std::string rest = "llvm.br ^end\n^high:\n"
                           "nvvm.barrier id = %c2 number_of_threads = %both\n" +
                           readOther(32) + "llvm.br ^end\n^end:\n";
  EXPECT_CLEAN(run(64, writeOwn + text + rest));
  EXPECT_REPORT(run(64, writeOwn + text +
                            "llvm.store %f0, %own : f32, !llvm.ptr<3>\n" +
                            rest),
                "race");
}

TEST(GpuRace, AtomicsAreOrderedAmongThemselves) {
  const std::string zero =
      "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n" +
      elementAt("%one", "%shared", "%c0") +
      "llvm.cond_br %is, ^one, ^all\n^one:\n"
      "llvm.store %f0, %one : f32, !llvm.ptr<3>\nllvm.br ^all\n^all:\n";
  const std::string add =
      "%f = llvm.sitofp %tid : i32 to f32\n"
      "%old = llvm.atomicrmw fadd %one, %f monotonic : !llvm.ptr<3>, f32\n";
  const std::string read = "%a = llvm.load %one : !llvm.ptr<3> -> f32\n" +
                           elementAt("%to", "%y", "%tid", "f32", 1) +
                           "llvm.store %a, %to : f32, !llvm.ptr<1>\n";
  GpuProgram program(kernelText(64, "%y: !llvm.ptr<1>",
                                zero + barrier + add + barrier + read));
  DeviceArray<float> y(64);
  EXPECT_CLEAN(program.launch("test", 1, 1024, y));
  for (float sum : y)
    EXPECT_EQ(sum, 63.0f * 64 / 2);
  EXPECT_REPORT(run(64, zero + barrier + add + read), "race");
}

TEST(GpuRace, IsReportedOnceForEachPairOfSites) {
  // Read before the other has written, written after it was read, and read
  // after it was written. And all blocks write the same result.
  EXPECT_EQ(run(64, writeOwn + readOther(1), /*blocks=*/5).errors.size(), 4u);
}

TEST(GpuUninitialised, ReadBeforeAnyWrite) {
  EXPECT_REPORT(run(32, readOther(0)),
                "thread 0: uninitialised shared memory, reads 4 bytes at "
                "offset 0, of which nobody wrote byte 0; at #1 llvm.load f32");
  EXPECT_CLEAN(run(32, writeOwn + readOther(0)));
}

TEST(GpuUninitialised, EachBlockBeginsAnew) {
  // Only block 0 writes.
  EXPECT_REPORT(run(32,
                    "%block = nvvm.read.ptx.sreg.ctaid.x : i32\n"
                    "%is = llvm.icmp \"eq\" %block, %c0 : i32\n"
                    "llvm.cond_br %is, ^one, ^end\n^one:\n" +
                        writeOwn + "llvm.br ^end\n^end:\n" + readOther(0),
                    /*blocks=*/2),
                "block (1, 0, 0), thread 0: uninitialised shared memory");
}

TEST(GpuUninitialised, PartOfAWideRead) {
  const auto text = [](const std::string &last) {
    std::string body = "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n";
    for (const std::string i : {"0", "1", "2"})
      body += elementAt("%p" + i, "%shared", "%c" + i) + "llvm.store %f0, %p" +
              i + " : f32, !llvm.ptr<3>\n";
    return body + last +
           "%v = llvm.load %p0 : !llvm.ptr<3> -> vector<4xf32>\n"
           "%s = llvm.mlir.constant(0 : i32) : i32\n"
           "%e = llvm.extractelement %v[%s : i32] : vector<4xf32>\n" +
           elementAt("%to", "%y", "%tid", "f32", 1) +
           "llvm.store %e, %to : f32, !llvm.ptr<1>\n";
  };
  EXPECT_REPORT(run(1, text("")), "uninitialised shared memory, reads 16 bytes "
                                  "at offset 0, of which nobody wrote byte 12");
  EXPECT_CLEAN(run(1, text(elementAt("%p3", "%shared", "%c3") +
                           "llvm.store %f0, %p3 : f32, !llvm.ptr<3>\n")));
}

TEST(GpuUninitialised, RowsOfLdmatrix) {
  const std::string load =
      "%row = llvm.mul %lane, %c4 : i32\n" +
      elementAt("%p", "%shared", "%row") +
      "%m = nvvm.ldmatrix %p {num = 1 : i32, layout = #nvvm.mma_layout<row>, "
      "shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = "
      "#nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> i32\n";
  EXPECT_CLEAN(run(32, writeOwn + barrier + load));
  EXPECT_REPORT(run(32, load), "uninitialised shared memory, reads 16 bytes");
  // ldmatrix reads what other lanes wrote: that takes a barrier, too.
  EXPECT_REPORT(run(32, writeOwn + load), "race in shared memory");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Divergence, asynchronous copies that nobody waited for, bounds and alignment:
// kernels with the fault and the same without it.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"

using namespace bertc;
using namespace bertc::test;

static emulator::Report run(int threads, const std::string &body) {
  GpuProgram program(kernelText(threads, "%y: !llvm.ptr<1>", body));
  DeviceArray<float> y(threads);
  return program.launch("test", 1, 1024, y);
}

/// `then` for threads below `limit`, a constant like "%c16".
static std::string ifBelow(const std::string &limit, const std::string &then,
                           const std::string &otherwise = "") {
  return "%is = llvm.icmp \"ult\" %tid, " + limit +
         " : i32\nllvm.cond_br %is, ^then, ^else\n^then:\n" + then +
         "llvm.br ^end\n^else:\n" + otherwise + "llvm.br ^end\n^end:\n";
}

static const std::string barrier = "nvvm.barrier0\n";

//===----------------------------------------------------------------------===//
// Divergence
//===----------------------------------------------------------------------===//

TEST(GpuDivergence, BarrierThatSomeDoNotReach) {
  EXPECT_REPORT(run(64, ifBelow("%c32", barrier)),
                "thread 0: divergence, threads that do not come together: "
                "threads 0-31 at #1 nvvm.barrier0; threads 32-63 left the "
                "kernel");
  EXPECT_REPORT(run(32, ifBelow("%c16", barrier)), "divergence");
  EXPECT_CLEAN(run(64, barrier + ifBelow("%c32", "") + barrier));
}

TEST(GpuDivergence, WarpsMayWaitAtDifferentOps) {
  EXPECT_CLEAN(run(64, ifBelow("%c32", barrier, barrier)));
  EXPECT_REPORT(run(64, ifBelow("%c16", barrier, barrier)),
                "divergence, lanes of a warp at one barrier: thread 0 at #1 "
                "nvvm.barrier0; at #2 nvvm.barrier0");
}

TEST(GpuDivergence, ShuffleThatSomeLanesSkip) {
  const std::string shuffle =
      "%s = nvvm.shfl.sync bfly %full, %tid, %c1, %c31 : i32 -> i32\n";
  EXPECT_REPORT(run(32, ifBelow("%c16", shuffle)),
                "threads 0-15 at #1 nvvm.shfl.sync; threads 16-31 left");
  const std::string other =
      "%t = nvvm.shfl.sync bfly %full, %tid, %c1, %c31 : i32 -> i32\n";
  EXPECT_REPORT(run(32, ifBelow("%c16", shuffle, other)),
                "threads 0-15 at #1 nvvm.shfl.sync; threads 16-31 at #2 "
                "nvvm.shfl.sync");
  EXPECT_CLEAN(run(64, ifBelow("%c32", shuffle, other)));
}

TEST(GpuDivergence, MaskWithoutTheLaneItself) {
  EXPECT_REPORT(run(32, "%s = nvvm.shfl.sync idx %c1, %tid, %c0, %c31 : i32 "
                        "-> i32\n"),
                "divergence, the mask 0x1 does not hold the lane itself");
}

TEST(GpuDivergence, ShuffleFromALaneOutsideTheMask) {
  EXPECT_REPORT(run(32, ifBelow("%c1", "%s = nvvm.shfl.sync idx %c1, %tid, "
                                       "%c2, %c31 : i32 -> i32\n")),
                "bad shuffle, lane 2 is not in the mask 0x1");
}

TEST(GpuDivergence, BarrierOfAnotherSize) {
  const std::string start = "%n = llvm.mlir.constant(64 : i32) : i32\n";
  EXPECT_REPORT(
      run(96, start + ifBelow("%c32",
                              "nvvm.barrier id = %c1 number_of_threads = %n\n",
                              "nvvm.barrier id = %c1\n")),
      "divergence, barrier 1 waits for 64 threads and not for 96");
  EXPECT_REPORT(run(32, "nvvm.barrier id = %c16\n"),
                "no such barrier, 16 of 0 to 15");
  EXPECT_REPORT(run(64, "nvvm.barrier id = %c1 number_of_threads = %c31\n"),
                "bad barrier, 31 threads are no whole number of warps");
}

//===----------------------------------------------------------------------===//
// Asynchronous copies
//===----------------------------------------------------------------------===//

/// 32 threads copy 16 bytes each from %x to shared memory, `bytes` of them
/// read.
static std::string copy(const std::string &suffix = "",
                        const std::string &bytes = "") {
  return "%w" + suffix + " = llvm.mul %tid, %c4 : i32\n" +
         elementAt("%from" + suffix, "%x", "%w" + suffix, "f32", 1) +
         elementAt("%to" + suffix, "%shared", "%w" + suffix) +
         "nvvm.cp.async.shared.global %to" + suffix + ", %from" + suffix +
         ", 16, cache = cg" +
         (bytes.empty()
              ? " : !llvm.ptr<3>, !llvm.ptr<1>\n"
              : ", " + bytes + " : !llvm.ptr<3>, !llvm.ptr<1>, i32\n");
}
static const std::string commit = "nvvm.cp.async.commit.group\n";
static const std::string waitAll = "nvvm.cp.async.wait.group 0\n";

/// Reads the float of word tid * 4 + `word` ^ `mask`.
static std::string readWord(int mask = 0) {
  return "%m = llvm.mlir.constant(" + std::to_string(mask) +
         " : i32) : i32\n%other = llvm.xor %tid, %m : i32\n"
         "%j = llvm.mul %other, %c4 : i32\n%k = llvm.add %j, %c3 : i32\n" +
         elementAt("%p", "%shared", "%k") +
         "%v = llvm.load %p : !llvm.ptr<3> -> f32\n" +
         elementAt("%q", "%y", "%tid", "f32", 1) +
         "llvm.store %v, %q : f32, !llvm.ptr<1>\n";
}

static emulator::Report copyRun(const std::string &body,
                                std::vector<float> *result = nullptr) {
  GpuProgram program(
      kernelText(32, "%x: !llvm.ptr<1>, %y: !llvm.ptr<1>", body));
  DeviceArray<float> x(128), y(32);
  for (int i = 0; i < 128; ++i)
    x[i] = float(i + 1);
  auto report = program.launch("test", 1, 1024, x, y);
  if (result)
    *result = y.values();
  return report;
}

TEST(GpuAsync, CopyArrivesAfterTheWait) {
  std::vector<float> y;
  EXPECT_CLEAN(copyRun(copy() + commit + waitAll + readWord(), &y));
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(y[i], float(4 * i + 4));
  EXPECT_REPORT(copyRun(copy() + commit + readWord()),
                "thread 0: asynchronous copy that was not waited for, reads 4 "
                "bytes at offset 12 that it fills; at #3 llvm.load f32");
}

TEST(GpuAsync, WaitCoversCommittedCopiesOnly) {
  EXPECT_REPORT(copyRun(copy() + waitAll + readWord()), "not waited for");
}

TEST(GpuAsync, OthersNeedABarrierAfterTheWait) {
  EXPECT_REPORT(copyRun(copy() + commit + waitAll + readWord(1)), "race");
  EXPECT_CLEAN(copyRun(copy() + commit + waitAll + barrier + readWord(1)));
  // In the wrong order.
  EXPECT_REPORT(copyRun(copy() + commit + barrier + waitAll + readWord(1)),
                "race");
}

TEST(GpuAsync, NewestGroupsMayBeOnTheirWay) {
  // Two groups, to different places: the wait leaves the second.
  const std::string second = elementAt("%base", "%shared", "%n") +
                             elementAt("%to2", "%base", "%w") +
                             "nvvm.cp.async.shared.global %to2, %from, 16, "
                             "cache = cg : !llvm.ptr<3>, !llvm.ptr<1>\n";
  const std::string start = "%n = llvm.mlir.constant(128 : i32) : i32\n";
  auto read = [](const std::string &base) {
    return elementAt("%p", base, "%w") +
           "%v = llvm.load %p : !llvm.ptr<3> -> f32\n" +
           elementAt("%q", "%y", "%tid", "f32", 1) +
           "llvm.store %v, %q : f32, !llvm.ptr<1>\n";
  };
  const std::string both = start + copy() + commit + second + commit;
  EXPECT_CLEAN(
      copyRun(both + "nvvm.cp.async.wait.group 1\n" + read("%shared")));
  EXPECT_REPORT(copyRun(both + "nvvm.cp.async.wait.group 1\n" + read("%base")),
                "not waited for");
  EXPECT_CLEAN(copyRun(both + waitAll + read("%base")));
}

TEST(GpuAsync, DestinationMustNotBeWritten) {
  EXPECT_REPORT(copyRun(copy() + "llvm.store %f0, %to : f32, !llvm.ptr<3>\n" +
                        commit + waitAll),
                "asynchronous copy that was not waited for, writes 4 bytes");
  EXPECT_REPORT(copyRun(copy() + copy("2") + commit + waitAll),
                "asynchronous copy that was not waited for, writes 16 bytes");
}

TEST(GpuAsync, DestinationMustNotBeReadByOthers) {
  const std::string fill =
      elementAt("%own", "%shared", "%tid", "vector<4xf32>") +
      "%zero = llvm.mlir.zero : vector<4xf32>\n"
      "llvm.store %zero, %own : vector<4xf32>, "
      "!llvm.ptr<3>\n" +
      barrier + readWord(1);
  EXPECT_REPORT(copyRun(fill + copy() + commit + waitAll),
                "race in shared memory, writes 16 bytes");
  EXPECT_CLEAN(copyRun(fill + barrier + copy() + commit + waitAll));
}

TEST(GpuAsync, BytesBehindTheSourceAreZero) {
  std::vector<float> y;
  const std::string twelve = "%twelve = llvm.mlir.constant(12 : i32) : i32\n";
  EXPECT_CLEAN(copyRun(
      twelve + copy("", "%twelve") + commit + waitAll + readWord(), &y));
  for (float value : y)
    EXPECT_EQ(value, 0.0f);
  // What is not read need not be there.
  EXPECT_CLEAN(copyRun(copy("", "%c0") + commit + waitAll + readWord()));
  EXPECT_REPORT(copyRun(copy("", "%c32") + commit + waitAll),
                "bad copy, 32 of 16 bytes");
}

//===----------------------------------------------------------------------===//
// Bounds and alignment
//===----------------------------------------------------------------------===//

/// Loads (or stores) `type` of `array`, at element `index` of f32.
static emulator::Report accessGlobal(int index, const std::string &type,
                                     bool stores = false,
                                     bool writable = true) {
  GpuProgram program(kernelText(
      1, "%x: !llvm.ptr<1>, %i: i32",
      elementAt("%p", "%x", "%i", "f32", 1) +
          (stores ? "%v = llvm.mlir.zero : " + type +
                        "\nllvm.store %v, %p : " + type + ", !llvm.ptr<1>\n"
                  : "%v = llvm.load %p : !llvm.ptr<1> -> " + type + "\n" +
                        "llvm.store %v, %p : " + type + ", !llvm.ptr<1>\n")));
  DeviceArray<float> x(10, 0, "weights", writable);
  return program.launch("test", 1, 0, x, index);
}

TEST(GpuBounds, GlobalMemory) {
  EXPECT_CLEAN(accessGlobal(9, "f32"));
  EXPECT_REPORT(
      accessGlobal(10, "f32"),
      "thread 0: out of bounds, reads 4 bytes of global memory at 0x");
  EXPECT_REPORT(accessGlobal(10, "f32"),
                ", 40 bytes into 'weights' of 40 bytes; at #1 llvm.load f32");
  EXPECT_REPORT(accessGlobal(-1, "f32", true), "out of bounds, writes 4 bytes");
  EXPECT_CLEAN(accessGlobal(8, "vector<2xf32>"));
  EXPECT_REPORT(accessGlobal(8, "vector<4xf32>"),
                "out of bounds, reads 16 bytes");
}

TEST(GpuBounds, Alignment) {
  EXPECT_REPORT(accessGlobal(1, "vector<2xf32>"), "misaligned access, 0x");
  EXPECT_REPORT(accessGlobal(2, "vector<4xf32>"), " is no multiple of 16");
}

TEST(GpuBounds, ReadOnlyMemory) {
  EXPECT_REPORT(accessGlobal(3, "f32", true, false),
                "read-only memory, writes 4 bytes of 'weights'");
}

TEST(GpuBounds, NoMemoryAtAll) {
  GpuProgram program(kernelText(1, "%x: !llvm.ptr<1>",
                                "%v = llvm.load %x : !llvm.ptr<1> -> i64\n"
                                "llvm.store %v, %x : i64, !llvm.ptr<1>\n"));
  EXPECT_REPORT(program.launch("test", 1, 0, static_cast<void *>(nullptr)),
                "global memory at 0x0, and none is registered");
}

TEST(GpuBounds, SharedMemory) {
  auto text = [](int index, const std::string &type) {
    return "%i = llvm.mlir.constant(" + std::to_string(index) +
           " : i32) : i32\n" + elementAt("%p", "%shared", "%i") +
           "%v = llvm.mlir.zero : " + type + "\nllvm.store %v, %p : " + type +
           ", !llvm.ptr<3>\n";
  };
  EXPECT_CLEAN(run(1, text(255, "f32")));
  EXPECT_REPORT(run(1, text(256, "f32")),
                "out of bounds, 4 bytes at offset 1024 of 1024 bytes of shared "
                "memory");
  EXPECT_REPORT(run(1, text(-1, "f32")), "4 bytes at offset -4 of 1024 bytes");
  EXPECT_REPORT(run(1, text(254, "vector<4xf32>")), "out of bounds");
  EXPECT_REPORT(run(1, text(1, "vector<4xf32>")),
                "misaligned access, 0x4 is no multiple of 16");
}

TEST(GpuBounds, SharedAddressesAsIntegers) {
  // 32 bits hold an address of shared memory.
  EXPECT_CLEAN(run(32, elementAt("%p", "%shared", "%tid") +
                           "%a = llvm.ptrtoint %p : !llvm.ptr<3> to i32\n"
                           "%q = llvm.inttoptr %a : i32 to !llvm.ptr<3>\n"
                           "llvm.store %f0, %q : f32, !llvm.ptr<3>\n"
                           "%v = llvm.load %p : !llvm.ptr<3> -> f32\n" +
                           elementAt("%to", "%y", "%tid", "f32", 1) +
                           "llvm.store %v, %to : f32, !llvm.ptr<1>\n"));
}

TEST(GpuBounds, GenericPointersAreEither) {
  auto text = [](const std::string &index) {
    return elementAt("%p", "%shared", index) +
           "%q = llvm.addrspacecast %p : !llvm.ptr<3> to !llvm.ptr\n"
           "llvm.store %f0, %q : f32, !llvm.ptr\n" +
           elementAt("%r", "%y", index, "f32", 1) +
           "%s = llvm.addrspacecast %r : !llvm.ptr<1> to !llvm.ptr\n"
           "llvm.store %f0, %s : f32, !llvm.ptr\n";
  };
  EXPECT_CLEAN(run(32, text("%tid")));
  EXPECT_REPORT(run(32, text("%c0")), "race in shared memory");
  EXPECT_REPORT(run(8, text("%c8")), "global memory");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Blocks of a launch that touch the same bytes of global memory: what must be
// ordered by atomic accesses, and what orders it.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"

using namespace bertc;
using namespace bertc::test;

namespace {

constexpr int threads = 32;

emulator::Report run(const std::string &body, uint32_t blocks = 4,
                     bool backwards = false) {
  GpuProgram program(kernelText(threads,
                                "%x: !llvm.ptr<1>, %counter: !llvm.ptr<1>",
                                "%block = nvvm.read.ptx.sreg.ctaid.x : i32\n"
                                "%before = llvm.mul %block, %c32 : i32\n"
                                "%number = llvm.add %before, %tid : i32\n" +
                                    body));
  if (backwards)
    program.order = [blocks](uint64_t n) { return blocks - 1 - n; };
  DeviceArray<float> x(threads * 8, 0, "x");
  DeviceArray<int32_t> counter(4, 0, "counter");
  return program.launch("test", blocks, 64, x, counter);
}

std::string at(const std::string &name, const std::string &index,
               const std::string &type = "f32") {
  return elementAt("%" + name, "%x", index, type, 1);
}
std::string write(const std::string &name, const std::string &index) {
  return at(name, index) + "llvm.store %f0, %" + name +
         " : f32, !llvm.ptr<1>\n";
}
std::string read(const std::string &name, const std::string &index) {
  return at(name, index) + "%v" + name + " = llvm.load volatile %" + name +
         " : !llvm.ptr<1> -> f32\n";
}
std::string when(const std::string &name, const std::string &condition,
                 const std::string &body) {
  return condition + "llvm.cond_br %" + name + ", ^" + name + ", ^" + name +
         "d\n^" + name + ":\n" + body + "llvm.br ^" + name + "d\n^" + name +
         "d:\n";
}
std::string isEqual(const std::string &name, const std::string &a,
                    const std::string &b) {
  return "%" + name + " = llvm.icmp \"eq\" " + a + ", " + b + " : i32\n";
}
const std::string barrier = "nvvm.barrier0\n";
const std::string fence = "llvm.fence syncscope(\"device\") acq_rel\n";

/// Each block writes its part and draws a ticket; the last one reads all.
std::string lastReads(const std::string &before, const std::string &order,
                      const std::string &behind,
                      const std::string &afterTicket = "") {
  return write("w", "%number") + before +
         when("first", isEqual("first", "%tid", "%c0"),
              "%drawn = llvm.atomicrmw add %counter, %c1 " + order +
                  " : !llvm.ptr<1>, i32\n" + afterTicket +
                  elementAt("%boardw", "%shared", "%c0", "i32") +
                  "llvm.store %drawn, %boardw : i32, !llvm.ptr<3>\n") +
         behind + elementAt("%board", "%shared", "%c0", "i32") +
         "%ticket = llvm.load %board : !llvm.ptr<3> -> i32\n" +
         when("last", isEqual("last", "%ticket", "%c3"),
              read("r0", "%tid") + "%two = llvm.add %tid, %c32 : i32\n" +
                  read("r1", "%two"));
}
const std::string deviceOrder = "syncscope(\"device\") acq_rel";
const std::string relaxed = "syncscope(\"device\") monotonic";

} // namespace

TEST(GpuGlobalRaces, BlocksWithPartsOfTheirOwn) {
  EXPECT_CLEAN(run(write("a", "%number") + read("b", "%number")));
  // The same part, in bytes that are not the others'.
  EXPECT_CLEAN(run("%mine = llvm.mul %tid, %c4 : i32\n"
                   "%byte = llvm.add %mine, %block : i32\n" +
                   at("p", "%byte", "i8") +
                   "%zero = llvm.mlir.constant(0 : i8) : i8\n"
                   "llvm.store %zero, %p : i8, !llvm.ptr<1>\n"));
  EXPECT_CLEAN(run(read("a", "%tid")));
}

TEST(GpuGlobalRaces, TwoBlocksWriteTheSame) {
  EXPECT_REPORT(run(write("a", "%tid")),
                "block (1, 0, 0), thread 0: race in global memory, writes 4 "
                "bytes at 0x");
  EXPECT_REPORT(run(write("a", "%tid")),
                " of 'x', which thread 3 of block (0, 0, 0) wrote, and nothing "
                "orders the two; at #1 llvm.store f32; the other at #1");
  EXPECT_CLEAN(run(write("a", "%tid"), 1));
}

TEST(GpuGlobalRaces, OneBlockReadsWhatAnotherWrites) {
  const std::string next = "%next = llvm.add %number, %c32 : i32\n";
  const std::string neighbours =
      write("a", "%number") + next + read("b", "%next");
  // Reads come first, or writes do: whichever runs before.
  EXPECT_REPORT(run(neighbours), "race in global memory, writes 4 bytes");
  EXPECT_REPORT(run(neighbours), "which block (0, 0, 0) read, and nothing");
  EXPECT_REPORT(run(neighbours, 4, true),
                "race in global memory, reads 4 bytes");
}

TEST(GpuGlobalRaces, AtomicAccessesDoNotRace) {
  const std::string add = at("a", "%tid") +
                          "%old = llvm.atomicrmw fadd %a, %f0 " + relaxed +
                          " : !llvm.ptr<1>, f32\n";
  EXPECT_CLEAN(run(add));
  EXPECT_REPORT(run(add + write("b", "%tid")), "race in global memory");
}

TEST(GpuGlobalRaces, TicketsOrderBlocks) {
  EXPECT_CLEAN(run(lastReads(barrier, deviceOrder, barrier)));
  EXPECT_CLEAN(run(lastReads(barrier, deviceOrder, barrier), 4, true));
  // Fences make order of an access that has none.
  EXPECT_CLEAN(
      run(lastReads(fence + barrier + fence, relaxed, barrier, fence)));
  EXPECT_CLEAN(run(lastReads(barrier + fence, relaxed, barrier, fence)));
}

TEST(GpuGlobalRaces, TicketsThatOrderTooLittle) {
  const std::string fault = "race in global memory, reads 4 bytes";
  // Other threads' writes do not come before the ticket.
  EXPECT_REPORT(run(lastReads("", deviceOrder, barrier)), fault);
  EXPECT_REPORT(run(lastReads(barrier, relaxed, barrier)), fault);
  EXPECT_REPORT(run(lastReads(barrier + fence, relaxed, barrier)), fault);
  EXPECT_REPORT(run(lastReads(barrier, relaxed, barrier, fence)), fault);
  EXPECT_REPORT(
      run(lastReads(barrier, "syncscope(\"block\") acq_rel", barrier)), fault);
  EXPECT_REPORT(
      run(lastReads(barrier, "syncscope(\"device\") release", barrier)), fault);
  EXPECT_REPORT(
      run(lastReads(barrier, "syncscope(\"device\") acquire", barrier)), fault);
}

TEST(GpuGlobalRaces, ThreadsOfABlock) {
  // Each thread has 16 bytes.
  const std::string begin = "%mine = llvm.mul %number, %c4 : i32\n"
                            "%other = llvm.xor %mine, %c4 : i32\n" +
                            write("a", "%mine");
  EXPECT_REPORT(run(begin + read("b", "%other"), 2),
                "race in global memory, reads 4 bytes at 0x");
  EXPECT_CLEAN(run(begin + barrier + read("b", "%other"), 2));
}

TEST(GpuGlobalRaces, LaunchesAreOrdered) {
  GpuProgram program(
      kernelText(threads, "%x: !llvm.ptr<1>", write("a", "%tid")));
  DeviceArray<float> x(threads);
  for (int i = 0; i < 3; ++i)
    EXPECT_CLEAN(program.launch("test", 1, 64, x));
}

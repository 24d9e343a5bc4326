//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Clusters of blocks: what each knows of itself, arrivals at the barriers of
// others, copies to several, and the faults.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"
#include "tools/gpu-emulator/TensorMap.h"
#include <cstring>
#include <regex>

using namespace bertc;
using namespace bertc::test;
using emulator::TensorMap;

namespace {

/// kernelText for clusters.
std::string clusterText(const std::string &dimensions, int threads,
                        const std::string &arguments, const std::string &body) {
  return std::regex_replace(
      kernelText(threads, arguments, body), std::regex("nvvm.reqntid"),
      "nvvm.cluster_dim = array<i32: " + dimensions + ">, nvvm.reqntid");
}

const std::string rank = "%rank = nvvm.read.ptx.sreg.cluster.ctarank : i32\n";
const std::string meet = "nvvm.cluster.arrive\nnvvm.cluster.wait\n";
/// Thread 0 does `body`.
std::string byFirst(const std::string &name, const std::string &body) {
  return "%is" + name +
         " = llvm.icmp \"eq\" %tid, %c0 : i32\nllvm.cond_br %is" + name +
         ", ^" + name + ", ^" + name + "d\n^" + name + ":\n" + body +
         "llvm.br ^" + name + "d\n^" + name + "d:\n";
}
const std::string init =
    "nvvm.mbarrier.init %shared, %c1 : !llvm.ptr<3>, i32\n";
/// Arrives at the barrier of the next block.
const std::string arriveThere =
    "%next = llvm.xor %rank, %c1 : i32\n"
    "%there = nvvm.mapa %shared, %next : !llvm.ptr<3> -> !llvm.ptr<7>\n"
    "nvvm.mbarrier.arrive %there {scope = #nvvm.mem_scope<cluster>} : "
    "!llvm.ptr<7>\n";
const std::string waitHere =
    "nvvm.mbarrier.try_wait.parity %shared, %c0, %c16 : !llvm.ptr<3>, i32, "
    "i32\n";

emulator::Report run(const std::string &body, uint32_t blocks = 2,
                     const std::string &dimensions = "2, 1, 1") {
  return GpuProgram(clusterText(dimensions, 32, "%n: i32", body))
      .launch("test", blocks, 64, 0);
}

} // namespace

TEST(GpuCluster, BlocksKnowTheirPlace) {
  GpuProgram program(clusterText(
      "2, 2, 1", 32, "%y: !llvm.ptr<1>",
      rank +
          "%size = nvvm.read.ptx.sreg.cluster.nctarank : i32\n"
          "%x = nvvm.read.ptx.sreg.ctaid.x : i32\n"
          "%row = nvvm.read.ptx.sreg.ctaid.y : i32\n"
          "%first = llvm.mul %row, %c4 : i32\n"
          "%block = llvm.add %first, %x : i32\n"
          "%shifted = llvm.mul %size, %c16 : i32\n"
          "%value = llvm.add %shifted, %rank : i32\n" +
          elementAt("%at", "%y", "%block", "i32", 1) +
          byFirst("w", "llvm.store %value, %at : i32, !llvm.ptr<1>\n")));
  DeviceArray<int32_t> y(4 * 4);
  EXPECT_CLEAN(program.launch("test", Grid(4, 4), 0, y));
  for (int row = 0; row < 4; ++row)
    for (int x = 0; x < 4; ++x)
      EXPECT_EQ(y[row * 4 + x], 4 * 16 + row % 2 * 2 + x % 2);
}

TEST(GpuCluster, ArrivesAtTheBarrierOfAnother) {
  const std::string begin = rank + byFirst("i", init) + meet;
  EXPECT_CLEAN(run(begin + byFirst("a", arriveThere) + waitHere + meet));
  EXPECT_CLEAN(run(begin + byFirst("a", arriveThere) + waitHere + meet, 6));
  // Nobody arrives.
  EXPECT_REPORT(run(begin + waitHere + meet),
                "divergence, threads that do not come together: block 0: "
                "threads 0-31 at #4 nvvm.mbarrier.try_wait.parity; block 1: "
                "threads 0-31 at #4 nvvm.mbarrier.try_wait.parity; the "
                "mbarrier at offset 0 of block 0, phase 0: 1 of 1 arrivals and "
                "0 bytes are missing; the mbarrier at offset 0 of block 1");
  EXPECT_REPORT(run(rank + byFirst("i", init) + byFirst("a", arriveThere) +
                    waitHere + meet),
                "no mbarrier, 8 bytes at offset 0 of shared memory");
  EXPECT_REPORT(run(rank + byFirst("i", init + "nvvm.cluster.arrive\n") +
                    byFirst("a", arriveThere)),
                "no mbarrier");
}

TEST(GpuCluster, BlocksMustStayWhileOthersArrive) {
  // The first thread of one block.
  auto begin = [](const std::string &who) {
    return rank + byFirst("i", init) + meet +
           "%mine = llvm.mul %rank, %c32 : i32\n"
           "%number = llvm.add %mine, %tid : i32\n"
           "%one = llvm.icmp \"eq\" %number, " +
           who + " : i32\nllvm.cond_br %one, ^a, ^ad\n^a:\n" + arriveThere +
           "llvm.br ^ad\n^ad:\n";
  };
  // The other block has not run to its end, but it could have.
  EXPECT_REPORT(run(begin("%c0")),
                "no mbarrier, block 1 of the cluster may have left the kernel");
  EXPECT_REPORT(run(begin("%c32")),
                "no mbarrier, block 0 of the cluster has left the kernel");
  EXPECT_CLEAN(run(begin("%c0") + meet));
  EXPECT_CLEAN(run(begin("%c32") + meet));
  // Whom they arrive at waits for them.
  EXPECT_CLEAN(run(rank + byFirst("i", init) + meet +
                   byFirst("a", arriveThere) + waitHere));
}

TEST(GpuCluster, BarrierOfTheCluster) {
  EXPECT_CLEAN(run(meet + meet));
  EXPECT_REPORT(run("nvvm.cluster.arrive\nnvvm.cluster.arrive\n"),
                "bad cluster barrier, a thread arrives that did not wait after "
                "it arrived before");
  EXPECT_REPORT(run("nvvm.cluster.wait\n"),
                "bad cluster barrier, a thread waits that did not arrive");
  // Who left is not waited for.
  EXPECT_CLEAN(run(rank +
                   "%is = llvm.icmp \"eq\" %rank, %c0 : i32\n"
                   "llvm.cond_br %is, ^meets, ^leaves\n^meets:\n" +
                   meet + "llvm.br ^leaves\n^leaves:\n"));
  // What is written between arriving and waiting is not ordered.
  const std::string write = elementAt("%own", "%shared", "%c0") +
                            "llvm.store %f0, %own : f32, !llvm.ptr<3>\n";
  const std::string read =
      "%is1 = llvm.icmp \"eq\" %tid, %c1 : i32\n"
      "llvm.cond_br %is1, ^r, ^rd\n^r:\n" +
      elementAt("%at", "%shared", "%c0") + elementAt("%to", "%shared", "%c1") +
      "%v = llvm.load %at : !llvm.ptr<3> -> f32\n"
      "llvm.store %v, %to : f32, !llvm.ptr<3>\nllvm.br ^rd\n^rd:\n";
  EXPECT_REPORT(run("nvvm.cluster.arrive\n" + byFirst("w", write) +
                    "nvvm.cluster.wait\n" + read),
                "race in shared memory, reads 4 bytes at offset 0, which "
                "thread 0 of block 0 of the cluster wrote");
  EXPECT_CLEAN(run(byFirst("w", write) + meet + read));
}

TEST(GpuCluster, BadOperands) {
  EXPECT_REPORT(run("%far = nvvm.mapa %shared, %c2 : !llvm.ptr<3> -> "
                    "!llvm.ptr<7>\n"
                    "nvvm.mbarrier.arrive %far {scope = "
                    "#nvvm.mem_scope<cluster>} : !llvm.ptr<7>\n"),
                "no such block, 2 of a cluster of 2");
  EXPECT_REPORT(run(meet, 3), "kernel 'test' has clusters of 2 blocks and a "
                              "grid of 3, no multiple of it");
  EXPECT_REPORT(run(meet, 16, "16, 1, 1"),
                "kernel 'test' has clusters of 16 blocks, 8 is the most");
}

namespace {

constexpr uint32_t columns = 8, rows = 16; // of the tensor and, half, a box
constexpr uint32_t boxBytes = columns * rows / 2 * 2;

/// Each block copies its half of the tensor to all blocks of `mask`; each
/// writes what it has then to its part of y.
std::string multicastText(int mask, uint32_t announced) {
  auto number = [](const std::string &name, long value,
                   const std::string &type = "i32") {
    return name + " = llvm.mlir.constant(" + std::to_string(value) + " : " +
           type + ") : " + type + "\n";
  };
  const std::string copy =
      "nvvm.mbarrier.arrive.expect_tx %bar, %bytes : !llvm.ptr<3>, i32\n"
      "%cluster = llvm.addrspacecast %to : !llvm.ptr<3> to !llvm.ptr<7>\n"
      "nvvm.cp.async.bulk.tensor.shared.cluster.global %cluster, %map, %bar, "
      "box[%c0, %first] multicast_mask = %mask : !llvm.ptr<7>, !llvm.ptr\n";
  std::string body =
      rank + number("%barAt", 2 * boxBytes) + number("%half", boxBytes) +
      number("%bytes", announced) + number("%mask", mask, "i16") +
      elementAt("%bar", "%shared", "%barAt", "i8") +
      "%place = llvm.mul %rank, %half : i32\n"
      "%first = llvm.mul %rank, %c8 : i32\n" +
      elementAt("%to", "%shared", "%place", "i8") +
      byFirst("i", "nvvm.mbarrier.init %bar, %c1 : !llvm.ptr<3>, i32\n"
                   "nvvm.fence.mbarrier.init\n") +
      meet + byFirst("c", copy) +
      "nvvm.mbarrier.try_wait.parity %bar, %c0, %c16 : !llvm.ptr<3>, i32, "
      "i32\n" +
      // 64 words, two by each thread.
      number("%words", boxBytes / 2) +
      "%part = llvm.mul %rank, %words : i32\n"
      "%more = llvm.add %tid, %c32 : i32\n";
  for (const std::string at : {"%tid", "%more"}) {
    const std::string s = at.substr(1);
    body += elementAt("%f" + s, "%shared", at, "i32") + "%v" + s +
            " = llvm.load %f" + s + " : !llvm.ptr<3> -> i32\n%i" + s +
            " = llvm.add %part, " + at + " : i32\n" +
            elementAt("%y" + s, "%y", "%i" + s, "i32", 1) + "llvm.store %v" +
            s + ", %y" + s + " : i32, !llvm.ptr<1>\n";
  }
  return clusterText("1, 2, 1", 32,
                     "%map: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = "
                     "!llvm.array<128 x i8>, nvvm.grid_constant}, %y: "
                     "!llvm.ptr<1>",
                     body + meet);
}

struct alignas(64) MapArgument {
  char bytes[128] = {};
};

} // namespace

TEST(GpuCluster, CopiesToSeveralBlocks) {
  DeviceArray<uint16_t> tensor(rows * columns);
  for (uint32_t i = 0; i < tensor.size(); ++i)
    tensor[i] = static_cast<uint16_t>(i * 7 + 3);
  TensorMap map;
  map.address = reinterpret_cast<uint64_t>(tensor.data());
  map.rank = 2;
  map.elementBytes = 2;
  map.sizes[0] = columns;
  map.sizes[1] = rows;
  map.strides[0] = columns * 2;
  map.box[0] = columns;
  map.box[1] = rows / 2;
  ASSERT_EQ(emulator::problemOf(map), "");
  MapArgument argument;
  memcpy(argument.bytes, &map, sizeof(map));
  DeviceArray<uint16_t> y(2 * tensor.size());
  auto go = [&](int mask, uint32_t announced) {
    return GpuProgram(multicastText(mask, announced))
        .launch("test", Grid(1, 2), 2 * boxBytes + 8, argument, y);
  };
  EXPECT_CLEAN(go(3, 2 * boxBytes));
  for (uint32_t i = 0; i < y.size(); ++i)
    ASSERT_EQ(y[i], tensor[i % tensor.size()]) << i;
  // Each barrier waits for the bytes of its own block's copies and of others'.
  EXPECT_REPORT(go(3, 2 * boxBytes + 16), "divergence, threads that do not");
  EXPECT_REPORT(go(1, 2 * boxBytes), "divergence, threads that do not");
  EXPECT_REPORT(go(7, 2 * boxBytes),
                "no such block, a copy to those of the mask 0x7 of a cluster "
                "of 2");
  EXPECT_REPORT(go(0, 2 * boxBytes), "no such block, a copy to those");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Counts of turns and conflicts against those worked out by hand.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/GpuJit.h"
#include "test/Unit/Gpu/KernelText.h"

using namespace bertc;
using namespace bertc::test;

static void expectTurns(const emulator::Report &report, uint64_t transactions,
                        uint64_t conflicts) {
  EXPECT_CLEAN(report);
  EXPECT_EQ(report.transactions, transactions);
  EXPECT_EQ(report.bankConflicts, conflicts);
}

/// A warp stores `type` at `stride` times that type.
static emulator::Report store(const std::string &type, int stride,
                              int threads = 32) {
  GpuProgram program(kernelText(
      threads, "%y: !llvm.ptr<1>",
      "%n = llvm.mlir.constant(" + std::to_string(stride) +
          " : i32) : i32\n%i = llvm.mul %tid, %n : i32\n" +
          elementAt("%p", "%shared", "%i", type) + "%v = llvm.mlir.zero : " +
          type + "\nllvm.store %v, %p : " + type + ", !llvm.ptr<3>\n"));
  DeviceArray<float> y(1);
  return program.launch("test", 1, 64 * 1024, y);
}

TEST(GpuBanks, WordsOfAWarp) {
  expectTurns(store("f32", 1), 1, 0);
  expectTurns(store("f32", 2), 2, 1);
  expectTurns(store("f32", 3), 1, 0);
  expectTurns(store("f32", 4), 4, 3);
  expectTurns(store("f32", 32), 32, 31);
  expectTurns(store("f32", 33), 1, 0);
  expectTurns(store("f32", 2, 64), 4, 2);
}

TEST(GpuBanks, PartsOfAWordAreOneWord) {
  expectTurns(store("i16", 1), 1, 0);
  expectTurns(store("i8", 1), 1, 0);
  // Two words a bank.
  expectTurns(store("i16", 4), 2, 1);
}

TEST(GpuBanks, WideAccessesAreServedInParts) {
  expectTurns(store("f64", 1), 2, 0);
  expectTurns(store("f64", 2), 4, 2);
  expectTurns(store("vector<4xf32>", 1), 4, 0);
  expectTurns(store("vector<4xf32>", 2), 8, 4);
  expectTurns(store("vector<4xf32>", 8), 32, 28);
}

TEST(GpuBanks, OneWordForAllIsOneTurn) {
  GpuProgram program(kernelText(
      32, "%y: !llvm.ptr<1>",
      "%is = llvm.icmp \"eq\" %tid, %c0 : i32\n" +
          elementAt("%p", "%shared", "%c5") +
          "llvm.cond_br %is, ^one, ^all\n^one:\n"
          "llvm.store %f0, %p : f32, !llvm.ptr<3>\nllvm.br ^all\n^all:\n"
          "nvvm.barrier0\n%v = llvm.load %p : !llvm.ptr<3> -> f32\n" +
          elementAt("%q", "%y", "%tid", "f32", 1) +
          "llvm.store %v, %q : f32, !llvm.ptr<1>\n"));
  DeviceArray<float> y(32);
  expectTurns(program.launch("test", 1, 1024, y), 2, 0);
}

TEST(GpuBanks, LoopsAreCountedTripByTrip) {
  // Four stores of a warp, each without conflicts, of lanes that run by
  // themselves.
  GpuProgram program(kernelText(
      32, "%y: !llvm.ptr<1>",
      "llvm.br ^loop(%c0 : i32)\n^loop(%i: i32):\n"
      "%row = llvm.mul %i, %c32 : i32\n%j = llvm.add %row, %tid : i32\n" +
          elementAt("%p", "%shared", "%j") +
          "llvm.store %f0, %p : f32, !llvm.ptr<3>\n"
          "%next = llvm.add %i, %c1 : i32\n"
          "%more = llvm.icmp \"ult\" %next, %c4 : i32\n"
          "llvm.cond_br %more, ^loop(%next : i32), ^end\n^end:\n"));
  DeviceArray<float> y(1);
  expectTurns(program.launch("test", 1, 1024, y), 4, 0);
}

/// ldmatrix x4 of rows that lie `stride` bytes apart; their place in a row of
/// 128 bytes is swapped by the row's number, or not.
static emulator::Report loadRows(int stride, bool swizzles) {
  const std::string text =
      "%n = llvm.mlir.constant(" + std::to_string(stride / 4) +
      " : i32) : i32\n%row = llvm.mul %tid, %n : i32\n" +
      (swizzles ? "%low = llvm.and %tid, %c7 : i32\n"
                  "%x = llvm.mul %low, %c4 : i32\n"
                : "%x = llvm.mul %c0, %c4 : i32\n") +
      "%i = llvm.add %row, %x : i32\n" + elementAt("%p", "%shared", "%i") +
      "%zero = llvm.mlir.zero : vector<4xf32>\n"
      "llvm.store %zero, %p : vector<4xf32>, !llvm.ptr<3>\nnvvm.barrier0\n"
      "%m = nvvm.ldmatrix %p {num = 4 : i32, layout = #nvvm.mma_layout<row>, "
      "shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = "
      "#nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> "
      "!llvm.struct<(i32, i32, i32, i32)>\n";
  GpuProgram program(kernelText(32, "%y: !llvm.ptr<1>", text));
  DeviceArray<float> y(1);
  return program.launch("test", 1, 8192, y);
}

TEST(GpuBanks, MatricesAreServedOneByOne) {
  // The stores before behave the same, for quarter warps.
  expectTurns(loadRows(128, false), 2 * 32, 2 * 28);
  expectTurns(loadRows(128, true), 2 * 4, 0);
  expectTurns(loadRows(144, false), 2 * 4, 0);
  expectTurns(loadRows(64, false), 2 * 16, 2 * 12);
}

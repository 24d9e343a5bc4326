//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Small kernels as text at nvvm level.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_KERNELTEXT_H
#define BERTC_TEST_UNIT_GPU_KERNELTEXT_H

#include <string>

namespace bertc::test {

/// A module with the kernel `test`. `arguments` are its, such as
/// "%x: !llvm.ptr<1>, %n: i32"; %tid, %lane, %shared and the constants %c0 to
/// %c8, %c16, %c31, %c32, %full (all lanes) and %f0 are there.
inline std::string kernelText(int threads, const std::string &arguments,
                              const std::string &body) {
  std::string constants;
  for (int i : {0, 1, 2, 3, 4, 5, 6, 7, 8, 16, 31, 32})
    constants += "%c" + std::to_string(i) + " = llvm.mlir.constant(" +
                 std::to_string(i) + " : i32) : i32\n";
  return R"(
module {
gpu.module @kernels {
  llvm.mlir.global external @shared() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<0 x i8>
  llvm.func @test()" +
         arguments +
         R"() attributes {gpu.kernel, nvvm.kernel, nvvm.reqntid = array<i32: )" +
         std::to_string(threads) + R"(, 1, 1>} {
    )" + constants +
         R"(
    %full = llvm.mlir.constant(-1 : i32) : i32
    %f0 = llvm.mlir.constant(0.0 : f32) : f32
    %shared = llvm.mlir.addressof @shared : !llvm.ptr<3>
    %tid = nvvm.read.ptx.sreg.tid.x : i32
    %lane = nvvm.read.ptx.sreg.laneid : i32
    )" + body +
         R"(
    llvm.return
  }
}
}
)";
}

/// "%to = getelementptr %base[%index] : type", in memory `space`.
inline std::string elementAt(const std::string &to, const std::string &base,
                             const std::string &index,
                             const std::string &type = "f32", int space = 3) {
  const std::string pointer = "!llvm.ptr<" + std::to_string(space) + ">";
  return to + " = llvm.getelementptr " + base + "[" + index + "] : (" +
         pointer + ", i32) -> " + pointer + ", " + type + "\n";
}

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_KERNELTEXT_H

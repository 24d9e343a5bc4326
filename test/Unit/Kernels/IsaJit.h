//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles what a test emits with the functions of Isa.h through the pipeline
// of the compiler: to assembly for a processor that has the instructions, or,
// with those emulated, to code that runs on any machine with AVX2.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_KERNELS_ISAJIT_H
#define BERTC_TEST_UNIT_KERNELS_ISAJIT_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace bertc::test {

/// Emits the body of a function of three buffers, memref<?xf32>.
using IsaBody = std::function<void(KernelBuilder &, mlir::ValueRange)>;

/// The memory of that buffer from word `first` on, as memref<?xi32>.
mlir::Value asIntegers(KernelBuilder &k, mlir::Value floats, int64_t first = 0);

/// Assembly of `body` for the target of that name. Fails the test, with what
/// went wrong as the result, if there is none.
std::string assembly(const IsaBody &body, const std::string &target);

enum class Way {
  Emulated, ///< Everything that x86-64-v3 lacks.
  Native,
};

/// The ways in which this machine runs code for the target of that name. Asks
/// for leave to use AMX.
std::vector<Way> waysToRun(const std::string &target);

/// "Emulated" or "Native", for the name of a test.
inline std::string wayName(const testing::TestParamInfo<Way> &info) {
  return info.param == Way::Native ? "Native" : "Emulated";
}

class IsaProgram {
public:
  IsaProgram(const IsaBody &body, const std::string &target,
             Way way = Way::Emulated);
  ~IsaProgram();
  void run(void *a, void *b, void *c) const;

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void *entry = nullptr;
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_KERNELS_ISAJIT_H

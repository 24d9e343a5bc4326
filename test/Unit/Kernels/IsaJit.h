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
// with those emulated, to code that runs here.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_KERNELS_ISAJIT_H
#define BERTC_TEST_UNIT_KERNELS_ISAJIT_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include <functional>
#include <memory>
#include <string>

namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace bertc::test {

/// Emits the body of a function of three buffers, memref<?xf32>.
using IsaBody = std::function<void(KernelBuilder &, mlir::ValueRange)>;

/// Assembly of `body` for the target of that name. Fails the test, with what
/// went wrong as the result, if there is none.
std::string assembly(const IsaBody &body, const std::string &target);

/// `body` for the target of that name with everything emulated that
/// x86-64-v3 lacks.
class EmulatedProgram {
public:
  EmulatedProgram(const IsaBody &body, const std::string &target);
  ~EmulatedProgram();
  void run(void *a, void *b, void *c) const;

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void *entry = nullptr;
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_KERNELS_ISAJIT_H

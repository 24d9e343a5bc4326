//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles one elementary function at a time for a named CPU and runs it over
// arrays. The CPU only decides how LLVM splits the 16 lanes, which must not be
// seen in the results; on a CPU without fused multiply-add LLVM calls fmaf.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_KERNELS_MATHJIT_H
#define BERTC_TEST_UNIT_KERNELS_MATHJIT_H

#include <memory>
#include <string>
#include <vector>

namespace mlir {
class Location;
class OpBuilder;
class Value;
} // namespace mlir
namespace llvm::orc {
class LLJIT;
} // namespace llvm::orc

namespace bertc::test {

using MathFunction = mlir::Value (*)(mlir::OpBuilder &, mlir::Location,
                                     mlir::Value);

class CompiledFunction {
public:
  /// On failure `error()` says why and `run` must not be called.
  CompiledFunction(MathFunction function, const std::string &cpu);
  ~CompiledFunction();
  const std::string &error() const { return message; }

  /// Any number of inputs; the last vector is filled up with zeros.
  std::vector<float> run(std::vector<float> inputs) const;

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  void (*entry)(const float *, float *, int64_t) = nullptr;
  std::string message;
};

/// True if this machine runs code for x86-64-v3 (AVX2 and FMA).
bool hostRunsV3();

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_KERNELS_MATHJIT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels as PTX, and what NVIDIA's assembler, where there is one, makes of
// them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_PTXOF_H
#define BERTC_TEST_UNIT_GPU_PTXOF_H

#include "compiler/Kernels/GPU/GpuBuilder.h"
#include <functional>
#include <optional>
#include <string>

namespace bertc::test {

/// PTX of the kernels that `fill` makes.
std::string ptxOf(const std::function<void(GpuBuilder &)> &fill,
                  const std::string &processor = "sm_80",
                  const std::string &features = "+ptx80");

/// What ptxas says of a module with one kernel.
struct Assembled {
  int registers = 0;
  int spillBytes = 0; ///< Stores and loads.
  int stackBytes = 0;
};

/// Nothing where there is no ptxas, neither in the path nor in
/// /usr/local/cuda/bin. A failure of the assembler is one of the test.
std::optional<Assembled> assemble(const std::string &ptx,
                                  const std::string &processor = "sm_80");

/// How often `what` is in `text`.
int count(const std::string &text, const std::string &what);

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_PTXOF_H

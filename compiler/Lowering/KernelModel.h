//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the model of a GPU (Plan/DeviceReport.h) says of a kernel's launch, for
// the manifest.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_KERNELMODEL_H
#define BERTC_COMPILER_LOWERING_KERNELMODEL_H

#include <cstdint>
#include <string>

namespace bertc {

struct KernelModel {
  std::string gpu;       ///< "A100".
  int64_t rows = 0;      ///< Of the launch: tokens, or sequences; 0: any.
  double flops = 0;      ///< Of tensor cores.
  double bytes = 0;      ///< To and from memory, each operand once.
  int64_t occupancy = 0; ///< Blocks that a processor holds.
  double rooflineSeconds = 0;
  // Of linear layers, whose time is modelled.
  int64_t instructions = 0; ///< Of tensor cores, of a block for one k step.
  double waves = 0;         ///< Blocks for each processor.
  double seconds = 0;       ///< 0: not modelled.
  double roofline = 0;      ///< Of the roofline, 0 to 1.
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_KERNELMODEL_H

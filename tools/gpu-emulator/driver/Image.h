//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What can be read from device code without running it: kernels with their
// parameters, and what it is made for.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_DRIVER_IMAGE_H
#define BERTC_TOOLS_GPU_EMULATOR_DRIVER_IMAGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace bertc::standin {

struct ImageKernel {
  std::string name;
  bool knowsParameters = false; ///< PTX does.
  std::vector<uint32_t> parameterBytes;
  uint32_t threads = 0;            ///< Of a block, 0: any.
  uint32_t cluster[3] = {1, 1, 1}; ///< Blocks, if parameters are known.
};

struct Image {
  bool machineCode = false;
  int ptxVersion = 0; ///< 80 for 8.0.
  int capability = 0; ///< 90.
  bool exact = false; ///< sm_90a.
  std::vector<ImageKernel> kernels;
};

/// Reads PTX text, which ends with a NUL, or a cubin. False with the reason.
bool readImage(const void *data, Image &image, std::string &error);

} // namespace bertc::standin

#endif // BERTC_TOOLS_GPU_EMULATOR_DRIVER_IMAGE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CUDA driver and devices of this machine, for `bertc doctor`.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_CUDADEVICES_H
#define BERTC_TOOLS_BERTC_CUDADEVICES_H

#include "runtime/cuda/Device.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace bertc::tool {

struct CudaDevice {
  rt::cuda::DeviceFacts facts = {};
  std::string variant; ///< That would be used, or empty:
  std::string problem; ///< Why none would.
};

struct CudaMachine {
  std::string version; ///< "12.4", or empty:
  std::string problem; ///< Why the driver cannot be used.
  std::vector<CudaDevice> devices;
};

/// With the variants of the library at `model`, or, if it is empty, those that
/// this compiler makes.
llvm::Expected<CudaMachine> describeCuda(llvm::StringRef model);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_CUDADEVICES_H

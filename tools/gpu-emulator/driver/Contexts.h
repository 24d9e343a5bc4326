//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contexts that threads have made current.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_DRIVER_CONTEXTS_H
#define BERTC_TOOLS_GPU_EMULATOR_DRIVER_CONTEXTS_H

#include "runtime/cuda/Driver.h"

namespace bertc::standin {

/// Of this thread, or null.
rt::cuda::Context currentContext();

} // namespace bertc::standin

#endif // BERTC_TOOLS_GPU_EMULATOR_DRIVER_CONTEXTS_H

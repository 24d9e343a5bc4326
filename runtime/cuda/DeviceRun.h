//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs on a device.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_DEVICERUN_H
#define BERTC_RUNTIME_CUDA_DEVICERUN_H

#include "runtime/core/Session.h"
#include "runtime/cuda/DeviceSession.h"

namespace bertc::rt::cuda {

/// From and to memory of the caller; he holds the session's lock, and waits.
/// Inputs are bertc_padded_inputs or bertc_packed_inputs.
template <typename Inputs>
bertc_code runOnDevice(bertc_session &session, const Inputs &inputs,
                       const bertc_output *outputs, size_t outputCount,
                       bertc_status *status);

/// Puts a run from and to memory of the device into a stream.
bertc_code runDevice(bertc_session *session, const bertc_device_inputs *inputs,
                     const bertc_output *outputs, size_t outputCount,
                     void *stream, bertc_status *status);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_DEVICERUN_H

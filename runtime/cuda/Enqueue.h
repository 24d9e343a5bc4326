//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How a run gets into a stream: kernel by kernel, or as a graph.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_ENQUEUE_H
#define BERTC_RUNTIME_CUDA_ENQUEUE_H

#include "runtime/core/Pack.h"
#include "runtime/cuda/DeviceSession.h"

namespace bertc::rt::cuda {

/// Copies between pinned memory and the device around the kernels of a run.
struct StagedCopies {
  struct Copy {
    DeviceAddress device;
    void *host;
    size_t bytes;
  };
  Copy inputs;
  uint32_t outputCount;
  Copy outputs[BERTC_MAX_OUTPUTS];
};

/// Puts what `enter(call, argument)` launches into the session's stream; sets
/// the launch of `call`.
bertc_code launchKernels(DeviceSession &session, bertc_device_call &call,
                         void (*enter)(const bertc_device_call *, void *),
                         void *argument, bertc_status *status);

/// The frame of a run, but for inputs, outputs and launch.
bertc_device_call makeCall(const DeviceSession &session, const Shape &shape);

/// Puts the run of `call`, whose launch it sets, into `stream`: as a graph if
/// there was such a run before and `mayUseGraph`. `copies` may be null.
bertc_code enqueue(DeviceSession &session, bertc_device_call &call,
                   const StagedCopies *copies, Stream stream, bool mayUseGraph,
                   bertc_status *status);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_ENQUEUE_H

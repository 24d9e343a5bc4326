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

/// Puts what `code` launches into the session's stream; sets the launch of
/// `call`.
bertc_code launchKernels(DeviceSession &session, bertc_device_call &call,
                         const HostCode &code, bertc_status *status);

/// That of a run, the forward function of the model.
HostCode forwardCode(const DeviceSession &session);

/// The frame of a run, but for inputs, outputs and launch.
bertc_device_call makeCall(const DeviceSession &session, const Shape &shape);

/// Puts what `host` launches with `call`, whose launch it sets, into `stream`:
/// as a graph if there was such a run before and `mayUseGraph`. `copies` may be
/// null.
bertc_code enqueue(DeviceSession &session, bertc_device_call &call,
                   const HostCode &host, const StagedCopies *copies,
                   Stream stream, bool mayUseGraph, bertc_status *status);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_ENQUEUE_H

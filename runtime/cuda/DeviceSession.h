//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a session has on a device: a stream, memory there, pinned memory here,
// and graphs of earlier runs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_DEVICESESSION_H
#define BERTC_RUNTIME_CUDA_DEVICESESSION_H

#include "runtime/cuda/DeviceModel.h"
#include "runtime/cuda/GraphCache.h"
#include "runtime/cuda/LaunchProfile.h"

namespace bertc::rt::cuda {

struct DeviceSession {
  DeviceModel *device;
  DeviceAddress weights; // those of the model, unless a trainer has others
  uint64_t fixedBytes;   // of the workspace, zero before the first run
  Stream stream;
  bool graphsWanted;
  bool waitForKernels; // BERTC_LOG=debug: so that an error names its kernel
  GraphCache graphs;
  LaunchProfile ownProfile;
  LaunchProfile *profile; // of BERTC_SESSION_PROFILE, also another's; or null

  DeviceAddress memory; // workspace, inputs and outputs
  size_t memorySize;
  uint8_t *staging; // inputs and outputs, pinned
  size_t stagingSize;
  DeviceAddress constants; // int32: 0 to capacity - 1, then as many zeros
  int64_t constantsCapacity;

  Event done;   // of the last run
  bool running; // it may not be done
  Stream last;  // that it was put into
};

bertc_code createDeviceSession(DeviceModel &device,
                               const bertc_session_options &options,
                               LogLevel level, DeviceSession *&session,
                               bertc_status *status);

/// Waits for the last run. Null is allowed.
void destroyDeviceSession(DeviceSession *session);

/// The records of the last run of a session that keeps a profile; waits for it.
bertc_code deviceProfile(DeviceSession &session,
                         const bertc_phase_record **records, size_t *count,
                         bertc_status *status);

/// The rest expects the context to be current.

/// Makes at least `bytes` of device memory available; the old content is lost,
/// and graphs with it.
bertc_code reserveMemory(DeviceSession &session, size_t bytes,
                         bertc_status *status);
bertc_code reserveStaging(DeviceSession &session, size_t bytes,
                          bertc_status *status);

/// Fills `constants` for at least `tokens` of them.
bertc_code reserveConstants(DeviceSession &session, int64_t tokens,
                            bertc_status *status);

/// Makes what is put into `stream` from now on wait for the last run.
Result orderAfterLast(DeviceSession &session, Stream stream);
/// Notes that the last run is what was put into `stream`.
Result noteLast(DeviceSession &session, Stream stream);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_DEVICESESSION_H

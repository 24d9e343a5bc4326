//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a trainer has on a device: parameters, gradients and moments in the
// layout of those in memory of the host, weights as its kernels read them, and
// memory for batches. What changed on one side is copied to the other when that
// is read.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_DEVICETRAINER_H
#define BERTC_RUNTIME_TRAIN_DEVICETRAINER_H

#include "runtime/core/Run.h"
#include "runtime/cuda/DeviceSession.h"
#include "runtime/train/AdamW.h"
#include "runtime/train/Parameters.h"

namespace bertc::rt {

struct DeviceTrainer {
  cuda::DeviceSession *session; // of its own, for batches
  const bertc_train_desc *desc;
  const bertc_device_train_variant *variant;
  cuda::DeviceAddress weights, parameters, gradients, firstMoments,
      secondMoments, chunks, sums;
  cuda::DeviceAddress loss; // and what a batch has beside the workspace
  uint64_t chunkCount;
  bool hostChanged, deviceChanged; // since the last copy
};

/// A batch in memory of the host, packed.
struct DeviceBatch {
  const Run *run; // prepared, with a call
  const void *labels;
  uint64_t labelBytes;
  const float *frozen; // or null
  uint64_t frozenBytes;
  uint64_t seed, step;
};

/// For the model of `session`, which is on a device, and with which it shares
/// its weights. `chunks` are all floats that learn.
bertc_code createDeviceTrainer(bertc_session &session,
                               const bertc_train_desc &desc,
                               const bertc_parameter_chunk *chunks,
                               uint64_t chunkCount, DeviceTrainer *&trainer,
                               bertc_status *status);
/// Null is allowed.
void destroyDeviceTrainer(DeviceTrainer *trainer);

/// Copies what the host changed to the device.
bertc_code copyToDevice(DeviceTrainer &trainer, const TrainMemory &host,
                        bertc_status *status);
/// Copies what the device changed to the host.
bertc_code copyToHost(DeviceTrainer &trainer, const TrainMemory &host,
                      bertc_status *status);

/// Adds the gradients of a batch; outputs of the run's call are filled.
bertc_code trainOnDevice(DeviceTrainer &trainer, const DeviceBatch &batch,
                         float &loss, bertc_status *status);
/// The sum of the squares of each chunk's gradients.
bertc_code sumSquaresOnDevice(DeviceTrainer &trainer, double *sums,
                              bertc_status *status);
/// One update, which clears the gradients.
bertc_code updateOnDevice(DeviceTrainer &trainer, const AdamWStep &step,
                          bertc_status *status);
bertc_code clearGradientsOnDevice(DeviceTrainer &trainer, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_DEVICETRAINER_H

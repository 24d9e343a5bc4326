//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model on a device: its code and its weights there, which sessions share.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_DEVICEMODEL_H
#define BERTC_RUNTIME_CUDA_DEVICEMODEL_H

#include "runtime/core/Log.h"
#include "runtime/cuda/Device.h"

#include <sys/types.h>

namespace bertc::rt::cuda {

struct DeviceModel {
  const Driver *driver;
  DeviceFacts facts;
  DeviceId id;
  Context context;
  const bertc_device_variant *variant;
  uint32_t variantIndex;
  Module module;
  Function *functions;     // of variant->kernels
  int64_t *residentBlocks; // of those that share work, at a time; else 0
  DeviceAddress weights;
  pid_t process; // that opened it
};

/// Makes the context current for one scope.
class Current {
public:
  explicit Current(const DeviceModel &device)
      : driver(*device.driver),
        failure(driver.cuCtxPushCurrent_v2(device.context)) {}
  ~Current() {
    Context popped;
    if (!failure)
      driver.cuCtxPopCurrent_v2(&popped);
  }
  Current(const Current &) = delete;
  Current &operator=(const Current &) = delete;

  /// Check before use.
  Result result() const { return failure; }

private:
  const Driver &driver;
  Result failure;
};

/// Opens `desc` on device number `ordinal`; `wanted` names a variant, or is
/// null. `weights` are those of the whole model.
bertc_code openDevice(const bertc_model_desc &desc, const uint8_t *weights,
                      int ordinal, const char *wanted, LogLevel level,
                      DeviceModel *&opened, bertc_status *status);

/// No session may be left. Null is allowed.
void closeDevice(DeviceModel *device);

/// An error in a process that was forked off after the model was opened.
bertc_code checkProcess(const DeviceModel &device, bertc_status *status);

/// Fails for a lack of `bytes` of device memory "for `what`".
bertc_code failMemory(const DeviceModel &device, uint64_t bytes,
                      const char *what, bertc_status *status);

/// Copies from any memory; all is there when it returns.
Result copyNow(const Driver &driver, DeviceAddress to, const void *from,
               size_t bytes);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_DEVICEMODEL_H

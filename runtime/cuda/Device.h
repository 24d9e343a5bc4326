//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The devices of this machine, and which of a model's variants runs on one.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_DEVICE_H
#define BERTC_RUNTIME_CUDA_DEVICE_H

#include "runtime/abi/abi.h"
#include "runtime/cuda/Driver.h"

namespace bertc::rt::cuda {

struct DeviceFacts {
  int ordinal;
  char label[16];      // "cuda:0"
  char name[128];      // "NVIDIA H100 80GB HBM3"
  uint32_t capability; // 90 for 9.0
  uint32_t multiprocessors;
  uint32_t sharedBytes; // that a block may have
  uint64_t memory;      // bytes
};

/// Reads "cpu" (ordinal -1), "cuda" and "cuda:N".
bool parseDevice(const char *text, int &ordinal);

/// The number of devices.
bertc_code countDevices(const Driver &driver, int &count, bertc_status *status);

bertc_code describeDevice(const Driver &driver, int ordinal, DeviceFacts &facts,
                          bertc_status *status);

/// Whether a variant runs on the device; if not, what it needs.
bool canRun(const DeviceFacts &facts, const bertc_device_variant &variant,
            char *needs, size_t size);

/// The variant named `wanted`, or if null the best one: code for exactly this
/// device, or else for the latest that came before it.
bertc_code chooseVariant(const DeviceFacts &facts,
                         const bertc_device_variant *variants, uint64_t count,
                         const char *wanted, uint32_t &chosen,
                         bertc_status *status);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_DEVICE_H

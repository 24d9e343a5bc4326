//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs of earlier runs. A run is told by its host code, the whole frame that
// this is called with, sizes and addresses, and its copies, so a graph never
// runs with memory it was not made for.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_GRAPHCACHE_H
#define BERTC_RUNTIME_CUDA_GRAPHCACHE_H

#include "runtime/abi/abi.h"
#include "runtime/cuda/Driver.h"

namespace bertc::rt::cuda {

/// What launches kernels, called with a frame.
struct HostCode {
  static constexpr uint32_t mostValues = 8;

  void (*enter)(const bertc_device_call *, void *argument);
  void *argument;
  const void *identity;        // of the function that `enter` calls
  uint64_t values[mostValues]; // what it works with beside a frame
  bool profiled; // in a session that keeps a profile, this is what it is of
};

/// Copies between pinned memory and the device around the kernels of a run.
struct StagedCopies {
  struct Copy {
    DeviceAddress device;
    void *host;
    size_t bytes;
    bool zeroed; // on the device, before the kernels
  };
  Copy inputs; // none: no bytes
  uint32_t outputCount;
  Copy outputs[BERTC_MAX_OUTPUTS + 1]; // of a step also the loss
};

class GraphCache {
public:
  struct Entry {
    bertc_device_call frame; // without launch and its state
    HostCode code;
    StagedCopies copies; // without any if they run on the device alone
    GraphExec graph;     // null: such a run was seen once
    uint64_t used;
  };

  static constexpr uint32_t defaultSize = 32, largestSize = 1024;

  /// Room for `size` runs; false without memory.
  bool start(uint32_t size);

  /// The entry of a run, or null if it is the first of its kind, which is then
  /// noted in the place of the one that was not used for the longest time.
  /// `copies` may be null.
  Entry *find(const Driver &driver, const bertc_device_call &frame,
              const HostCode &code, const StagedCopies *copies);

  /// Forgets all runs.
  void clear(const Driver &driver);
  /// The same in a process where the graphs do not exist.
  void forget() { filled = 0; }
  void stop(const Driver &driver);

  /// How many graphs there are.
  uint32_t count() const;

private:
  Entry *entries = nullptr;
  uint32_t size = 0;
  uint32_t filled = 0;
  uint64_t clock = 0;
};

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_GRAPHCACHE_H

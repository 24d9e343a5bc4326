//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Graphs of earlier runs. A run is told by the whole frame that its host code
// is called with, sizes and addresses, so a graph never runs with memory it was
// not made for.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_GRAPHCACHE_H
#define BERTC_RUNTIME_CUDA_GRAPHCACHE_H

#include "runtime/abi/abi.h"
#include "runtime/cuda/Driver.h"

namespace bertc::rt::cuda {

class GraphCache {
public:
  struct Entry {
    bertc_device_call frame; // without launch and its state
    bool staged;             // with the copies of a run from host memory
    GraphExec graph;         // null: such a run was seen once
    uint64_t used;
  };

  static constexpr uint32_t defaultSize = 32, largestSize = 1024;

  /// Room for `size` runs; false without memory.
  bool start(uint32_t size);

  /// The entry of a run, or null if it is the first of its kind, which is then
  /// noted in the place of the one that was not used for the longest time.
  Entry *find(const Driver &driver, const bertc_device_call &frame,
              bool staged);

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

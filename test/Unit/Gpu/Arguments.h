//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Arguments of kernels, of which some have more than others.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ARGUMENTS_H
#define BERTC_TEST_UNIT_GPU_ARGUMENTS_H

#include "compiler/Kernels/GPU/GpuBuilder.h"
#include "test/Unit/Gpu/GpuJit.h"
#include <cstring>
#include <deque>

namespace bertc::test {

/// Arguments of a launch that are counted at run time.
class Arguments {
public:
  template <typename T> Arguments &add(DeviceArray<T> &array) {
    return add(array.data());
  }
  template <typename T>
  std::enable_if_t<std::is_trivially_copyable_v<T>, Arguments &>
  add(const T &value) {
    static_assert(sizeof(T) <= sizeof(uint64_t));
    std::memcpy(&storage.emplace_back(), &value, sizeof(T));
    sizes.push_back(sizeof(T));
    params.push_back(&storage.back());
    return *this;
  }
  /// Those of the rows that the kernel writes.
  Arguments &outputs() {
    addOutputs(*this);
    return *this;
  }
  emulator::Report launch(GpuProgram &program, const DeviceKernel &kernel,
                          Grid grid) {
    return program.launchWith(kernel.name, grid, kernel.sharedBytes, sizes,
                              params.data());
  }

  std::function<void(Arguments &)> addOutputs;

private:
  std::deque<uint64_t> storage;
  std::vector<uint32_t> sizes;
  std::vector<void *> params;
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ARGUMENTS_H

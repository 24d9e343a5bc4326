//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GPU for the tests that run kernels on the emulator. With
// BERTC_TEST_DEVICE=cuda:0 every launch that the emulator finds no fault with
// is repeated there, and what the test then compares are the GPU's results.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_TESTDEVICE_H
#define BERTC_TEST_UNIT_GPU_TESTDEVICE_H

#include "runtime/cuda/Driver.h"
#include "tools/gpu-emulator/Emulator.h"
#include <memory>
#include <string>
#include <vector>

namespace bertc::test {

class TestDevice {
public:
  /// That of the environment; null without one. Ends the process if there is
  /// no such device: a test that ran elsewhere would say nothing about it.
  static TestDevice *fromEnvironment();
  /// A device of a driver; null with a message if there is none.
  static std::unique_ptr<TestDevice> open(const char *library, int ordinal,
                                          std::string &error);
  ~TestDevice();
  TestDevice(const TestDevice &) = delete;

  /// 80 for compute capability 8.0.
  int capability() const { return computeCapability; }

  /// Kernels of PTX, ready to be launched.
  class Code {
  public:
    ~Code();
    Code(const Code &) = delete;

    /// Does what emulator::launch() of `launch` does: registered memory is
    /// copied to the device and, where it is writable, back; addresses and
    /// tensor maps among the parameters become those of the copies. Returns
    /// what went wrong, or nothing.
    std::string launch(const emulator::Launch &launch);

  private:
    friend class TestDevice;
    Code(const TestDevice &device) : device(device) {}
    const TestDevice &device;
    rt::cuda::Module module = nullptr;
  };
  /// Null with a message if the driver cannot compile it.
  std::unique_ptr<Code> load(const std::string &ptx, std::string &error);

private:
  TestDevice() = default;
  std::string describe(const char *what, rt::cuda::Result result) const;

  rt::cuda::Driver driver = {};
  rt::cuda::DeviceId id = 0;
  bool isRetained = false;
  int computeCapability = 0;
};

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_TESTDEVICE_H

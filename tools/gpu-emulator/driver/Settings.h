//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the stand-in driver pretends to be, as the environment says; read by
// each cuInit.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_DRIVER_SETTINGS_H
#define BERTC_TOOLS_GPU_EMULATOR_DRIVER_SETTINGS_H

#include <cstdint>
#include <string>
#include <vector>

namespace bertc::standin {

struct DeviceModel {
  std::string name;
  int capability = 0; ///< 80.
  int multiprocessors = 0;
  int sharedBytes = 0; ///< That a block may have.
};

/// The `call`-th call of `function` from cuInit on returns `result`.
struct Failure {
  std::string function;
  uint64_t call = 0;
  int result = 0;
};

struct Settings {
  std::vector<DeviceModel> devices;
  uint64_t memory = 0; ///< Bytes of each device.
  int version = 0;     ///< Of the driver: 12040.
  std::vector<Failure> failures;
  std::vector<std::string> kernelLibraries;
  bool log = false; ///< A line on standard error for each launch.
};

/// False, with a message on standard error, if the environment is wrong.
bool readSettings(Settings &settings);

} // namespace bertc::standin

#endif // BERTC_TOOLS_GPU_EMULATOR_DRIVER_SETTINGS_H

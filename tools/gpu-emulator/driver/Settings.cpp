//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A setting that cannot be understood makes cuInit fail: a test must not pass
// because its device was another one than it thought.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/Settings.h"
#include "runtime/cuda/Driver.h"
#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace bertc::standin;
namespace cuda = bertc::rt::cuda;

static std::string variable(const char *name) {
  const char *value = getenv(name);
  return value ? value : "";
}

static std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = std::min(text.find(separator, at), text.size());
    if (end > at)
      parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

static bool readNumber(const std::string &text, uint64_t &number) {
  char *end;
  number = strtoull(text.c_str(), &end, 10);
  return !text.empty() && text[0] != '-' && !*end;
}

static bool complain(const char *name, const std::string &value,
                     const char *expected) {
  fprintf(stderr, "stand-in CUDA driver: %s is '%s', expected %s\n", name,
          value.c_str(), expected);
  return false;
}

/// What a call returns that is made to fail without saying how.
static int usualResult(const std::string &function) {
  if (function == "cuInit" || function == "cuDeviceGetCount")
    return cuda::noDevice;
  if (function == "cuMemAlloc_v2" || function == "cuMemHostAlloc")
    return cuda::outOfMemory;
  if (function == "cuLaunchKernel")
    return 719; // CUDA_ERROR_LAUNCH_FAILED
  return 999;   // CUDA_ERROR_UNKNOWN
}

static bool readFailures(Settings &settings) {
  const char *name = "BERTC_EMULATED_GPU_FAIL";
  std::string text = variable(name);
  for (const std::string &part : split(text, ',')) {
    std::vector<std::string> fields = split(part, ':');
    Failure failure;
    uint64_t result = 0;
    if (fields.size() < 2 || fields.size() > 3 ||
        !readNumber(fields[1], failure.call) || !failure.call ||
        (fields.size() == 3 && !readNumber(fields[2], result)))
      return complain(name, text,
                      "function:call or function:call:result, with commas");
    failure.function = fields[0];
    failure.result = result ? int(result) : usualResult(fields[0]);
    settings.failures.push_back(failure);
  }
  return true;
}

bool bertc::standin::readSettings(Settings &settings) {
  static const DeviceModel known[] = {
      {"sm_75", 75, 40, 64 << 10},   {"sm_80", 80, 108, 163 << 10},
      {"sm_86", 86, 84, 99 << 10},   {"sm_89", 89, 128, 99 << 10},
      {"sm_90", 90, 132, 227 << 10}, {"sm_100", 100, 148, 227 << 10}};
  settings = {};
  std::string devices = variable("BERTC_EMULATED_GPU");
  for (const std::string &name :
       split(devices.empty() ? "sm_80" : devices, ',')) {
    const DeviceModel *found = std::find_if(
        std::begin(known), std::end(known),
        [&](const DeviceModel &model) { return model.name == name; });
    if (name == "none")
      continue;
    if (found == std::end(known))
      return complain("BERTC_EMULATED_GPU", devices,
                      "none, or sm_75, sm_80, sm_86, sm_89, sm_90, sm_100 with "
                      "commas");
    settings.devices.push_back(*found);
    settings.devices.back().name = "Emulated GPU " + name;
  }
  uint64_t number = 4096;
  std::string text = variable("BERTC_EMULATED_GPU_MEMORY");
  if (!text.empty() && !readNumber(text, number))
    return complain("BERTC_EMULATED_GPU_MEMORY", text, "MiB");
  settings.memory = number << 20;
  number = 13000;
  text = variable("BERTC_EMULATED_GPU_DRIVER");
  if (!text.empty() && !readNumber(text, number))
    return complain("BERTC_EMULATED_GPU_DRIVER", text,
                    "a version such as 12040");
  settings.version = int(number);
  settings.kernelLibraries = split(variable("BERTC_GPU_EMULATED"), ':');
  settings.log = !variable("BERTC_EMULATED_GPU_LOG").empty();
  return readFailures(settings);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/TestDevice.h"
#include "tools/gpu-emulator/Ranges.h"
#include "tools/gpu-emulator/TensorMap.h"
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace bertc;
using namespace bertc::test;
namespace cuda = bertc::rt::cuda;

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

std::string TestDevice::describe(const char *what, cuda::Result result) const {
  char text[200];
  cuda::describeResult(driver, result, text, sizeof(text));
  return std::string(what) + ": " + text;
}

std::unique_ptr<TestDevice> TestDevice::open(const char *library, int ordinal,
                                             std::string &error) {
  std::unique_ptr<TestDevice> opened(new TestDevice);
  bertc_status status = {};
  if (cuda::loadDriver(library, opened->driver, &status)) {
    error = status.message;
    return nullptr;
  }
  const cuda::Driver &driver = opened->driver;
  cuda::Context context = nullptr;
  int major = 0, minor = 0;
  cuda::Result result = driver.cuDeviceGet(&opened->id, ordinal);
  if (!result)
    result = driver.cuDeviceGetAttribute(&major, cuda::computeCapabilityMajor,
                                         opened->id);
  if (!result)
    result = driver.cuDeviceGetAttribute(&minor, cuda::computeCapabilityMinor,
                                         opened->id);
  if (!result)
    result = driver.cuDevicePrimaryCtxRetain(&context, opened->id);
  opened->isRetained = !result;
  if (!result)
    result = driver.cuCtxPushCurrent_v2(context);
  if (result) {
    error = opened->describe("cannot open the device", result);
    return nullptr;
  }
  opened->computeCapability = major * 10 + minor;
  return opened;
}

TestDevice::~TestDevice() {
  if (isRetained)
    driver.cuDevicePrimaryCtxRelease_v2(id);
}

TestDevice *TestDevice::fromEnvironment() {
  static const std::unique_ptr<TestDevice> device = [] {
    const char *name = getenv("BERTC_TEST_DEVICE");
    std::unique_ptr<TestDevice> opened;
    if (!name || !*name)
      return opened;
    int ordinal = 0, end = 0;
    std::string error = "expected cuda:N";
    if (sscanf(name, "cuda:%d%n", &ordinal, &end) == 1 && !name[end])
      opened = open("libcuda.so.1", ordinal, error);
    if (!opened) {
      fprintf(stderr, "BERTC_TEST_DEVICE is '%s': %s\n", name, error.c_str());
      exit(1);
    }
    return opened;
  }();
  return device.get();
}

std::unique_ptr<TestDevice::Code> TestDevice::load(const std::string &ptx,
                                                   std::string &error) {
  std::unique_ptr<Code> code(new Code(*this));
  char log[2000] = "";
  int options[] = {cuda::jitErrorLogBuffer, cuda::jitErrorLogBufferSize};
  void *values[] = {log, reinterpret_cast<void *>(sizeof(log))};
  if (cuda::Result result = driver.cuModuleLoadDataEx(
          &code->module, ptx.c_str(), 2, options, values)) {
    error = describe("cannot load the kernels", result) + "\n" + log;
    return nullptr;
  }
  return code;
}

TestDevice::Code::~Code() {
  if (module)
    device.driver.cuModuleUnload(module);
}

//===----------------------------------------------------------------------===//
// A launch
//===----------------------------------------------------------------------===//

namespace {
/// Copies of all registered memory.
class Copies {
public:
  explicit Copies(const cuda::Driver &driver) : driver(driver) {}
  ~Copies() {
    for (const Copy &copy : copies)
      driver.cuMemFree_v2(copy.address);
  }

  cuda::Result make() {
    cuda::Result result = cuda::success;
    for (const auto &[start, range] : emulator::globalRanges()) {
      Copy copy = {start, range.end, range.writable, 0};
      const uint64_t bytes = range.end - start;
      result = driver.cuMemAlloc_v2(&copy.address, bytes);
      if (result)
        break;
      copies.push_back(copy);
      result = driver.cuMemcpyHtoD_v2(
          copy.address, reinterpret_cast<const void *>(start), bytes);
      if (result)
        break;
    }
    return result;
  }

  cuda::Result takeBack() {
    cuda::Result result = cuda::success;
    for (const Copy &copy : copies)
      if (copy.writable && !result)
        result = driver.cuMemcpyDtoH_v2(reinterpret_cast<void *>(copy.start),
                                        copy.address, copy.end - copy.start);
    return result;
  }

  /// What `value` is on the device, if it is an address.
  uint64_t translate(uint64_t value) const {
    for (const Copy &copy : copies)
      if (copy.start <= value && value < copy.end)
        return copy.address + (value - copy.start);
    return value;
  }

private:
  struct Copy {
    uint64_t start, end;
    bool writable;
    cuda::DeviceAddress address;
  };
  const cuda::Driver &driver;
  std::vector<Copy> copies;
};

/// Parameters of a kernel, as the device must have them.
struct Parameter {
  alignas(128) unsigned char bytes[128];
};
} // namespace

static cuda::Result encode(const cuda::Driver &driver, const Copies &copies,
                           const emulator::TensorMap &map,
                           cuda::TensorMapBytes &encoded) {
  if (!driver.cuTensorMapEncodeTiled)
    return cuda::notFound;
  unsigned long long sizes[emulator::TensorMap::mostDimensions];
  unsigned long long strides[emulator::TensorMap::mostDimensions - 1];
  unsigned steps[emulator::TensorMap::mostDimensions];
  for (uint32_t i = 0; i < map.rank; ++i) {
    sizes[i] = map.sizes[i];
    steps[i] = 1;
    if (i > 0)
      strides[i - 1] = map.strides[i - 1];
  }
  return driver.cuTensorMapEncodeTiled(
      &encoded, map.elementBytes == 4 ? cuda::mapFloat32 : cuda::mapBFloat16,
      map.rank, reinterpret_cast<void *>(copies.translate(map.address)), sizes,
      strides, map.box, steps, cuda::mapNotInterleaved, int(map.swizzle),
      cuda::mapLevelTwo128, cuda::mapFillZeros);
}

std::string TestDevice::Code::launch(const emulator::Launch &launch) {
  const cuda::Driver &driver = device.driver;
  const emulator::EmulatedKernel &kernel = *launch.kernel;
  cuda::Function function = nullptr;
  if (cuda::Result result =
          driver.cuModuleGetFunction(&function, module, kernel.name))
    return device.describe(kernel.name, result);
  Copies copies(driver);
  if (cuda::Result result = copies.make())
    return device.describe("cannot copy to the device", result);

  std::vector<Parameter> parameters(kernel.parameterCount);
  std::vector<void *> pointers;
  for (uint32_t i = 0; i < kernel.parameterCount; ++i) {
    const uint32_t bytes = kernel.parameterBytes[i];
    if (bytes > sizeof(Parameter))
      return "a parameter of " + std::to_string(bytes) + " bytes";
    memcpy(parameters[i].bytes, launch.params[i], bytes);
    pointers.push_back(parameters[i].bytes);
    if (bytes == sizeof(uint64_t)) {
      uint64_t value;
      memcpy(&value, launch.params[i], sizeof(value));
      value = copies.translate(value);
      memcpy(parameters[i].bytes, &value, sizeof(value));
    } else if (bytes == sizeof(cuda::TensorMapBytes)) {
      emulator::TensorMap map;
      memcpy(&map, launch.params[i], sizeof(map));
      cuda::TensorMapBytes encoded;
      if (cuda::Result result = encode(driver, copies, map, encoded))
        return device.describe("cannot make a tensor map", result);
      memcpy(parameters[i].bytes, &encoded, sizeof(encoded));
    }
  }

  cuda::Result result = cuda::success;
  if (launch.sharedBytes > 48 << 10)
    result = driver.cuFuncSetAttribute(
        function, cuda::functionMaxDynamicSharedBytes, int(launch.sharedBytes));
  if (!result)
    result = driver.cuLaunchKernel(
        function, launch.grid[0], launch.grid[1], launch.grid[2],
        launch.threads ? launch.threads : kernel.threads, 1, 1,
        launch.sharedBytes, nullptr, pointers.data(), nullptr);
  if (!result)
    result = driver.cuStreamSynchronize(nullptr);
  if (!result)
    result = copies.takeBack();
  return result ? device.describe(kernel.name, result) : "";
}

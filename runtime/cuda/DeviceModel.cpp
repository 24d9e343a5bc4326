//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The primary context is used, so that addresses of other libraries in the
// process (PyTorch, the CUDA runtime) are valid here, and ours there. Machine
// code is loaded if there is some for the device, and PTX otherwise, which the
// driver compiles and caches.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/DeviceModel.h"

#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace bertc::rt::cuda {

bertc_code failMemory(const DeviceModel &device, uint64_t bytes,
                      const char *what, bertc_status *status) {
  size_t free = 0, total = 0;
  device.driver->cuMemGetInfo_v2(&free, &total);
  return fail(status, BERTC_OUT_OF_MEMORY,
              "no memory on %s (%.100s) for %llu bytes of %s, %zu of %zu bytes "
              "are free",
              device.facts.label, device.facts.name,
              static_cast<unsigned long long>(bytes), what, free, total);
}

Result copyNow(const Driver &driver, DeviceAddress to, const void *from,
               size_t bytes) {
  Result result = driver.cuMemcpyHtoD_v2(to, from, bytes);
  // It may return before the last bytes are there, and streams that do not
  // block would not wait for them.
  return result ? result : driver.cuStreamSynchronize(nullptr);
}

/// Code for 8.0 runs on 8.6, but not on 9.0; with the EXACT flag, on 9.0 only.
static bool fitsMachineCode(const DeviceModel &device) {
  const bertc_device_variant &variant = *device.variant;
  return variant.cubin && variant.cubin_size &&
         device.facts.capability / 10 == variant.compute_capability / 10 &&
         device.facts.capability >= variant.compute_capability;
}

static Result loadPtx(DeviceModel &device, char *errors, size_t size) {
  errors[0] = '\0';
  int options[] = {jitErrorLogBuffer, jitErrorLogBufferSize};
  void *values[] = {errors, reinterpret_cast<void *>(uintptr_t(size))};
  Result result = device.driver->cuModuleLoadDataEx(
      &device.module, device.variant->ptx, 2, options, values);
  errors[size - 1] = '\0';
  // One line, for a message.
  for (char *at = errors; *at; ++at)
    if (*at == '\n')
      *at = at[1] ? ';' : '\0';
  return result;
}

static bertc_code loadModule(DeviceModel &device, LogLevel level,
                             bertc_status *status) {
  const bertc_device_variant &variant = *device.variant;
  const char *name = variant.name;
  Result result = noBinaryForGpu;
  if (fitsMachineCode(device)) {
    result = device.driver->cuModuleLoadDataEx(&device.module, variant.cubin, 0,
                                               nullptr, nullptr);
    if (!result && level >= LogLevel::Info)
      log("loaded machine code of %s", name);
    if (result && result != noBinaryForGpu)
      return failCuda(status, *device.driver, result,
                      "cannot load the machine code of %.60s on %s", name,
                      device.facts.label);
  }
  if (!result)
    return ok(status);
  if (!variant.ptx)
    return fail(status, BERTC_NO_DEVICE,
                "the model has machine code of %.60s only, which %s (%.60s) "
                "cannot run\nhelp: compile it with PTX",
                name, device.facts.label, device.facts.name);
  char errors[200];
  result = loadPtx(device, errors, sizeof(errors));
  if (result)
    return failCuda(status, *device.driver, result,
                    "the driver cannot compile the PTX of %.40s for %s%s%s",
                    name, device.facts.label, *errors ? ": " : "", errors);
  if (level >= LogLevel::Info)
    log("the driver compiled the PTX of %s", name);
  return ok(status);
}

/// How many blocks of a kernel run at a time on the device.
static Result countResident(const DeviceModel &device,
                            const bertc_kernel_desc &kernel, Function function,
                            int64_t &blocks) {
  int count = 0;
  Result result = success;
  if (kernel.cluster > 1) {
    LaunchConfig config = {};
    config.gridX = config.gridZ = 1;
    config.gridY = kernel.cluster;
    config.blockX = kernel.threads;
    config.blockY = config.blockZ = 1;
    config.sharedBytes = kernel.shared_bytes;
    result =
        device.driver->cuOccupancyMaxActiveClusters(&count, function, &config);
    blocks = int64_t(count) * kernel.cluster;
  } else {
    result = device.driver->cuOccupancyMaxActiveBlocksPerMultiprocessor(
        &count, function, int(kernel.threads), kernel.shared_bytes);
    blocks = int64_t(count) * device.facts.multiprocessors;
  }
  return result;
}

static bertc_code findKernels(DeviceModel &device, bertc_status *status) {
  constexpr uint32_t withoutAsking = 48 << 10;
  const Driver &driver = *device.driver;
  const bertc_device_variant &variant = *device.variant;
  device.functions =
      static_cast<Function *>(calloc(variant.kernel_count, sizeof(Function)));
  device.residentBlocks =
      static_cast<int64_t *>(calloc(variant.kernel_count, sizeof(int64_t)));
  if (!device.functions || !device.residentBlocks)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a model handle");
  for (uint64_t i = 0; i < variant.kernel_count; ++i) {
    const bertc_kernel_desc &kernel = variant.kernels[i];
    Function &function = device.functions[i];
    if (Result result =
            driver.cuModuleGetFunction(&function, device.module, kernel.name))
      return failCuda(status, driver, result,
                      "the code of %.60s has no kernel '%.100s'", variant.name,
                      kernel.name);
    Result result = success;
    if (kernel.shared_bytes > withoutAsking)
      result = driver.cuFuncSetAttribute(
          function, functionMaxDynamicSharedBytes, int(kernel.shared_bytes));
    if (result)
      return failCuda(status, driver, result,
                      "kernel '%.100s' cannot have %u bytes of shared memory "
                      "on %s",
                      kernel.name, kernel.shared_bytes, device.facts.label);
    if (!(kernel.flags & BERTC_KERNEL_SHARES_WORK))
      continue;
    int64_t &resident = device.residentBlocks[i];
    result = countResident(device, kernel, function, resident);
    if (result)
      return failCuda(status, driver, result,
                      "cannot tell how many blocks of kernel '%.100s' run on "
                      "%s",
                      kernel.name, device.facts.label);
    if (resident < 1)
      return fail(status, BERTC_NO_DEVICE,
                  "no block of kernel '%.100s' fits on %s (%.60s): %u threads, "
                  "%u bytes of shared memory, clusters of %u",
                  kernel.name, device.facts.label, device.facts.name,
                  kernel.threads, kernel.shared_bytes, kernel.cluster);
  }
  return ok(status);
}

static bertc_code uploadWeights(DeviceModel &device, const uint8_t *weights,
                                bertc_status *status) {
  const bertc_device_variant &variant = *device.variant;
  if (!variant.weights_size)
    return ok(status);
  Result result =
      device.driver->cuMemAlloc_v2(&device.weights, variant.weights_size);
  if (result == outOfMemory)
    return failMemory(device, variant.weights_size, "weights", status);
  if (!result)
    result = copyNow(*device.driver, device.weights,
                     weights + variant.weights_offset, variant.weights_size);
  if (result)
    return failCuda(status, *device.driver, result,
                    "cannot copy %llu bytes of weights to %s",
                    static_cast<unsigned long long>(variant.weights_size),
                    device.facts.label);
  return ok(status);
}

static bertc_code checkVariants(const bertc_model_desc &desc,
                                bertc_status *status) {
  for (uint64_t i = 0; i < desc.device_variant_count; ++i) {
    const bertc_device_variant &variant = desc.device_variants[i];
    if (!variant.forward || !variant.kernels || !variant.kernel_count ||
        variant.weights_offset > desc.weights_size ||
        variant.weights_size > desc.weights_size - variant.weights_offset)
      return fail(status, BERTC_CORRUPT,
                  "the description of the variant %.60s is damaged\n"
                  "help: compile the model again",
                  variant.name);
  }
  return ok(status);
}

bertc_code openDevice(const bertc_model_desc &desc, const uint8_t *weights,
                      int ordinal, const char *wanted, LogLevel level,
                      DeviceModel *&opened, bertc_status *status) {
  opened = nullptr;
  DeviceModel device = {};
  device.process = getpid();
  bertc_code code = checkVariants(desc, status);
  if (!code)
    code = loadDriver(device.driver, status);
  if (!code)
    code = describeDevice(*device.driver, ordinal, device.facts, status);
  if (!code)
    code = chooseVariant(device.facts, desc.device_variants,
                         desc.device_variant_count, wanted, device.variantIndex,
                         status);
  if (code)
    return code;
  device.variant = &desc.device_variants[device.variantIndex];
  if (bertc_code missing =
          checkFunctions(*device.driver, *device.variant, status))
    return missing;
  auto *made = static_cast<DeviceModel *>(malloc(sizeof(DeviceModel)));
  if (!made)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory for a model handle");
  Result result = device.driver->cuDeviceGet(&device.id, ordinal);
  if (!result)
    result =
        device.driver->cuDevicePrimaryCtxRetain(&device.context, device.id);
  if (result) {
    free(made);
    return failCuda(status, *device.driver, result, "cannot use device %s (%s)",
                    device.facts.label, device.facts.name);
  }
  *made = device;
  {
    Current current(*made);
    if (current.result())
      code = failCuda(status, *made->driver, current.result(),
                      "cannot use device %s (%s)", made->facts.label,
                      made->facts.name);
    if (!code)
      code = loadModule(*made, level, status);
    if (!code)
      code = findKernels(*made, status);
    if (!code)
      code = uploadWeights(*made, weights, status);
  }
  if (code) {
    closeDevice(made);
    return code;
  }
  opened = made;
  return ok(status);
}

void closeDevice(DeviceModel *device) {
  if (!device)
    return;
  // A forked child has no part in what its parent has on the device.
  if (device->process == getpid()) {
    const Driver &driver = *device->driver;
    {
      Current current(*device);
      if (device->weights)
        driver.cuMemFree_v2(device->weights);
      if (device->module)
        driver.cuModuleUnload(device->module);
    }
    driver.cuDevicePrimaryCtxRelease_v2(device->id);
  }
  free(device->functions);
  free(device->residentBlocks);
  free(device);
}

bertc_code checkProcess(const DeviceModel &device, bertc_status *status) {
  if (device.process == getpid())
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "the model was opened on %s in process %d, before a fork, "
              "expected process %d\nhelp: open it after forking",
              device.facts.label, static_cast<int>(device.process),
              static_cast<int>(getpid()));
}

} // namespace bertc::rt::cuda

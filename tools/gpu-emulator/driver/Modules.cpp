//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Modules. What a kernel does is not in its PTX, as far as this driver knows:
// it is in a library that BERTC_GPU_EMULATED names, under the same name. The
// two are compared, so a library of another model is refused.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/Image.h"
#include "tools/gpu-emulator/driver/State.h"
#include <cstring>

using namespace bertc;
using namespace bertc::standin;

namespace bertc::rt::cuda {

/// The newest PTX that a driver of this CUDA version reads: 12.4 has 8.4.
static int newestPtx(int version) {
  int major = version / 1000, minor = version % 1000 / 10;
  if (major >= 13)
    return 90 + minor;
  if (major < 12)
    return 70 + minor;
  static const int of12[] = {80, 81, 82, 83, 84, 85, 85, 86, 87, 88};
  return of12[std::min(minor, 9)];
}

static Result checkTarget(const Image &image, int capability,
                          std::string &error) {
  int version = state().settings.version;
  if (!image.machineCode && image.ptxVersion > newestPtx(version)) {
    error = "PTX of version " + std::to_string(image.ptxVersion) +
            ", expected at most " + std::to_string(newestPtx(version));
    return unsupportedPtxVersion;
  }
  bool fits = image.capability <= capability;
  if (image.exact)
    fits = image.capability == capability;
  else if (image.machineCode)
    fits &= image.capability / 10 == capability / 10;
  if (fits)
    return success;
  error = "code for sm_" + std::to_string(image.capability) + " on sm_" +
          std::to_string(capability);
  return noBinaryForGpu;
}

/// The first dimension in which clusters differ, or -1.
static int otherCluster(const ImageKernel &wanted,
                        const emulator::EmulatedKernel &found) {
  for (int axis = 0; axis < 3 && wanted.knowsParameters; ++axis)
    if (wanted.cluster[axis] != emulator::clusterBlocks(found, axis))
      return axis;
  return -1;
}

static bool matches(const ImageKernel &wanted,
                    const emulator::EmulatedKernel &found, std::string &error) {
  std::vector<uint32_t> bytes(found.parameterBytes,
                              found.parameterBytes + found.parameterCount);
  if (wanted.knowsParameters && bytes != wanted.parameterBytes)
    error = "the emulated kernel " + wanted.name + " has other parameters";
  else if (wanted.threads && wanted.threads != found.threads)
    error = "the emulated kernel " + wanted.name + " has blocks of " +
            std::to_string(found.threads) + " threads, expected " +
            std::to_string(wanted.threads);
  else if (int axis = otherCluster(wanted, found); axis >= 0)
    error = "the emulated kernel " + wanted.name + " has clusters of " +
            std::to_string(emulator::clusterBlocks(found, axis)) +
            " blocks, expected " + std::to_string(wanted.cluster[axis]);
  else
    return true;
  return false;
}

/// The emulated kernels of an image, all from one library.
static bool findKernels(const Image &image, ModuleHandle &module,
                        std::string &error) {
  error = "BERTC_GPU_EMULATED names no library of emulated kernels";
  for (const std::string &path : state().settings.kernelLibraries) {
    emulator::KernelTable table = emulator::loadKernels(path, error);
    if (!table.kernels)
      return false;
    module.functions.clear();
    bool all = true;
    for (const ImageKernel &kernel : image.kernels) {
      const emulator::EmulatedKernel *found = table.find(kernel.name);
      if (!found)
        error = path + " has no kernel " + kernel.name;
      all &= found && matches(kernel, *found, error);
      if (!all)
        break;
      FunctionHandle &function = module.functions[kernel.name];
      function.name = kernel.name;
      function.kernel = found;
      function.parameterBytes.assign(
          found->parameterBytes, found->parameterBytes + found->parameterCount);
    }
    if (all)
      return true;
  }
  return false;
}

static void writeLog(const std::string &text, unsigned count, int *options,
                     void **values) {
  char *buffer = nullptr;
  size_t size = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == jitErrorLogBuffer)
      buffer = static_cast<char *>(values[i]);
    if (options[i] == jitErrorLogBufferSize)
      size = reinterpret_cast<uintptr_t>(values[i]);
  }
  if (!buffer || !size)
    return;
  size_t length = std::min(text.size(), size - 1);
  memcpy(buffer, text.data(), length);
  buffer[length] = '\0';
}

Result cuModuleLoadDataEx(Module *module, const void *data, unsigned count,
                          int *options, void **values) {
  BERTC_STANDIN_ENTER(cuModuleLoadDataEx, NoCapture)
  Image image;
  std::string error;
  Result result = success;
  auto made = std::make_unique<ModuleHandle>();
  const standin::DeviceModel &device =
      state().settings.devices[size_t(entered.context->device)];
  if (!readImage(data, image, error))
    result = invalidPtx;
  if (!result)
    result = checkTarget(image, device.capability, error);
  if (!result && !findKernels(image, *made, error))
    result = invalidPtx;
  if (result) {
    writeLog(error, count, options, values);
    return refuse(result, "%s", error.c_str());
  }
  for (auto &[name, function] : made->functions)
    function.context = entered.context;
  *module = made.release();
  entered.context->modules.insert(*module);
  return success;
}

Result cuModuleUnload(Module module) {
  BERTC_STANDIN_ENTER(cuModuleUnload, NoCapture)
  if (!entered.context->modules.erase(module))
    return refuse(invalidHandle, "a module that does not exist is unloaded");
  drainAll(entered.context);
  delete module;
  return success;
}

Result cuModuleGetFunction(Function *function, Module module,
                           const char *name) {
  BERTC_STANDIN_ENTER(cuModuleGetFunction, Context)
  if (!entered.context->modules.count(module))
    return invalidHandle;
  auto found = module->functions.find(name);
  if (found == module->functions.end())
    return notFound;
  *function = &found->second;
  return success;
}

Result cuFuncSetAttribute(Function function, int what, int value) {
  BERTC_STANDIN_ENTER(cuFuncSetAttribute, Context)
  const standin::DeviceModel &device =
      state().settings.devices[size_t(entered.context->device)];
  if (what != functionMaxDynamicSharedBytes)
    return refuse(invalidValue, "unknown attribute %d of a function", what);
  if (value < 0 || value > device.sharedBytes)
    return refuse(invalidValue,
                  "kernel %s cannot have %d bytes of shared "
                  "memory, %s has %d",
                  function->name.c_str(), value, device.name.c_str(),
                  device.sharedBytes);
  function->maxDynamicShared = value;
  return success;
}

/// Of the largest block's shared memory and 2048 threads; registers are not
/// known.
static int residentBlocks(const standin::DeviceModel &device, unsigned threads,
                          size_t sharedBytes) {
  constexpr unsigned mostThreads = 2048, reserved = 1024;
  size_t byMemory =
      (size_t(device.sharedBytes) + reserved) / (sharedBytes + reserved);
  return int(std::min<size_t>(mostThreads / threads, byMemory));
}

Result cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                   Function function,
                                                   int threads,
                                                   size_t sharedBytes) {
  BERTC_STANDIN_ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor, Context)
  const standin::DeviceModel &device =
      state().settings.devices[size_t(entered.context->device)];
  if (unsigned(threads) != function->kernel->threads)
    return refuse(invalidValue, "kernel %s has no blocks of %d threads",
                  function->name.c_str(), threads);
  *blocks = residentBlocks(device, unsigned(threads), sharedBytes);
  return success;
}

Result cuOccupancyMaxActiveClusters(int *clusters, Function function,
                                    const LaunchConfig *config) {
  BERTC_STANDIN_ENTER(cuOccupancyMaxActiveClusters, Context)
  const standin::DeviceModel &device =
      state().settings.devices[size_t(entered.context->device)];
  const emulator::EmulatedKernel &kernel = *function->kernel;
  const unsigned grid[] = {config->gridX, config->gridY, config->gridZ};
  int blocks = 1;
  for (int i = 0; i < 3; ++i) {
    const uint32_t size = emulator::clusterBlocks(kernel, i);
    if (!grid[i] || grid[i] % size)
      return refuse(invalidValue,
                    "the grid of kernel %s is no multiple of its clusters",
                    function->name.c_str());
    blocks *= int(size);
  }
  if (config->blockX != kernel.threads || config->attributeCount)
    return refuse(invalidValue, "kernel %s has no blocks of %u threads",
                  function->name.c_str(), config->blockX);
  // A cluster lies within a group of processors; the last group is smaller.
  constexpr int group = 18;
  const int each = residentBlocks(device, config->blockX, config->sharedBytes);
  *clusters = device.multiprocessors / group * (group * each / blocks) +
              device.multiprocessors % group * each / blocks;
  return success;
}

} // namespace bertc::rt::cuda

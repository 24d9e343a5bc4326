//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The driver itself, its devices and their primary contexts. A context is
// destroyed with its last user, and what is left in it is counted as leaked.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/Contexts.h"
#include "tools/gpu-emulator/driver/State.h"
#include <cstdio>
#include <cstring>

using namespace bertc;
using namespace bertc::standin;

static thread_local std::vector<rt::cuda::Context> stack;

rt::cuda::Context standin::currentContext() {
  return stack.empty() ? nullptr : stack.back();
}

/// The n of the calls of a function since the last cuInit; for tests.
extern "C" __attribute__((visibility("default"))) uint64_t
bertc_emulated_gpu_calls(const char *function) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  auto found = state().calls.find(function);
  return found == state().calls.end() ? 0 : found->second;
}

/// Objects and memory that were left in contexts when they were destroyed,
/// since the last cuInit; and, in contexts that are there, what is in them.
extern "C" __attribute__((visibility("default"))) uint64_t
bertc_emulated_gpu_leaks() {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  return state().leaks;
}

namespace bertc::rt::cuda {

Result cuInit(unsigned flags) {
  std::lock_guard<std::recursive_mutex> lock(state().mutex);
  State &all = state();
  all.calls.clear();
  all.leaks = 0;
  all.started = readSettings(all.settings);
  all.contexts.resize(
      std::max(all.contexts.size(), all.settings.devices.size()));
  if (!all.started)
    return invalidValue;
  BERTC_STANDIN_ENTER(cuInit, Started)
  if (flags)
    return invalidValue;
  return all.settings.devices.empty() ? Result(noDevice) : success;
}

Result cuDriverGetVersion(int *version) {
  // Works before cuInit, too.
  Settings settings;
  if (!readSettings(settings))
    return invalidValue;
  *version = settings.version;
  return success;
}

static const std::map<Result, std::pair<const char *, const char *>> &
errorTexts() {
  static const std::map<Result, std::pair<const char *, const char *>> texts = {
      {success, {"CUDA_SUCCESS", "no error"}},
      {invalidValue, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
      {outOfMemory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
      {notInitialized, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
      {noDevice,
       {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
      {invalidDevice, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
      {invalidImage,
       {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
      {invalidContext,
       {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
      {noBinaryForGpu,
       {"CUDA_ERROR_NO_BINARY_FOR_GPU",
        "no kernel image is available for execution on the device"}},
      {invalidPtx, {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"}},
      {unsupportedPtxVersion,
       {"CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
        "the provided PTX was compiled with an unsupported toolchain."}},
      {invalidHandle, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
      {notFound, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
      {illegalAddress,
       {"CUDA_ERROR_ILLEGAL_ADDRESS",
        "an illegal memory access was encountered"}},
      {719, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
      {systemDriverMismatch,
       {"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "system has unsupported display driver / cuda driver combination"}},
      {notReady, {"CUDA_ERROR_NOT_READY", "device not ready"}},
      {captureUnsupported,
       {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
        "operation not permitted when stream is capturing"}},
      {captureInvalidated,
       {"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
        "operation failed due to a previous error during capture"}},
      {captureUnmatched,
       {"CUDA_ERROR_STREAM_CAPTURE_UNMATCHED",
        "invalid operation on a stream that is not capturing"}},
      {999, {"CUDA_ERROR_UNKNOWN", "unknown error"}},
  };
  return texts;
}

Result cuGetErrorName(Result result, const char **name) {
  auto found = errorTexts().find(result);
  *name = found == errorTexts().end() ? nullptr : found->second.first;
  return *name ? success : Result(invalidValue);
}

Result cuGetErrorString(Result result, const char **text) {
  auto found = errorTexts().find(result);
  *text = found == errorTexts().end() ? nullptr : found->second.second;
  return *text ? success : Result(invalidValue);
}

Result cuDeviceGetCount(int *count) {
  BERTC_STANDIN_ENTER(cuDeviceGetCount, Started)
  *count = int(state().settings.devices.size());
  return success;
}

static bool isDevice(int device) {
  return device >= 0 && size_t(device) < state().settings.devices.size();
}

Result cuDeviceGet(DeviceId *device, int ordinal) {
  BERTC_STANDIN_ENTER(cuDeviceGet, Started)
  if (!isDevice(ordinal))
    return invalidDevice;
  *device = ordinal;
  return success;
}

Result cuDeviceGetName(char *name, int size, DeviceId device) {
  BERTC_STANDIN_ENTER(cuDeviceGetName, Started)
  if (!isDevice(device))
    return invalidDevice;
  snprintf(name, size_t(size), "%s",
           state().settings.devices[size_t(device)].name.c_str());
  return success;
}

Result cuDeviceGetAttribute(int *value, DeviceAttribute what, DeviceId device) {
  BERTC_STANDIN_ENTER(cuDeviceGetAttribute, Started)
  if (!isDevice(device))
    return invalidDevice;
  const standin::DeviceModel &model = state().settings.devices[size_t(device)];
  switch (what) {
  case maxThreadsPerBlock:
    *value = 1024;
    return success;
  case multiprocessorCount:
    *value = model.multiprocessors;
    return success;
  case computeCapabilityMajor:
    *value = model.capability / 10;
    return success;
  case computeCapabilityMinor:
    *value = model.capability % 10;
    return success;
  case maxSharedMemoryPerBlockOptin:
    *value = model.sharedBytes;
    return success;
  }
  return refuse(invalidValue, "unknown device attribute %d", int(what));
}

Result cuDeviceTotalMem_v2(size_t *bytes, DeviceId device) {
  BERTC_STANDIN_ENTER(cuDeviceTotalMem_v2, Started)
  if (!isDevice(device))
    return invalidDevice;
  *bytes = state().settings.memory;
  return success;
}

Result cuDevicePrimaryCtxRetain(Context *context, DeviceId device) {
  BERTC_STANDIN_ENTER(cuDevicePrimaryCtxRetain, Started)
  if (!isDevice(device))
    return invalidDevice;
  Context &primary = state().contexts[size_t(device)];
  if (!primary) {
    primary = new ContextHandle;
    primary->device = device;
    primary->legacy = new StreamHandle;
    primary->legacy->context = primary;
    primary->streams.insert(primary->legacy);
  }
  ++primary->users;
  *context = primary;
  return success;
}

/// Frees what is left, which is an error of the program unless a kernel failed.
static void destroy(Context context) {
  State &all = state();
  drainAll(context);
  uint64_t left = context->streams.size() - 1 + context->events.size() +
                  context->modules.size();
  for (auto *ranges : {&all.memory, &all.pinned})
    for (auto at = ranges->begin(); at != ranges->end();) {
      if (at->second.context != context) {
        ++at;
        continue;
      }
      ++left;
      emulator::unregisterMemory(reinterpret_cast<void *>(at->first));
      free(reinterpret_cast<void *>(at->first));
      at = ranges->erase(at);
    }
  if (left && !context->failure) {
    refuse(success, "%llu objects are left in a context that is destroyed",
           static_cast<unsigned long long>(left));
    all.leaks += left;
  }
  for (Stream stream : context->streams)
    delete stream;
  for (Event event : context->events)
    delete event;
  for (Module module : context->modules)
    delete module;
  delete context;
}

Result cuDevicePrimaryCtxRelease_v2(DeviceId device) {
  BERTC_STANDIN_ENTER(cuDevicePrimaryCtxRelease_v2, Started)
  if (device < 0 || size_t(device) >= state().contexts.size() ||
      !state().contexts[size_t(device)])
    return invalidContext;
  Context &primary = state().contexts[size_t(device)];
  if (--primary->users)
    return success;
  destroy(primary);
  primary = nullptr;
  return success;
}

Result cuCtxPushCurrent_v2(Context context) {
  BERTC_STANDIN_ENTER(cuCtxPushCurrent_v2, Started)
  bool known = false;
  for (Context other : state().contexts)
    known |= context && other == context;
  if (!known)
    return refuse(invalidContext, "a context that does not exist is pushed");
  stack.push_back(context);
  return success;
}

Result cuCtxPopCurrent_v2(Context *context) {
  BERTC_STANDIN_ENTER(cuCtxPopCurrent_v2, Started)
  if (stack.empty())
    return refuse(invalidContext, "no context is current");
  if (context)
    *context = stack.back();
  stack.pop_back();
  return success;
}

} // namespace bertc::rt::cuda

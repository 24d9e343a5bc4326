//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// dlopen is a weak reference: an old C library keeps it in a library of its
// own. A program that loaded a model with dlopen has it in any case.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <sched.h>

extern "C" {
__attribute__((weak)) void *dlopen(const char *, int) noexcept;
__attribute__((weak)) void *dlsym(void *, const char *) noexcept;
__attribute__((weak)) char *dlerror() noexcept;
}

namespace bertc::rt::cuda {

static constexpr char updateHelp[] =
    "help: install a newer NVIDIA driver, of CUDA 12.0 or later";

void describeResult(const Driver &driver, Result result, char *text,
                    size_t size) {
  const char *name = nullptr, *words = nullptr;
  if (driver.cuGetErrorName(result, &name) || !name)
    snprintf(text, size, "CUDA error %d", result);
  else if (driver.cuGetErrorString(result, &words) || !words)
    snprintf(text, size, "%s", name);
  else
    snprintf(text, size, "%s (%s)", name, words);
}

bertc_code codeOf(Result result) {
  switch (result) {
  case success:
    return BERTC_OK;
  case outOfMemory:
    return BERTC_OUT_OF_MEMORY;
  case stubLibrary:
  case deviceUnavailable:
  case noDevice:
  case invalidDevice:
  case noBinaryForGpu:
  case jitCompilerNotFound:
  case unsupportedPtxVersion:
  case systemDriverMismatch:
  case compatNotSupported:
    return BERTC_NO_DEVICE;
  default:
    return BERTC_INTERNAL;
  }
}

static const char *helpFor(Result result) {
  switch (result) {
  case unsupportedPtxVersion:
    return updateHelp;
  case jitCompilerNotFound:
    return "help: install the whole NVIDIA driver, or compile the model with "
           "--ptxas";
  case systemDriverMismatch:
  case compatNotSupported:
    return "help: the kernel module and libcuda.so.1 are of different "
           "versions; install one of them again, or restart the machine";
  case notInitialized:
    return "help: CUDA does not survive fork: open the model after it";
  case noDevice:
    return "help: CUDA_VISIBLE_DEVICES may hide the devices";
  default:
    return nullptr;
  }
}

bertc_code failCuda(bertc_status *status, const Driver &driver, Result result,
                    const char *what, ...) {
  char reason[200], text[360];
  va_list arguments;
  va_start(arguments, what);
  vsnprintf(text, sizeof(text), what, arguments);
  va_end(arguments);
  describeResult(driver, result, reason, sizeof(reason));
  const char *help = helpFor(result);
  return fail(status, codeOf(result), "%s: %s%s%s", text, reason,
              help ? "\n" : "", help ? help : "");
}

static bertc_code checkVersion(Driver &driver, bertc_status *status) {
  if (Result result = driver.cuDriverGetVersion(&driver.version))
    return failCuda(status, driver, result,
                    "cannot ask the CUDA driver for its version");
  if (driver.version < oldestVersion)
    return fail(status, BERTC_NO_DEVICE,
                "the CUDA driver is of CUDA %d.%d, expected %d.%d or later\n%s",
                driver.version / 1000, driver.version % 1000 / 10,
                oldestVersion / 1000, oldestVersion % 1000 / 10, updateHelp);
  return ok(status);
}

static bertc_code initialise(const Driver &driver, bertc_status *status) {
  if (Result result = driver.cuInit(0))
    return failCuda(status, driver, result, "cannot start the CUDA driver");
  return ok(status);
}

bertc_code loadDriver(const char *library, Driver &driver,
                      bertc_status *status) {
  if (!dlopen || !dlsym || !dlerror)
    return fail(status, BERTC_NO_DEVICE,
                "cannot load the CUDA driver: this process has no dlopen\n"
                "help: link the program with -ldl");
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(status, BERTC_NO_DEVICE,
                "cannot load the CUDA driver: %.300s\n"
                "help: install the NVIDIA driver",
                dlerror());
  memset(&driver, 0, sizeof(driver));
#define BERTC_CUDA_FIND(name, parameters)                                      \
  driver.name = reinterpret_cast<Result(*) parameters>(dlsym(handle, #name));
  BERTC_CUDA_FUNCTIONS(BERTC_CUDA_FIND)
  BERTC_CUDA_OPTIONAL_FUNCTIONS(BERTC_CUDA_FIND)
#undef BERTC_CUDA_FIND
  // An old driver lacks functions, but its version says more.
  bool hasVersion = driver.cuDriverGetVersion && driver.cuGetErrorName &&
                    driver.cuGetErrorString;
  if (bertc_code code = hasVersion ? checkVersion(driver, status) : BERTC_OK)
    return code;
  const char *missing = nullptr;
#define BERTC_CUDA_CHECK(name, parameters)                                     \
  if (!driver.name && !missing)                                                \
    missing = #name;
  BERTC_CUDA_FUNCTIONS(BERTC_CUDA_CHECK)
#undef BERTC_CUDA_CHECK
  if (missing)
    return fail(status, BERTC_NO_DEVICE,
                "the CUDA driver (%.100s) has no function %s\n%s", library,
                missing, updateHelp);
  return initialise(driver, status);
}

bertc_code checkFunctions(const Driver &driver,
                          const bertc_device_variant &variant,
                          bertc_status *status) {
  bool hasClusters = false;
  for (uint64_t i = 0; i < variant.kernel_count; ++i)
    hasClusters |= variant.kernels[i].cluster > 1;
  const char *missing = nullptr;
  if (variant.flags & BERTC_DEVICE_TENSOR_MAPS &&
      !driver.cuTensorMapEncodeTiled)
    missing = "cuTensorMapEncodeTiled";
  else if (hasClusters && !driver.cuOccupancyMaxActiveClusters)
    missing = "cuOccupancyMaxActiveClusters";
  if (!missing)
    return ok(status);
  return fail(status, BERTC_NO_DEVICE,
              "the CUDA driver has no function %s, which the code of %.60s "
              "needs\n%s",
              missing, variant.name, updateHelp);
}

bertc_code loadDriver(const Driver *&driver, bertc_status *status) {
  static Driver loaded;
  static bool isLoaded;
  static uint32_t lock;
  while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
    sched_yield();
  // Later models start the driver again, which costs nothing.
  bertc_code code = isLoaded ? initialise(loaded, status)
                             : loadDriver("libcuda.so.1", loaded, status);
  isLoaded |= code == BERTC_OK;
  __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
  driver = code ? nullptr : &loaded;
  return code;
}

} // namespace bertc::rt::cuda

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The CUDA driver: the few of its functions that a model needs, found at run
// time, so that a library runs where there is none. Types and numbers are
// declared here again, because NVIDIA's header may not be there; a test
// compares them where it is.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CUDA_DRIVER_H
#define BERTC_RUNTIME_CUDA_DRIVER_H

#include "runtime/abi/abi.h"
#include "runtime/core/Status.h"

namespace bertc::rt::cuda {

using Result = int;
using DeviceId = int;
using DeviceAddress = unsigned long long;
using Context = struct ContextHandle *;
using Module = struct ModuleHandle *;
using Function = struct FunctionHandle *;
using Stream = struct StreamHandle *;
using Event = struct EventHandle *;
using Graph = struct GraphHandle *;
using GraphExec = struct GraphExecHandle *;

/// CUDA_ERROR_*.
enum : Result {
  success = 0,
  invalidValue = 1,
  outOfMemory = 2,
  notInitialized = 3,
  stubLibrary = 34,
  deviceUnavailable = 46,
  noDevice = 100,
  invalidDevice = 101,
  invalidImage = 200,
  noBinaryForGpu = 209,
  invalidPtx = 218,
  jitCompilerNotFound = 221,
  unsupportedPtxVersion = 222,
  notFound = 500,
  systemDriverMismatch = 803,
  compatNotSupported = 804,
};

/// CU_DEVICE_ATTRIBUTE_*.
enum DeviceAttribute : int {
  maxThreadsPerBlock = 1,
  multiprocessorCount = 16,
  computeCapabilityMajor = 75,
  computeCapabilityMinor = 76,
  maxSharedMemoryPerBlockOptin = 97,
};

enum : int {
  functionMaxDynamicSharedBytes = 8, // CU_FUNC_ATTRIBUTE_*
  jitInfoLogBuffer = 3,              // CU_JIT_*
  jitInfoLogBufferSize = 4,
  jitErrorLogBuffer = 5,
  jitErrorLogBufferSize = 6,
  captureModeThreadLocal = 1, // CU_STREAM_CAPTURE_MODE_*
  pointerMemoryType = 2,      // CU_POINTER_ATTRIBUTE_*
  pointerDeviceOrdinal = 9,
  memoryTypeDevice = 2, // CU_MEMORYTYPE_*
};

/// Of tensor maps, CU_TENSOR_MAP_*.
enum : int {
  mapFloat16 = 6, // DATA_TYPE_*
  mapFloat32 = 7,
  mapBFloat16 = 9,
  mapNotInterleaved = 0, // INTERLEAVE_*
  mapSwizzleNone = 0,    // SWIZZLE_*
  mapSwizzle32 = 1,
  mapSwizzle64 = 2,
  mapSwizzle128 = 3,
  mapLevelTwo128 = 2, // L2_PROMOTION_*
  mapFillZeros = 0,   // FLOAT_OOB_FILL_*
};
/// CUlaunchConfig.
struct LaunchConfig {
  unsigned gridX, gridY, gridZ;
  unsigned blockX, blockY, blockZ;
  unsigned sharedBytes;
  Stream stream;
  void *attributes;
  unsigned attributeCount;
};
/// CUtensorMap: the driver knows what it means, kernels get it by value.
struct alignas(128) TensorMapBytes {
  unsigned char bytes[128];
};
enum : unsigned {
  streamNonBlocking = 1, // CU_STREAM_NON_BLOCKING
  eventNoTiming = 2,     // CU_EVENT_DISABLE_TIMING
};

/// Names as libcuda.so.1 exports them, which are those that cuda.h's macros
/// make, and parameters.
#define BERTC_CUDA_FUNCTIONS(X)                                                \
  X(cuInit, (unsigned flags))                                                  \
  X(cuDriverGetVersion, (int *version))                                        \
  X(cuGetErrorName, (Result result, const char **name))                        \
  X(cuGetErrorString, (Result result, const char **text))                      \
  X(cuDeviceGetCount, (int *count))                                            \
  X(cuDeviceGet, (DeviceId * device, int ordinal))                             \
  X(cuDeviceGetName, (char *name, int size, DeviceId device))                  \
  X(cuDeviceGetAttribute, (int *value, DeviceAttribute what, DeviceId device)) \
  X(cuDeviceTotalMem_v2, (size_t *bytes, DeviceId device))                     \
  X(cuDevicePrimaryCtxRetain, (Context * context, DeviceId device))            \
  X(cuDevicePrimaryCtxRelease_v2, (DeviceId device))                           \
  X(cuCtxPushCurrent_v2, (Context context))                                    \
  X(cuCtxPopCurrent_v2, (Context * context))                                   \
  X(cuModuleLoadDataEx, (Module * module, const void *image, unsigned count,   \
                         int *options, void **values))                         \
  X(cuModuleUnload, (Module module))                                           \
  X(cuModuleGetFunction,                                                       \
    (Function * function, Module module, const char *name))                    \
  X(cuFuncSetAttribute, (Function function, int what, int value))              \
  X(cuOccupancyMaxActiveBlocksPerMultiprocessor,                               \
    (int *blocks, Function function, int threads, size_t sharedBytes))         \
  X(cuMemGetInfo_v2, (size_t *free, size_t *total))                            \
  X(cuMemAlloc_v2, (DeviceAddress * address, size_t bytes))                    \
  X(cuMemFree_v2, (DeviceAddress address))                                     \
  X(cuMemHostAlloc, (void **memory, size_t bytes, unsigned flags))             \
  X(cuMemFreeHost, (void *memory))                                             \
  X(cuMemcpyHtoD_v2, (DeviceAddress to, const void *from, size_t bytes))       \
  X(cuMemcpyDtoH_v2, (void *to, DeviceAddress from, size_t bytes))             \
  X(cuMemcpyHtoDAsync_v2,                                                      \
    (DeviceAddress to, const void *from, size_t bytes, Stream stream))         \
  X(cuMemcpyDtoHAsync_v2,                                                      \
    (void *to, DeviceAddress from, size_t bytes, Stream stream))               \
  X(cuMemsetD8Async,                                                           \
    (DeviceAddress to, unsigned char value, size_t bytes, Stream stream))      \
  X(cuPointerGetAttribute, (void *value, int what, DeviceAddress address))     \
  X(cuStreamCreate, (Stream * stream, unsigned flags))                         \
  X(cuStreamDestroy_v2, (Stream stream))                                       \
  X(cuStreamSynchronize, (Stream stream))                                      \
  X(cuStreamWaitEvent, (Stream stream, Event event, unsigned flags))           \
  X(cuStreamIsCapturing, (Stream stream, int *capturing))                      \
  X(cuStreamBeginCapture_v2, (Stream stream, int mode))                        \
  X(cuStreamEndCapture, (Stream stream, Graph * graph))                        \
  X(cuGraphInstantiateWithFlags,                                               \
    (GraphExec * exec, Graph graph, unsigned long long flags))                 \
  X(cuGraphLaunch, (GraphExec exec, Stream stream))                            \
  X(cuGraphExecDestroy, (GraphExec exec))                                      \
  X(cuGraphDestroy, (Graph graph))                                             \
  X(cuLaunchKernel,                                                            \
    (Function function, unsigned gridX, unsigned gridY, unsigned gridZ,        \
     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,  \
     Stream stream, void **params, void **extra))                              \
  X(cuEventCreate, (Event * event, unsigned flags))                            \
  X(cuEventRecord, (Event event, Stream stream))                               \
  X(cuEventSynchronize, (Event event))                                         \
  X(cuEventElapsedTime, (float *milliseconds, Event from, Event to))           \
  X(cuEventDestroy_v2, (Event event))

/// Those that only some models need; null where the driver lacks them.
#define BERTC_CUDA_OPTIONAL_FUNCTIONS(X)                                       \
  X(cuTensorMapEncodeTiled,                                                    \
    (TensorMapBytes * map, int type, unsigned rank, void *address,             \
     const unsigned long long *sizes, const unsigned long long *strides,       \
     const unsigned *box, const unsigned *elementStrides, int interleave,      \
     int swizzle, int levelTwo, int fill))                                     \
  X(cuOccupancyMaxActiveClusters,                                              \
    (int *clusters, Function function, const LaunchConfig *config))

struct Driver {
#define BERTC_CUDA_MEMBER(name, parameters) Result(*name) parameters;
  BERTC_CUDA_FUNCTIONS(BERTC_CUDA_MEMBER)
  BERTC_CUDA_OPTIONAL_FUNCTIONS(BERTC_CUDA_MEMBER)
#undef BERTC_CUDA_MEMBER
  int version; // 12040 for CUDA 12.4
};

/// PTX of sm_90a, and graphs as they are used here, need CUDA 12.0.
constexpr int oldestVersion = 12000;

/// The driver of this machine, loaded and initialised; it stays for the life of
/// the process. A failure is not remembered.
bertc_code loadDriver(const Driver *&driver, bertc_status *status);

/// The same from another library, into the caller's memory; for tests.
bertc_code loadDriver(const char *library, Driver &driver,
                      bertc_status *status);

/// Fails unless the driver has all functions that the variant needs.
bertc_code checkFunctions(const Driver &driver,
                          const bertc_device_variant &variant,
                          bertc_status *status);

/// "CUDA_ERROR_NO_DEVICE (no CUDA-capable device is detected)".
void describeResult(const Driver &driver, Result result, char *text,
                    size_t size);

/// The code of the API for an error of the driver.
bertc_code codeOf(Result result);

/// Fails with "`what`: CUDA_ERROR_..." and what can be done about it.
__attribute__((format(printf, 4, 5))) bertc_code failCuda(bertc_status *status,
                                                          const Driver &driver,
                                                          Result result,
                                                          const char *what,
                                                          ...);

} // namespace bertc::rt::cuda

#endif // BERTC_RUNTIME_CUDA_DRIVER_H

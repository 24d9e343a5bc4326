//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares what runtime/cuda/Driver.h declares with NVIDIA's header, as far as
// a compiler can: names that exist, sizes of parameters, and numbers. It is
// compiled where the header is, and never run.
//
//===----------------------------------------------------------------------===//
#include "runtime/cuda/Driver.h"
#include <cstddef>
#include <cuda.h>
#include <type_traits>

// Headers from CUDA 12.8 on mean a later version by this name, which has the
// same parameters and is not in older drivers.
#ifdef cuEventElapsedTime
#undef cuEventElapsedTime
extern "C" decltype(cuEventElapsedTime_v2) cuEventElapsedTime;
#endif

// The macros of cuda.h give each function the name that the library exports.
#define BERTC_SAME(ours, theirs)                                               \
  static_assert(static_cast<int>(bertc::rt::cuda::ours) ==                     \
                static_cast<int>(theirs))

BERTC_SAME(invalidValue, CUDA_ERROR_INVALID_VALUE);
BERTC_SAME(outOfMemory, CUDA_ERROR_OUT_OF_MEMORY);
BERTC_SAME(notInitialized, CUDA_ERROR_NOT_INITIALIZED);
BERTC_SAME(stubLibrary, CUDA_ERROR_STUB_LIBRARY);
BERTC_SAME(deviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE);
BERTC_SAME(noDevice, CUDA_ERROR_NO_DEVICE);
BERTC_SAME(invalidDevice, CUDA_ERROR_INVALID_DEVICE);
BERTC_SAME(invalidImage, CUDA_ERROR_INVALID_IMAGE);
BERTC_SAME(noBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU);
BERTC_SAME(invalidPtx, CUDA_ERROR_INVALID_PTX);
BERTC_SAME(jitCompilerNotFound, CUDA_ERROR_JIT_COMPILER_NOT_FOUND);
BERTC_SAME(unsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION);
BERTC_SAME(notFound, CUDA_ERROR_NOT_FOUND);
BERTC_SAME(systemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH);
BERTC_SAME(compatNotSupported, CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE);
BERTC_SAME(maxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
BERTC_SAME(multiprocessorCount, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
BERTC_SAME(computeCapabilityMajor,
           CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
BERTC_SAME(computeCapabilityMinor,
           CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
BERTC_SAME(maxSharedMemoryPerBlockOptin,
           CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
BERTC_SAME(functionMaxDynamicSharedBytes,
           CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
BERTC_SAME(jitInfoLogBuffer, CU_JIT_INFO_LOG_BUFFER);
BERTC_SAME(jitInfoLogBufferSize, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES);
BERTC_SAME(jitErrorLogBuffer, CU_JIT_ERROR_LOG_BUFFER);
BERTC_SAME(jitErrorLogBufferSize, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
BERTC_SAME(captureModeThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
BERTC_SAME(pointerMemoryType, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
BERTC_SAME(pointerDeviceOrdinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL);
BERTC_SAME(memoryTypeDevice, CU_MEMORYTYPE_DEVICE);
BERTC_SAME(streamNonBlocking, CU_STREAM_NON_BLOCKING);
BERTC_SAME(eventNoTiming, CU_EVENT_DISABLE_TIMING);
BERTC_SAME(success, CUDA_SUCCESS);
BERTC_SAME(mapFloat16, CU_TENSOR_MAP_DATA_TYPE_FLOAT16);
BERTC_SAME(mapFloat32, CU_TENSOR_MAP_DATA_TYPE_FLOAT32);
BERTC_SAME(mapBFloat16, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16);
BERTC_SAME(mapNotInterleaved, CU_TENSOR_MAP_INTERLEAVE_NONE);
BERTC_SAME(mapSwizzleNone, CU_TENSOR_MAP_SWIZZLE_NONE);
BERTC_SAME(mapSwizzle32, CU_TENSOR_MAP_SWIZZLE_32B);
BERTC_SAME(mapSwizzle64, CU_TENSOR_MAP_SWIZZLE_64B);
BERTC_SAME(mapSwizzle128, CU_TENSOR_MAP_SWIZZLE_128B);
BERTC_SAME(mapLevelTwo128, CU_TENSOR_MAP_L2_PROMOTION_L2_128B);
BERTC_SAME(mapFillZeros, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
static_assert(sizeof(bertc::rt::cuda::LaunchConfig) == sizeof(CUlaunchConfig));
#define BERTC_SAME_PLACE(ours, theirs)                                         \
  static_assert(offsetof(bertc::rt::cuda::LaunchConfig, ours) ==               \
                offsetof(CUlaunchConfig, theirs))
BERTC_SAME_PLACE(gridZ, gridDimZ);
BERTC_SAME_PLACE(blockX, blockDimX);
BERTC_SAME_PLACE(sharedBytes, sharedMemBytes);
BERTC_SAME_PLACE(stream, hStream);
BERTC_SAME_PLACE(attributes, attrs);
BERTC_SAME_PLACE(attributeCount, numAttrs);
static_assert(sizeof(bertc::rt::cuda::TensorMapBytes) == sizeof(CUtensorMap) &&
              alignof(bertc::rt::cuda::TensorMapBytes) >= alignof(CUtensorMap));

namespace {

/// Parameters are passed alike: the same size, and pointers for pointers.
template <typename Ours, typename Theirs>
constexpr bool alike = sizeof(Ours) == sizeof(Theirs) &&
                       std::is_pointer_v<Ours> == std::is_pointer_v<Theirs>;

template <typename Ours, typename Theirs> struct SameCall;
template <typename... Ours, typename... Theirs>
struct SameCall<int (*)(Ours...), CUresult (*)(Theirs...)> {
  static constexpr bool value() {
    if constexpr (sizeof...(Ours) != sizeof...(Theirs))
      return false;
    else
      return (alike<Ours, Theirs> && ...);
  }
};

} // namespace

// The newest cuda.h may map a name to a later version than the one used here;
// each function still exists under the name that is loaded.
#define BERTC_SAME_CALL(name, parameters)                                      \
  static_assert(SameCall<decltype(bertc::rt::cuda::Driver::name),              \
                         decltype(&::name)>::value());
BERTC_CUDA_FUNCTIONS(BERTC_SAME_CALL)
BERTC_CUDA_OPTIONAL_FUNCTIONS(BERTC_SAME_CALL)

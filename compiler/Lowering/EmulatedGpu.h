//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What emulated GPU code and the emulator that runs it agree on: plain C++, no
// MLIR. Emulated code calls functions `bertc_gpu_emulator_*`, whose list is in
// `tools/gpu-emulator/Calls.h`; the first two arguments of each are the thread
// and the site of the op in the program.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_EMULATEDGPU_H
#define BERTC_COMPILER_LOWERING_EMULATEDGPU_H

#include <cstdint>

namespace bertc::emulator {

/// Special registers of a thread: the first words of what emulated code knows
/// as a thread.
enum Register : uint32_t {
  ThreadX,
  ThreadY,
  ThreadZ,
  BlockSizeX,
  BlockSizeY,
  BlockSizeZ,
  BlockX,
  BlockY,
  BlockZ,
  GridX,
  GridY,
  GridZ,
  LaneId,
  WarpId,
  SharedBytes,
  ClusterRank,
  ClusterSize,
  RegisterCount,
};

enum class AccessKind : uint32_t { Load, Store, Atomic };
/// Bits of the order that an atomic access has among blocks.
enum class MemoryOrder : uint32_t { Relaxed = 0, Acquire = 1, Release = 2 };
enum class VoteKind : uint32_t { Any, All, Ballot, Uniform };
enum class ShuffleKind : uint32_t { Butterfly, Up, Down, Index };
enum class ReduceKind : uint32_t {
  Add,
  And,
  Or,
  Xor,
  Min,
  Max,
  UnsignedMin,
  UnsignedMax,
};
enum class MatrixType : uint32_t { F16, BF16, TF32, S8, U8 };

/// One op of the program that the emulator is asked about. Emulated code has a
/// writable variable for each.
struct Site {
  const char *text;       ///< Location and op, for messages.
  uint32_t index;         ///< Running number in the module, from 1.
  uint32_t bytes;         ///< Of one access of memory by one thread.
  uint32_t alignment;     ///< That the access needs.
  uint32_t parameters[7]; ///< Depends on the function; see Calls.h.
  /// The range of global memory that was found last, in the emulator's words.
  uint64_t low, high, generation, lines;
};

/// Number of `parameters`.
inline constexpr uint32_t siteParameters = 7;
/// Number of words of 64 bits of a site's range.
inline constexpr uint32_t siteRange = 4;

/// A row of the table `bertc_emulated_kernels`.
struct EmulatedKernel {
  const char *name;
  /// Runs one thread; as with cuLaunchKernel, params[i] points to argument i.
  void (*entry)(void **params);
  uint32_t threads; ///< Of a block.
  uint32_t parameterCount;
  const uint32_t *parameterBytes; ///< Of each argument.
  uint32_t cluster[3];            ///< Blocks in each dimension, or zeros.
};

/// Symbols of emulated code: the table, and a uint64_t with its length.
inline constexpr char kernelTableSymbol[] = "bertc_emulated_kernels";
inline constexpr char kernelCountSymbol[] = "bertc_emulated_kernel_count";

} // namespace bertc::emulator

#endif // BERTC_COMPILER_LOWERING_EMULATEDGPU_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs emulated GPU kernels and watches them: for tests and for a stand-in of
// the CUDA driver. Device memory is host memory that was registered; blocks, or
// clusters of them, run one after another on the calling thread.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_EMULATOR_H
#define BERTC_TOOLS_GPU_EMULATOR_EMULATOR_H

#include "compiler/Lowering/EmulatedGpu.h"
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace bertc::emulator {

/// Makes [start, start + bytes) global memory. `name` stands in messages.
/// Ranges must not overlap; false if this one does.
bool registerMemory(const void *start, size_t bytes, std::string name = "",
                    bool writable = true);
/// Forgets the range that begins at `start`; false if there is none.
bool unregisterMemory(const void *start);

/// Blocks of a cluster of `kernel` in a dimension; 1 without clusters.
inline uint32_t clusterBlocks(const EmulatedKernel &kernel, int dimension) {
  const uint32_t blocks = kernel.cluster[dimension];
  return blocks == 0 ? 1 : blocks;
}

struct Launch {
  const EmulatedKernel *kernel = nullptr;
  uint32_t grid[3] = {1, 1, 1};
  uint32_t threads = 0; ///< Of a block, which must be the kernel's; 0: those.
  uint32_t sharedBytes = 0;
  void **params = nullptr;
  /// The number of the cluster, or block without clusters (x fastest), that
  /// runs as the n-th. Default: n.
  std::function<uint64_t(uint64_t n)> order;
};

struct Report {
  /// What is wrong with the kernel, each fault once. Empty: nothing is.
  std::vector<std::string> errors;
  /// Accesses of shared memory by warps take `transactions` turns, of which
  /// `bankConflicts` would not be needed without conflicts.
  uint64_t bankConflicts = 0;
  uint64_t transactions = 0;
  uint64_t steps = 0; ///< Calls of the emulator.

  bool ok() const { return errors.empty(); }
  std::string text() const; ///< The errors, one a line.
};

Report launch(const Launch &launch);

/// Every function that emulated code calls, for who links it in memory.
struct Symbol {
  const char *name;
  void *address;
};
const std::vector<Symbol> &emulatorSymbols();

/// Loads a library that bertc-gpu-emulate wrote. Null with a message if that
/// fails. A loaded library stays.
struct KernelTable {
  const EmulatedKernel *kernels = nullptr;
  uint64_t count = 0;
  const EmulatedKernel *find(const std::string &name) const;
};
KernelTable loadKernels(const std::string &path, std::string &error);

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_EMULATOR_H

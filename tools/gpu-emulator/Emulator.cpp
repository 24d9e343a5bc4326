//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One launch runs at a time in a process: it uses one cluster's stacks and
// shared memory again and again.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/Emulator.h"

#include "tools/gpu-emulator/Calls.h"
#include "tools/gpu-emulator/Cluster.h"
#include "tools/gpu-emulator/Ranges.h"
#include <dlfcn.h>
#include <mutex>
#include <xmmintrin.h>

using namespace bertc::emulator;

static std::mutex &oneAtATime() {
  static std::mutex mutex;
  return mutex;
}

static Cluster &theCluster() {
  static Cluster cluster;
  return cluster;
}

Thread *bertc_gpu_emulator_thread() { return &theCluster().running(); }

void *bertc_gpu_emulator_shared(Thread *thread) {
  return thread->block->shared.data();
}

bool bertc::emulator::registerMemory(const void *start, size_t bytes,
                                     std::string name, bool writable) {
  const std::lock_guard<std::mutex> lock(oneAtATime());
  return globalRanges().add(reinterpret_cast<uint64_t>(start), bytes,
                            std::move(name), writable);
}

bool bertc::emulator::unregisterMemory(const void *start) {
  const std::lock_guard<std::mutex> lock(oneAtATime());
  return globalRanges().remove(reinterpret_cast<uint64_t>(start));
}

std::string Report::text() const {
  std::string all;
  for (const std::string &error : errors)
    all += error + "\n";
  return all;
}

/// What cuLaunchKernel would refuse.
static std::string whyNot(const Launch &launch) {
  if (!launch.kernel)
    return "no kernel";
  const std::string kernel = std::string("kernel '") + launch.kernel->name;
  if (launch.threads != 0 && launch.threads != launch.kernel->threads)
    return kernel + "' has blocks of " +
           std::to_string(launch.kernel->threads) + " threads, got " +
           std::to_string(launch.threads);
  if (launch.sharedBytes > SharedMemory::capacity)
    return kernel + "' wants " + std::to_string(launch.sharedBytes) +
           " bytes of shared memory, " +
           std::to_string(SharedMemory::capacity) + " is the most";
  constexpr uint32_t most[] = {0x7fffffff, 65535, 65535};
  for (int i = 0; i < 3; ++i)
    if (launch.grid[i] == 0 || launch.grid[i] > most[i])
      return kernel + "' has a grid of " + std::to_string(launch.grid[0]) +
             " x " + std::to_string(launch.grid[1]) + " x " +
             std::to_string(launch.grid[2]) + " blocks";
  uint32_t blocks = 1;
  for (int i = 0; i < 3; ++i) {
    const uint32_t size = clusterBlocks(*launch.kernel, i);
    blocks *= size;
    if (launch.grid[i] % size != 0)
      return kernel + "' has clusters of " + std::to_string(size) +
             " blocks and a grid of " + std::to_string(launch.grid[i]) +
             ", no multiple of it";
  }
  if (blocks > Cluster::mostBlocks)
    return kernel + "' has clusters of " + std::to_string(blocks) +
           " blocks, " + std::to_string(Cluster::mostBlocks) + " is the most";
  return "";
}

Report bertc::emulator::launch(const Launch &launch) {
  const std::lock_guard<std::mutex> lock(oneAtATime());
  Report report;
  if (std::string problem = whyNot(launch); !problem.empty()) {
    report.errors.push_back(problem);
    return report;
  }
  // A GPU keeps subnormal numbers, whatever the caller's thread does.
  constexpr unsigned defaults = 0x1f80;
  const unsigned mode = _mm_getcsr();
  _mm_setcsr(defaults);
  Cluster &cluster = theCluster();
  cluster.prepare(launch, report);
  for (uint64_t n = 0; n < cluster.count(); ++n)
    if (!cluster.run(launch.order ? launch.order(n) : n))
      break;
  cluster.finish();
  _mm_setcsr(mode);
  return report;
}

const std::vector<Symbol> &bertc::emulator::emulatorSymbols() {
  static const std::vector<Symbol> symbols = {
#define SYMBOL(NAME, ARGUMENTS)                                                \
  {"bertc_gpu_emulator_" #NAME,                                                \
   reinterpret_cast<void *>(&bertc_gpu_emulator_##NAME)},
      BERTC_GPU_EMULATOR_CALLS(SYMBOL)
#undef SYMBOL
          {"bertc_gpu_emulator_thread",
           reinterpret_cast<void *>(&bertc_gpu_emulator_thread)},
      {"bertc_gpu_emulator_shared",
       reinterpret_cast<void *>(&bertc_gpu_emulator_shared)},
  };
  return symbols;
}

const EmulatedKernel *KernelTable::find(const std::string &name) const {
  for (uint64_t i = 0; i < count; ++i)
    if (name == kernels[i].name)
      return &kernels[i];
  return nullptr;
}

KernelTable bertc::emulator::loadKernels(const std::string &path,
                                         std::string &error) {
  // The library finds the emulator's functions if they are in global scope,
  // which they are not yet where the emulator was itself loaded by dlopen.
  Dl_info self;
  if (dladdr(reinterpret_cast<void *>(&emulatorSymbols), &self) &&
      self.dli_fname)
    dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_GLOBAL);
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error = dlerror();
    return {};
  }
  const auto *kernels =
      static_cast<const EmulatedKernel *>(dlsym(library, kernelTableSymbol));
  const auto *count =
      static_cast<const uint64_t *>(dlsym(library, kernelCountSymbol));
  if (!kernels || !count) {
    error = path + " has no table of emulated kernels";
    return {};
  }
  return {kernels, *count};
}

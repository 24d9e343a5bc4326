//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels. Arguments are copied at once, as cuLaunchKernel promises; what the
// emulator reports when the stream gets there goes to standard error, and the
// context is lost as after an error of a device.
//
//===----------------------------------------------------------------------===//
#include "tools/gpu-emulator/driver/State.h"
#include <cstdio>
#include <cstring>

using namespace bertc;
using namespace bertc::standin;

namespace bertc::rt::cuda {

/// Why a launch cannot be, or null.
static const char *whyNot(const FunctionHandle &function, const unsigned *grid,
                          const unsigned *block, unsigned sharedBytes) {
  if (!grid[0] || !grid[1] || !grid[2])
    return "its grid is empty";
  if (grid[0] > 0x7fffffffu || grid[1] > 65535 || grid[2] > 65535)
    return "its grid is too large";
  for (int i = 0; i < 3; ++i)
    if (grid[i] % emulator::clusterBlocks(*function.kernel, i))
      return "its grid is no multiple of its clusters";
  if (block[1] != 1 || block[2] != 1 || block[0] != function.kernel->threads)
    return "its blocks have another number of threads than .reqntid says";
  if (sharedBytes > unsigned(function.maxDynamicShared))
    return "it has more shared memory than its attribute allows";
  return nullptr;
}

namespace {

struct Arguments {
  std::vector<std::vector<char>> values;
};

} // namespace

static Result runKernel(const FunctionHandle &function, emulator::Launch launch,
                        Arguments arguments) {
  std::vector<void *> params;
  for (std::vector<char> &value : arguments.values)
    params.push_back(value.data());
  launch.params = params.data();
  emulator::Report report = emulator::launch(launch);
  const char *name = function.name.c_str();
  if (state().settings.log)
    fprintf(stderr,
            "stand-in CUDA driver: %s, %u x %u x %u blocks: %llu calls, %llu "
            "turns of shared memory, %llu of them conflicts\n",
            name, launch.grid[0], launch.grid[1], launch.grid[2],
            static_cast<unsigned long long>(report.steps),
            static_cast<unsigned long long>(report.transactions),
            static_cast<unsigned long long>(report.bankConflicts));
  if (report.ok())
    return success;
  return refuse(illegalAddress, "kernel %s failed\n%s", name,
                report.text().c_str());
}

Result cuLaunchKernel(Function function, unsigned gridX, unsigned gridY,
                      unsigned gridZ, unsigned blockX, unsigned blockY,
                      unsigned blockZ, unsigned sharedBytes, Stream stream,
                      void **params, void **extra) {
  BERTC_STANDIN_ENTER(cuLaunchKernel, Context)
  if (!function || function->context != entered.context)
    return refuse(invalidHandle, "a kernel of another context is launched");
  stream = findStream(entered.context, stream);
  if (!stream)
    return refuse(invalidHandle, "a kernel in a stream that does not exist");
  const unsigned grid[] = {gridX, gridY, gridZ};
  const unsigned block[] = {blockX, blockY, blockZ};
  if (const char *reason = whyNot(*function, grid, block, sharedBytes))
    return refuse(invalidValue, "kernel %s cannot be launched: %s",
                  function->name.c_str(), reason);
  if (extra || (!params && !function->parameterBytes.empty()))
    return refuse(invalidValue, "kernel %s is launched without its arguments",
                  function->name.c_str());
  Arguments arguments;
  for (size_t i = 0; i < function->parameterBytes.size(); ++i) {
    if (!params[i])
      return refuse(invalidValue, "argument %zu of kernel %s is missing", i,
                    function->name.c_str());
    const char *value = static_cast<const char *>(params[i]);
    arguments.values.emplace_back(value, value + function->parameterBytes[i]);
  }
  emulator::Launch launch;
  launch.kernel = function->kernel;
  memcpy(launch.grid, grid, sizeof(grid));
  launch.threads = blockX;
  launch.sharedBytes = sharedBytes;
  return submit(stream, [function, launch, arguments = std::move(arguments)] {
    return runKernel(*function, launch, arguments);
  });
}

} // namespace bertc::rt::cuda

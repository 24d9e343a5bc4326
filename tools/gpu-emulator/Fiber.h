//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads of control on one thread of the host. A switch saves the registers
// that a call preserves and nothing else: swapcontext would ask the kernel each
// time. A fibre may be abandoned at any point, so what runs on one must not own
// anything while it calls out.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_GPU_EMULATOR_FIBER_H
#define BERTC_TOOLS_GPU_EMULATOR_FIBER_H

#include <cstddef>

namespace bertc::emulator {

class Fiber {
public:
  Fiber() = default;
  Fiber(const Fiber &) = delete;
  ~Fiber();

  /// Prepares a run of function(argument), which must never return. A stack is
  /// mapped the first time. `colour` varies where in its pages a stack begins,
  /// so that stacks do not compete for the same cache lines.
  void start(void (*function)(void *), void *argument, size_t colour);

  /// Leaves `from` and goes on with `to`. The fibre that calls is `from`; the
  /// host's own stack is one that was never started. With `forever`, nobody
  /// will go on with `from`.
  static void transfer(Fiber &from, Fiber &to, bool forever = false);

private:
  void *stackPointer = nullptr;
  char *stack = nullptr; ///< Lowest address, a guard page.
  void *fakeStack = nullptr;
  /// Bounds of the stack for AddressSanitizer.
  const void *bottom = nullptr;
  size_t size = 0;
};

} // namespace bertc::emulator

#endif // BERTC_TOOLS_GPU_EMULATOR_FIBER_H

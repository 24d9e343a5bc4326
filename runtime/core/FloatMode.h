//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The floating-point mode of all computations: results must not depend on which
// thread computes them, or on what the host program did to its threads.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_CORE_FLOATMODE_H
#define BERTC_RUNTIME_CORE_FLOATMODE_H

#include <xmmintrin.h>

namespace bertc::rt {

/// While it lives, the thread rounds to nearest, raises no exceptions and takes
/// subnormal inputs and results for zero.
class FloatMode {
public:
  FloatMode() : before(_mm_getcsr()) { _mm_setcsr(0x9fc0); }
  ~FloatMode() { _mm_setcsr(before); }
  FloatMode(const FloatMode &) = delete;
  FloatMode &operator=(const FloatMode &) = delete;

private:
  unsigned before;
};

} // namespace bertc::rt

#endif // BERTC_RUNTIME_CORE_FLOATMODE_H

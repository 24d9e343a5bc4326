//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8 weights on their way to a micro-kernel that multiplies bfloat16:
// memory is read once, as int8, and the row tiles of a block share the work.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_WIDEN_H
#define BERTC_COMPILER_KERNELS_CPU_WIDEN_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

struct WidenOperands {
  Place from, to;
  mlir::Value panels;
  mlir::Value lines; // of a panel of `to`
};

/// Lines of int8 weights (four k steps of 16 columns) as lines of bfloat16 (two
/// of them); exact, every int8 is one. Tile registers get whole tiles. Panels
/// lie `fromStride` and `toStride` words apart.
void callWiden(KernelBuilder &k, Arithmetic arithmetic, int64_t fromStride,
               int64_t toStride, const WidenOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_WIDEN_H

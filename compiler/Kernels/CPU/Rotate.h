//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of x turned before they are rounded, as the int8 weights of a layer were
// when they were packed: the product stays the same. A few large elements of a
// row, or of a column of weights, become many middling ones, which waste fewer
// of the 256 integers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ROTATE_H
#define BERTC_COMPILER_KERNELS_CPU_ROTATE_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

/// Elements of a row of `depth` (a multiple of 16) that are turned together:
/// the largest power of two that divides it, at most 128.
int64_t rotationBlock(int64_t depth);

/// `to` = H x for each block of rotationBlock(depth) elements, with the
/// Hadamard matrix H[i][j] = 1 where i & j has an even number of bits, else -1;
/// H H / size is one. x is first multiplied with `factors`, if there are any,
/// element by element.
void emitRotate(KernelBuilder &k, int64_t depth, Place x, Place factors,
                Place to);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ROTATE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights that learn are float32; where bfloat16 is multiplied, a layer's
// weights are narrowed when the layer begins, to panels as a linear layer reads
// them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_NARROWWEIGHTS_H
#define BERTC_COMPILER_KERNELS_CPU_NARROWWEIGHTS_H

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

/// Words of the bfloat16 panels of a weight of `depth` k steps, whole tiles.
int64_t narrowPanelWords(int64_t depth);

/// Panels [begin, end) of float32 [columns/16][depth][16] as bfloat16
/// [columns/16][depth/2][16][2].
void callNarrowPanels(KernelBuilder &k, int64_t depth, Place from, Place to,
                      mlir::Value begin, mlir::Value end);

/// The same of the transposed weight: panels [begin, end) of [depth/16]
/// [columns/2][16][2].
void callNarrowTransposed(KernelBuilder &k, int64_t depth, int64_t columns,
                          Place from, Place to, mlir::Value begin,
                          mlir::Value end);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_NARROWWEIGHTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an update does on a device: the norm of the gradients, AdamW, and planes
// of the new weights for tensor cores. The first two give the same bits as
// runtime/train/AdamW.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_OPTIMIZER_H
#define BERTC_COMPILER_KERNELS_GPU_OPTIMIZER_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// sums[i] = the sum of the squares of chunk i, in float64, as
/// OptimizerCode::sumOfSquares adds them. Arguments: gradients (f32), chunks
/// (bertc_parameter_chunk), sums (f64). Grid: chunks.
DeviceKernel sumOfSquaresKernel(GpuBuilder &k);

/// One step of AdamW for all chunks; clears their gradients. Arguments:
/// weights, gradients, first moments, second moments (all f32), chunks, the
/// floats of AdamWStep in their order. Grid: chunks.
DeviceKernel adamWKernel(GpuBuilder &k);

/// Panels [columns / 16][depth][16] of float32, as trainers keep weights, to
/// planes [planes][columns][depth] of 16 bits, which tensor cores read;
/// `columns` and `depth` are multiples of 16. Arguments: panels, planes,
/// elements from plane to plane (i64). Grid: planesGrid().
DeviceKernel planesKernel(GpuBuilder &k, int64_t columns, int64_t depth,
                          int64_t planes, HalfType type);
/// x and y.
std::pair<int64_t, int64_t> planesGrid(int64_t columns, int64_t depth);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_OPTIMIZER_H

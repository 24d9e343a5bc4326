//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradients of layer norm and of the L2 norm;
// formulas as in compiler/Kernels/CPU/NormGradient.h. Sums over rows are in the
// gradients of every bias.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_NORMGRADIENT_H
#define BERTC_COMPILER_KERNELS_GPU_NORMGRADIENT_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// dx of y = layer_norm(x), and the mean and 1 / sqrt(variance + epsilon) of
/// each row, [rows][momentWords] f32. Arguments: x, dy, gain, those of
/// `outputs` (dx, which may be dy), moments, epsilon (f32), rows (i32). Grid:
/// blocksOfRows(rows).
DeviceKernel layerNormGradientKernel(GpuBuilder &k, DeviceRows shape,
                                     DeviceForms outputs);

/// dx of y = x / max(|x|_2, 1e-12). Arguments: x, dy, those of `outputs` (dx,
/// which may be dy), rows (i32). Grid: blocksOfRows(rows).
DeviceKernel normalizeGradientKernel(GpuBuilder &k, DeviceRows shape,
                                     DeviceForms outputs);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_NORMGRADIENT_H

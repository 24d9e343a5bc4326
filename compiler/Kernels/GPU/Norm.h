//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels that work on a row with one warp: layer norm, alone or behind the sum
// of embeddings, and the L2 norm of sentence embeddings. A row stays in
// registers, four neighbours of a lane at a time.
//
// Grid: blocksOfRows(rows) for all of them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_NORM_H
#define BERTC_COMPILER_KERNELS_GPU_NORM_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// Rows that one block of the kernels here computes.
constexpr int64_t rowsOfBlock = 8;

/// y[r] = (x[r] - mean) / sqrt(variance + epsilon) * gain + bias. Mean and
/// variance over the width, in two passes. Arguments: x, gain, bias, those of
/// `outputs`, epsilon (f32), rows (i32).
DeviceKernel layerNormKernel(GpuBuilder &k, DeviceRows shape,
                             DeviceForms outputs);

/// y[t] = layer_norm((word[ids[t]] + type[types[t]]) + position[positions[t]]).
/// Arguments: ids, types, positions, word, type, position, gain, bias, those of
/// `outputs`, epsilon (f32), rows (i32). Rows of tables are `shape.width`
/// elements rounded up to 16 apart.
DeviceKernel embedNormKernel(GpuBuilder &k, DeviceRows shape,
                             DeviceForms outputs);

/// y[t] = table[ids[t]]. Arguments: ids, table, those of `outputs`, rows.
DeviceKernel embedKernel(GpuBuilder &k, DeviceRows shape, DeviceForms outputs);

/// y[r] = x[r] / max(|x[r]|_2, 1e-12). Arguments: x, those of `outputs`, rows.
DeviceKernel normalizeKernel(GpuBuilder &k, DeviceRows shape,
                             DeviceForms outputs);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_NORM_H

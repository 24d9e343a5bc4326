//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Data movement and elementwise work outside of the big kernels: pooling, sums,
// activations, copies and the caller's outputs. A thread has four neighbouring
// columns, or one of a dense output.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ROWS_H
#define BERTC_COMPILER_KERNELS_GPU_ROWS_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/CPU/Rows.h"
#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// Columns that one block of these kernels computes: the grid is (rows,
/// blocksOfColumns(columns)) for all of them.
constexpr int64_t columnsOfBlock = 512;
inline int64_t blocksOfColumns(int64_t columns) {
  return (columns + columnsOfBlock - 1) / columnsOfBlock;
}

/// y = x + z. Arguments: x, z, those of `outputs`.
DeviceKernel addKernel(GpuBuilder &k, DeviceRows shape, DeviceForms outputs);

/// y = activation(x), a copy for None. Arguments: x, those of `outputs`. Rows
/// of y are `outputStride` apart.
DeviceKernel activationKernel(GpuBuilder &k, ActivationFunction activation,
                              DeviceRows shape, DeviceForms outputs,
                              int64_t outputStride);

/// y[s] = pooled rows [offsets[s], offsets[s + 1]) of x; a row of the grid is a
/// sequence. Arguments: offsets, x, those of `outputs`. Rows of y are
/// `outputStride` apart.
DeviceKernel poolKernel(GpuBuilder &k, Pooling mode, DeviceRows shape,
                        DeviceForms outputs, int64_t outputStride);

/// Row r of x goes to row map[r] of dense rows of `shape.width` elements, or to
/// row r. Arguments: x, [map,] out.
DeviceKernel outputKernel(GpuBuilder &k, DeviceRows shape, bool mapped);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ROWS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gradients of what Rows.h and the embeddings compute.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ROWSGRADIENT_H
#define BERTC_COMPILER_KERNELS_GPU_ROWSGRADIENT_H

#include "compiler/Kernels/CPU/Rows.h"
#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// dx = dy * derivative of the activation at x. Arguments: dy, x, those of
/// `outputs`; rows of dx are `outputStride` apart. Grid: (rows,
/// blocksOfColumns(columns)).
DeviceKernel activationGradientKernel(GpuBuilder &k,
                                      ActivationFunction activation,
                                      DeviceRows shape, DeviceForms outputs,
                                      int64_t outputStride);

/// Rows [offsets[s], offsets[s + 1]) of dx from row s of dy: cls gives it to
/// the first row; mean and mean_sqrt_len divide it among all; max gives each
/// column to the first row of x with the largest value there. Arguments:
/// offsets, [x for max,] dy, those of `outputs`. `shape` is that of dx and x,
/// rows of dy are `dyStride` apart. Grid: (sequences, blocksOfColumns(columns),
/// ceil(longest / rowsOfPoolGradient)).
DeviceKernel poolGradientKernel(GpuBuilder &k, Pooling mode, DeviceRows shape,
                                DeviceForms outputs, int64_t dyStride);
constexpr int64_t rowsOfPoolGradient = 32;

/// table[ids[t]] += dy[t]: what a row of the table gets is added in an order
/// that depends on the number of rows alone, in rising order of t if the table
/// has more than fewTableRows. Arguments: ids, dy, table, rows (i32). Rows of
/// the table are `shape.width` elements rounded up to 16 apart. Grid:
/// (columns / columnsOfSums, tableRows) for few rows, blocksOfRows(rows) for
/// more.
DeviceKernel embedGradientKernel(GpuBuilder &k, DeviceRows shape,
                                 int64_t tableRows);
constexpr int64_t fewTableRows = 8;

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ROWSGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows as products of int8 read them, with the bits of the CPU's int8_tile (see
// Kernels/CPU/Stage.h): blocks of a row are turned by a Hadamard matrix, as the
// weights were when they were packed, and the range from its least to its
// largest element, with 0 inside, is spread over all 256 integers. An element
// that is not a number counts as the least.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_QUANTIZE_H
#define BERTC_COMPILER_KERNELS_GPU_QUANTIZE_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

class WarpRow;

/// Writes `row`, which a warp has in registers, as row `number` of the form
/// int8.
void writeInt8(GpuBuilder &k, const WarpRow &row, RowWriter &writer,
               mlir::Value number);

/// For producers that have no whole rows at hand: rows of float32, or of one
/// plane, as int8. Arguments: x, bytes, scales (see DeviceRows.h), rows (i32).
/// Grid: ceil(rows / quantizedRowsOfBlock(shape)).
DeviceKernel quantizeKernel(GpuBuilder &k, DeviceRows shape, DeviceForms input);
int64_t quantizedRowsOfBlock(DeviceRows shape);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_QUANTIZE_H

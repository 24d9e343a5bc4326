//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Losses with their gradients: one number for a batch, as in
// compiler/Kernels/CPU/Loss.h. Heads have few columns, so one block does it,
// and its sums have an order that depends on the numbers of rows and sequences
// alone.
//
// Rows of the gradient are written up to their stride. Grid of all kernels: 1.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_LOSS_H
#define BERTC_COMPILER_KERNELS_GPU_LOSS_H

#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// The mean of log(sum_j exp(x[r][j])) - x[r][labels[r]] over the rows whose
/// label is in [0, width), 0 if there is none. Arguments: x, labels (i32
/// [rows]), loss (f32, written), those of `gradient`, rows (i32).
DeviceKernel crossEntropyKernel(GpuBuilder &k, DeviceRows shape,
                                DeviceForms gradient);

/// The mean of (x - target)^2 over all elements. Arguments: x, targets (f32
/// [rows][width], dense), loss, those of `gradient`, rows.
DeviceKernel meanSquaredErrorKernel(GpuBuilder &k, DeviceRows shape,
                                    DeviceForms gradient);

/// The mean of log(1 + exp(x)) - target * x over all elements. Arguments as
/// above.
DeviceKernel binaryCrossEntropyKernel(GpuBuilder &k, DeviceRows shape,
                                      DeviceForms gradient);

/// Rows are tokens. The mean of the cross entropies of columns 0 and 1 over the
/// tokens of each sequence, each column's over the labels that lie in their
/// sequence. Arguments: x, labels (i32 [sequences][2]), offsets, loss, those of
/// `gradient`, sequences (i32).
DeviceKernel spanLossKernel(GpuBuilder &k, DeviceRows shape,
                            DeviceForms gradient);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_LOSS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y = activation(x W^T + bias) + residual on the tensor cores of a GPU.
//
// Operands are planes of 16 bits, sums are float32 and stay in registers over
// the whole depth. Which elements are added in which order depends on
// `plan.splits` only, not on blocks or the number of rows. Sums of int8 are
// int32, which have no order.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_LINEAR_H
#define BERTC_COMPILER_KERNELS_GPU_LINEAR_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Plan/DevicePlan.h"

namespace bertc {

struct DeviceLinearShape {
  int64_t depth = 0;       // padded to 16
  int64_t columns = 0;     // padded to 16
  int64_t inputStride = 0; // elements from row to row of a plane of x
  int64_t planes = 1;      // of x and of the weights
  HalfType type = HalfType::BF16;
  bool int8 = false; // operands are bytes, one plane of them
  bool bias = true;
  ActivationFunction activation = ActivationFunction::None;
  bool residual = false; // float32 rows
  int64_t residualStride = 0;
  DeviceForms outputs;
  int64_t outputStride = 0;
  DeviceForms before; // what the activation is of, where it is wanted
  int64_t beforeStride = 0;

  DeviceLinearFacts facts() const;
};

/// Arguments, in this order:
///   x                 planes [planes][rows][inputStride]
///   x plane stride    i64, elements from plane to plane
///   weights           planes [planes][columns][depth]
///   scales            of x, of the weights [columns] f32 and sums of their
///                     columns [columns] i32, if shape.int8; see below
///   bias              [columns] f32, if shape.bias
///   residual          [rows][residualStride] f32, if shape.residual
///   those of RowWriter for shape.outputs, and for shape.before
///   partials, tickets if plan.splits > 1, see below
///   rows              i32, at least 1
/// All pointers are aligned to 16 bytes, strides multiples of 16 elements.
/// Grid: linearGrid(shape, plan, rows).
///
/// With int8 the scales of x are those of DeviceRows.h for each row; a sum s is
/// float(s - zero * column sum) * (step * column scale), as on the CPU.
///
/// With splits, blocks leave their sums in `partials` and the last one of a
/// tile to arrive adds them in the order of the depth. It knows by `tickets`,
/// i32, which are zero before the first launch and zero again after each.
///
/// With wgmma, x and weights are tensor maps of two dimensions: `depth` columns
/// of 16 bits, and all rows of all planes, inputStride (depth) elements apart;
/// boxes of 64 columns and linearBoxRows() rows, permuted in 128 bytes, zeros
/// outside. x plane stride is a multiple of inputStride. Blocks share the tiles
/// whatever the grid is, so that as many as run at a time are enough, and hide
/// the copies of a tile behind the end of the one before; its y is a multiple
/// of plan.cluster.
DeviceKernel linearKernel(GpuBuilder &k, const DeviceLinearShape &shape,
                          const DeviceLinearPlan &plan);

/// Rows of a box of x and of the weights, for their tensor maps.
std::pair<int64_t, int64_t> linearBoxRows(const DeviceLinearPlan &plan);

struct DeviceGrid {
  int64_t x = 1, y = 1, z = 1;
};
/// x: blocks of columns, y: blocks of rows, z: splits; with wgmma, y has all
/// tiles. Only y depends on rows: it is that of one row times ceil(rows /
/// (plan.blockRows * plan.cluster)).
DeviceGrid linearGrid(const DeviceLinearShape &shape,
                      const DeviceLinearPlan &plan, int64_t rows);

/// Bytes of `partials` and number of `tickets` for `rows`; 0 without splits.
/// Both are (blocks of rows) times a constant.
int64_t linearPartialBytes(const DeviceLinearShape &shape,
                           const DeviceLinearPlan &plan, int64_t rows);
int64_t linearTickets(const DeviceLinearShape &shape,
                      const DeviceLinearPlan &plan, int64_t rows);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_LINEAR_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradients of y = x W^T + bias: dx = dy W and W += dy^T x, on the tensor
// cores of a GPU.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_LINEARGRADIENT_H
#define BERTC_COMPILER_KERNELS_GPU_LINEARGRADIENT_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Kernels/GPU/Linear.h"
#include "compiler/Plan/DevicePlan.h"

namespace bertc {

/// depth and columns are those of the layer: x has `depth` columns, dy has
/// `columns`, both padded to 16.
struct DeviceInputGradientShape {
  int64_t depth = 0;
  int64_t columns = 0;
  int64_t gradientStride = 0; // elements from row to row of a plane of dy
  int64_t planes = 1;         // of dy and of the weights
  HalfType type = HalfType::BF16;
  bool plus = false; // float32 rows that are added
  int64_t plusStride = 0;
  /// dx is that of what the activation makes of `before`, float32 rows or a
  /// plane.
  ActivationFunction activation = ActivationFunction::None;
  bool beforePlane = false;
  int64_t beforeStride = 0;
  DeviceForms outputs; // dx
  int64_t outputStride = 0;
  DeviceForms activated; // activation(before), where it is wanted
  int64_t activatedStride = 0;

  DeviceLinearFacts facts() const; // of the product
};

/// dx = (dy W + plus) * activation'(before). Arguments, in this order:
///   dy                planes [planes][rows][gradientStride]
///   dy plane stride   i64, elements from plane to plane
///   weights           planes [planes][columns][depth]
///   plus              [rows][plusStride] f32, if shape.plus
///   before            [rows][beforeStride] f32 or shape.type, if there is an
///                     activation
///   those of RowWriter for `outputs`, and for `activated`
///   partials, tickets if plan.splits > 1, see linearKernel
///   rows              i32, at least 1
/// Grid: (blocks of depth, blocks of rows, splits of columns).
DeviceKernel inputGradientKernel(GpuBuilder &k,
                                 const DeviceInputGradientShape &shape,
                                 const DeviceLinearPlan &plan);
DeviceGrid inputGradientGrid(const DeviceInputGradientShape &shape,
                             const DeviceLinearPlan &plan, int64_t rows);

struct DeviceWeightGradientShape {
  int64_t depth = 0;
  int64_t columns = 0;
  int64_t inputStride = 0;    // of a plane of x
  int64_t gradientStride = 0; // of a plane of dy
  int64_t planes = 1;
  HalfType type = HalfType::BF16;
  /// Layers that read the same x: dy has their columns side by side, as many of
  /// each (a multiple of 16).
  int64_t parts = 1;
};

/// gradient += dy^T x, float32 panels [columns / 16][depth][16] as the trainer
/// keeps weights. Sums over rows have one order. Arguments: x, its plane stride
/// (i64), dy, its plane stride (i64), gradients of each part, partials and
/// tickets if plan.splits > 1, see linearKernel, rows (i32, at least 1).
/// Grid: (blocks of columns, blocks of depth, splits of rows).
DeviceKernel weightGradientKernel(GpuBuilder &k,
                                  const DeviceWeightGradientShape &shape,
                                  const DeviceLinearPlan &plan);
DeviceGrid weightGradientGrid(const DeviceWeightGradientShape &shape,
                              const DeviceLinearPlan &plan);

/// Bytes of `partials` and number of `tickets` of a launch; 0 without splits.
int64_t gradientPartialBytes(const DeviceGrid &grid,
                             const DeviceLinearPlan &plan);
int64_t gradientTickets(const DeviceGrid &grid, const DeviceLinearPlan &plan);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_LINEARGRADIENT_H

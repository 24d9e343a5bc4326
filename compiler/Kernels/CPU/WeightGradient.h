//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradients of the weight and the bias of y = x W^T + bias.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_WEIGHTGRADIENT_H
#define BERTC_COMPILER_KERNELS_CPU_WEIGHTGRADIENT_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

/// Sizes are padded ones.
struct WeightGradientShape {
  int64_t depth = 0;   // k, columns of x
  int64_t columns = 0; // n, columns of dy; a multiple of 16
  int64_t inputStride = 0;
  int64_t outputStride = 0; // of dy
  bool bias = true;
  bool bf16 = false; // x, for bf16_tile: two columns in a word
};

struct WeightGradientOperands {
  Place x;       // [rows][depth]
  Place dy;      // [rows][columns]
  Place weight;  // added to: panels [n/16][k][16], from panel 0
  Place bias;    // added to: [n]; unused where the shape has none
  Place scratch; // weightGradientScratch() words
  mlir::Value rows;
  mlir::Value panelBegin; // the panels that this call computes
  mlir::Value panelEnd;
};

int64_t weightGradientScratch(const WeightGradientPlan &plan);
/// Of a plan whose arithmetic is bf16_tile, and its kernel.
int64_t weightGradientTileScratch(const WeightGradientPlan &plan);
void emitWeightGradientTiles(KernelBuilder &k, const WeightGradientShape &shape,
                             const WeightGradientPlan &plan,
                             const WeightGradientOperands &operands);

/// weight[n][k] += sum over rows of dy[row][n] * x[row][k], bias[n] += sum of
/// dy[row][n], both in rising order of the rows: whatever the blocks and the
/// threads, which own columns, the bits are the same.
void callWeightGradient(KernelBuilder &k, const WeightGradientShape &shape,
                        const WeightGradientPlan &plan,
                        const WeightGradientOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_WEIGHTGRADIENT_H

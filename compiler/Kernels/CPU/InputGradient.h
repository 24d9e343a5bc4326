//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of the input of y = x W^T + bias.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_INPUTGRADIENT_H
#define BERTC_COMPILER_KERNELS_CPU_INPUTGRADIENT_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Plan/Plan.h"

namespace bertc {

/// Sizes are padded ones.
struct InputGradientShape {
  int64_t depth = 0;   // k, columns of dx
  int64_t columns = 0; // n, columns of dy
  int64_t inputStride = 0;
  int64_t outputStride = 0; // of dy
  /// dx is multiplied with the derivative of this activation at `before`.
  ActivationFunction activation = ActivationFunction::None;
  int64_t beforeStride = 0;
  /// The gradient of other uses of the input is added.
  bool plus = false;
  int64_t plusStride = 0;
};

struct InputGradientOperands {
  Place dy, dx;
  Place weight; // panels [n/16][k][16], from panel 0: as the forward pass reads
                // it
  Place before, plus; // unused where the shape has none; `plus` may be dx
  Place scratch;      // inputGradientScratch() words
  mlir::Value rows;
  mlir::Value panelBegin; // panels of 16 columns of dx that this call computes
  mlir::Value panelEnd;
};

int64_t inputGradientScratch(const LinearPlan &plan);

/// dx[row][k] = sum over n of dy[row][n] * weight[n][k] in rising order of n,
/// times the derivative, plus `plus`. The plan is that of a linear layer of
/// depth n and k columns in float32.
void callInputGradient(KernelBuilder &k, const InputGradientShape &shape,
                       const LinearPlan &plan,
                       const InputGradientOperands &operands);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_INPUTGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The activations that models have, and their derivatives.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ACTIVATION_H
#define BERTC_COMPILER_KERNELS_CPU_ACTIVATION_H

#include "llvm/ADT/StringRef.h"

namespace mlir {
class Location;
class OpBuilder;
class Value;
} // namespace mlir

namespace bertc {

enum class ActivationFunction { None, Gelu, GeluTanh, Relu, Silu, Tanh };
llvm::StringRef activationFunctionName(ActivationFunction activation);

/// Emits the activation on f32 or a vector of f32.
mlir::Value emitActivation(mlir::OpBuilder &b, mlir::Location loc,
                           ActivationFunction activation, mlir::Value x);

/// And its derivative at x.
mlir::Value emitActivationDerivative(mlir::OpBuilder &b, mlir::Location loc,
                                     ActivationFunction activation,
                                     mlir::Value x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ACTIVATION_H

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

#include "compiler/Kernels/CPU/KernelBuilder.h"

namespace bertc {

enum class ActivationFunction { None, Gelu, GeluTanh, Relu, Silu, Tanh };
llvm::StringRef activationFunctionName(ActivationFunction activation);

/// Emits the activation on a vector or scalar of f32.
mlir::Value emitActivation(KernelBuilder &k, ActivationFunction activation,
                           mlir::Value x);

/// And its derivative at x.
mlir::Value emitActivationDerivative(KernelBuilder &k,
                                     ActivationFunction activation,
                                     mlir::Value x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ACTIVATION_H

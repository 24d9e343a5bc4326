//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activation functions of a thread: those of processors, but that quotients are
// within 2 units in the last place (div.approx) rather than rounded. Rounded
// ones are a function call with a branch, five times the rest.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H
#define BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

/// Of one f32; `x` itself for ActivationFunction::None.
mlir::Value emitDeviceActivation(GpuBuilder &k, ActivationFunction activation,
                                 mlir::Value x);
mlir::Value emitDeviceActivationDerivative(GpuBuilder &k,
                                           ActivationFunction activation,
                                           mlir::Value x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activation functions of a thread: those of processors, but that quotients are
// within 2 units in the last place rather than rounded. Rounded ones are a
// function call with a branch, five times the rest.
//
// Where all that is kept of y is a bfloat16, y = x / 2 (1 + tanh p) with a
// polynomial p of x: one instruction for the tanh and seven more, a third of
// what the others are. tanh.approx is within 2^-11 of its result, the rounding
// to bfloat16 within 2^-8. An epilogue has to be short, or tensor cores wait
// for it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H
#define BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H

#include "compiler/Kernels/CPU/Activation.h"
#include "compiler/Kernels/GPU/DeviceRows.h"

namespace bertc {

/// Of one f32; `x` itself for ActivationFunction::None. `forms` are all that is
/// kept of the result.
mlir::Value emitDeviceActivation(GpuBuilder &k, ActivationFunction activation,
                                 mlir::Value x, const DeviceForms &forms);
mlir::Value emitDeviceActivationDerivative(GpuBuilder &k,
                                           ActivationFunction activation,
                                           mlir::Value x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_DEVICEACTIVATION_H

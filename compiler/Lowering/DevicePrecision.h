//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What matrix products of a GPU read of each value: planes of 16 bits, whose
// sum it is (Kernels/GPU/DeviceRows.h).
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_DEVICEPRECISION_H
#define BERTC_COMPILER_LOWERING_DEVICEPRECISION_H

#include "compiler/Target/Precision.h"

namespace bertc {

enum class HalfType; // Kernels/GPU/GpuBuilder.h

struct DevicePrecision {
  int64_t planes;
  HalfType type;
  bool int8; // products of weights read int8 instead
};

/// Of a precision that GPUs have.
DevicePrecision devicePrecision(Precision precision);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_DEVICEPRECISION_H

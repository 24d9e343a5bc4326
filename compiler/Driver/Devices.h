//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the fused program to the code of one kind of GPU after the other.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_DEVICES_H
#define BERTC_COMPILER_DRIVER_DEVICES_H

#include "compiler/Driver/Variants.h"
#include "compiler/Target/Device.h"

namespace bertc {

/// Adds the code of `targets` to `variants`, up to `stage`, and what they need
/// of the weights behind the weights of processors. Fails with what `problems`
/// collected from MLIR's diagnostics.
llvm::Error lowerDevices(mlir::ModuleOp fused,
                         llvm::ArrayRef<const DeviceTarget *> targets,
                         Precision precision, Stage stage, PhaseTimes &times,
                         const std::string &problems, Variants &variants);

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_DEVICES_H

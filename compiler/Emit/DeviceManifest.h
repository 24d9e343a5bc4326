//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of the manifest about GPUs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_DEVICEMANIFEST_H
#define BERTC_COMPILER_EMIT_DEVICEMANIFEST_H

#include "compiler/Emit/Library.h"

namespace llvm::json {
class OStream;
} // namespace llvm::json

namespace bertc {

/// The attributes of an entry of the manifest's "device_variants".
void writeDeviceVariant(llvm::json::OStream &json,
                        const DeviceVariantCode &variant);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_DEVICEMANIFEST_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes of the Lowering room.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_PASSES_H
#define BERTC_COMPILER_LOWERING_PASSES_H

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Pass/Pass.h"

namespace bertc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "compiler/Lowering/Passes.h.inc"
} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_PASSES_H

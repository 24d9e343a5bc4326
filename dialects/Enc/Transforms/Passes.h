//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes over the enc dialect.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_H
#define BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir::enc {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_PASSES_H

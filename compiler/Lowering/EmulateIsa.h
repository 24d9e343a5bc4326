//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The second lowering of every special instruction: plain arithmetic with the
// same result, so that the program of a processor runs on any other.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_EMULATEISA_H
#define BERTC_COMPILER_LOWERING_EMULATEISA_H

#include "mlir/IR/BuiltinOps.h"

namespace mlir::LLVM {
class CallIntrinsicOp;
} // namespace mlir::LLVM

namespace bertc {

class KernelBuilder;

/// Replaces the intrinsics of the instruction sets `bits` (BERTC_CPU_*) in the
/// kernels of `module`. Errors are reported at the op that has no emulation.
mlir::LogicalResult emulateIsa(mlir::ModuleOp module, uint64_t bits);

//===----------------------------------------------------------------------===//
// Private to the room.
//===----------------------------------------------------------------------===//

/// acc + a * b, rounded once, where subnormal operands and results count as a
/// zero of their sign, as in all BF16 products of x86. Vectors of float32.
mlir::Value emitFlushingFma(KernelBuilder &k, mlir::Value a, mlir::Value b,
                            mlir::Value acc);
/// Subnormal lanes replaced by a zero of their sign.
mlir::Value emitFlush(KernelBuilder &k, mlir::Value x);

/// acc[i] + the sum of the four products of bytes of a[i] and b[i], all
/// vector<Nxi32>; the bytes of `a` have a sign or not.
mlir::Value emitByteProducts(KernelBuilder &k, mlir::Value acc, mlir::Value a,
                             mlir::Value b, bool isSigned);

/// The AMX intrinsics. Tiles and their configuration live on the stack of the
/// module's public functions; private functions that use them get a pointer.
mlir::LogicalResult emulateTiles(mlir::ModuleOp module);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_EMULATEISA_H

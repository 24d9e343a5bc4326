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
#ifndef BERTC_COMPILER_LOWERING_PASSES_TD
#define BERTC_COMPILER_LOWERING_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerToKernelsPass : Pass<"enc-lower-to-kernels", "::mlir::ModuleOp"> {
  let summary = "the stage from plan to kernels";
  let description = [{
    Replaces a planned module by the forward function of its target,
    `@bertc_forward_<target>`, and the kernels it calls. Batches of fewer tokens
    than `enc.row_split_tokens` take the branch that splits work by column
    panels, others the one that splits it by rows.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // BERTC_COMPILER_LOWERING_PASSES_TD

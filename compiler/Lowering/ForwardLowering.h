//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// From the fused and planned forward function to calls of kernels: the body of
// the one parallel region. A module with a training function has another for
// it, which shares weights and kernels.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_FORWARDLOWERING_H
#define BERTC_COMPILER_LOWERING_FORWARDLOWERING_H

#include "compiler/Lowering/LoweredTraining.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <optional>

namespace bertc {

class KernelBuilder;

struct LoweredForward {
  mlir::OwningOpRef<mlir::ModuleOp> kernels; // scf + vector + memref + func
  std::string entry;                         // symbol, bertc_forward_fn
  bertc_workspace workspace;
  std::vector<PhaseInfo> phases;
  WeightLayout weights;
  std::vector<LoweredOutput> outputs;
  std::optional<LoweredTraining> training;
};

/// The outputs of a forward function, whose arguments and results are as
/// lowering expects them; what is not, is reported.
mlir::FailureOr<std::vector<LoweredOutput>>
verifyForward(mlir::func::FuncOp forward);

/// The same of a training function, whose loss is no output.
mlir::FailureOr<std::vector<LoweredOutput>>
verifyTraining(mlir::func::FuncOp train);

/// The function `name` of a call frame, a !llvm.ptr, and of the types `more`.
void emitEntry(KernelBuilder &k, llvm::StringRef name, mlir::TypeRange more,
               llvm::function_ref<void(mlir::ValueRange)> body);

/// Lowers @forward and, if there is one, @train of `module`, which must be
/// fused and carry the plans of one target. Errors are reported at the op that
/// has no lowering.
mlir::FailureOr<LoweredForward> lowerForward(mlir::ModuleOp module,
                                             llvm::StringRef variant);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_FORWARDLOWERING_H

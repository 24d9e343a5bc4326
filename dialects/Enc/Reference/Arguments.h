//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Inputs of the interpreter: how a batch becomes arguments, and everything that
// must hold of arguments so that no op has to check them again.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_ARGUMENTS_H
#define BERTC_DIALECTS_ENC_REFERENCE_ARGUMENTS_H

#include "dialects/Enc/Reference/Interpreter.h"

namespace mlir::enc::reference {

/// The batch in the order of the arguments of `forward`.
FailureOr<std::vector<Tensor>> bindInputs(func::FuncOp forward,
                                          const ModelInputs &inputs);

/// `function` has one block, each argument the shape of its type, all tokens
/// arguments the same number of rows, all sequences arguments one row less
/// than offsets have, and offsets rise from 0 to the number of tokens without
/// an empty sequence.
LogicalResult checkArguments(func::FuncOp function, ArrayRef<Tensor> arguments);

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_ARGUMENTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The oracle: runs a function of `enc` ops, fused or not, in double precision.
// Every compiled path is judged by it, so it shares no code with the kernels.
// Anything that it cannot run is an error at the op, never a crash.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_INTERPRETER_H
#define BERTC_DIALECTS_ENC_REFERENCE_INTERPRETER_H

#include "dialects/Enc/Reference/WeightGradients.h"
#include "mlir/Support/LLVM.h"
#include <functional>
#include <string>

namespace mlir {
class Operation;
namespace func {
class FuncOp;
} // namespace func
} // namespace mlir

namespace mlir::enc::reference {

class WeightProvider;

/// A packed batch: one id, type and position for each token, and where the
/// sequences begin ([B + 1], from 0 to the number of tokens).
struct ModelInputs {
  std::vector<int32_t> ids;
  std::vector<int32_t> types;
  std::vector<int32_t> positions;
  std::vector<int32_t> offsets;
};

/// A result under its `enc.name`, or "result0" and so on without one.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct InterpreterOptions {
  /// Round every result of every op to float, as an implementation in f32
  /// with perfect kernels would.
  bool roundToFloat = false;
  /// Where gradients of weights are added up. A function that has some does not
  /// run without.
  WeightGradients *gradients = nullptr;
  /// Called after each op, in order of execution, for comparisons op by op.
  std::function<void(Operation *, ArrayRef<Tensor>)> observer;
};

/// Runs `function` on arguments of any `enc` types. Errors are diagnostics at
/// the op they concern.
FailureOr<std::vector<NamedTensor>>
interpret(func::FuncOp function, ArrayRef<Tensor> arguments,
          WeightProvider &weights, const InterpreterOptions &options = {});

/// Runs a model's forward function: its `!enc.tokens<i32>` arguments are ids,
/// types and positions in this order (or the first of them), its
/// `!enc.offsets` the offsets.
FailureOr<std::vector<NamedTensor>>
interpret(func::FuncOp forward, const ModelInputs &inputs,
          WeightProvider &weights, const InterpreterOptions &options = {});

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_INTERPRETER_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The first ops of a training function that nothing learns in and of which the
// rest needs the rows of one value only: training can begin with those rows, as
// the inference function computes them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_FROZENPREFIX_H
#define BERTC_COMPILER_LOWERING_FROZENPREFIX_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <string>
#include <vector>

namespace bertc {

/// The attribute of a training function that names the output of the inference
/// function that training may begin with.
inline constexpr llvm::StringLiteral frozenOutputName = "enc.frozen_output";

struct FrozenPrefix {
  mlir::Operation *last = nullptr; ///< The last op of the prefix.
  mlir::Value rows;                ///< Its result.
  /// What the rows are: "hidden_states.<n>", "last_hidden_state" or
  /// "pooler_output".
  std::string output;
};

/// The prefixes of a function, each longer than the one before.
std::vector<FrozenPrefix> findFrozenPrefixes(mlir::func::FuncOp train);

/// The one that `frozenOutputName` names; no `last` without the attribute.
FrozenPrefix frozenPrefix(mlir::func::FuncOp train);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_FROZENPREFIX_H

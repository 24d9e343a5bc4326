//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which outputs the probabilities of attention are. They have no memory but the
// caller's: attention writes them there, if the caller wants them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_ATTENTIONS_H
#define BERTC_COMPILER_LOWERING_ATTENTIONS_H

#include "dialects/Enc/IR/EncOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <optional>

namespace bertc {

/// Output `number` of the function; in a loop, that of the trip `layer`.
struct AttentionsOutput {
  int64_t number;
  std::optional<int64_t> layer;
};
using AttentionsOutputs = llvm::SmallVector<AttentionsOutput>;

/// The outputs that `op` writes, by number.
AttentionsOutputs attentionsOutputs(mlir::enc::FusedAttentionOp op);

/// Fails unless each result of the function that is of scores is written by
/// attention, and no two are the same.
mlir::LogicalResult verifyAttentions(mlir::func::FuncOp function);

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_ATTENTIONS_H

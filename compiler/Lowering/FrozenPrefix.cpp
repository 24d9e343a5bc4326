//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A weight that learns shows: the backward pass reads what its op read, so more
// than one value goes from the prefix to the rest.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/FrozenPrefix.h"
#include "dialects/Enc/IR/EncOps.h"

using namespace mlir;
using namespace bertc;

/// The name of what `op` computes, if inference has it as an output.
static std::string outputOf(Operation *op) {
  if (auto layers = dyn_cast<enc::LayersOp>(op)) {
    if (layers.getEndTrip() == int64_t(layers.getTripCount()))
      return "last_hidden_state";
    return "hidden_states." + std::to_string(layers.getEndTrip());
  }
  auto tanh = dyn_cast<enc::TanhOp>(op);
  auto dense = tanh ? tanh.getInput().getDefiningOp<enc::LinearOp>() : nullptr;
  return dense && dense.getWeight() == "pooler_weight" ? "pooler_output" : "";
}

/// Whether `op`'s first result is all that ops behind it use of what it and the
/// ops before it compute.
static bool isCut(Operation *op) {
  Block &block = *op->getBlock();
  for (Operation &before : block) {
    for (Value value : before.getResults())
      for (Operation *user : value.getUsers())
        if (op->isBeforeInBlock(block.findAncestorOpInBlock(*user)) &&
            value != op->getResult(0))
          return false;
    if (&before == op)
      return true;
  }
  return false;
}

std::vector<FrozenPrefix> bertc::findFrozenPrefixes(func::FuncOp train) {
  std::vector<FrozenPrefix> prefixes;
  for (Operation &op : train.getBody().front())
    if (std::string output = outputOf(&op); !output.empty() && isCut(&op))
      prefixes.push_back({&op, op.getResult(0), output});
  return prefixes;
}

FrozenPrefix bertc::frozenPrefix(func::FuncOp train) {
  if (auto wanted = train->getAttrOfType<StringAttr>(frozenOutputName))
    for (FrozenPrefix &prefix : findFrozenPrefixes(train))
      if (prefix.output == wanted)
        return prefix;
  return {};
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Read backwards, from the results of the function on: one is what attention
// made, or an entry of the stack of what attention made in each trip.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/Attentions.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace bertc;

namespace {
struct Source {
  enc::FusedAttentionOp attention; // null if it is another op
  std::optional<int64_t> layer;

  bool operator==(const Source &other) const {
    return attention == other.attention && layer == other.layer;
  }
};
} // namespace

static Source sourceOf(Value value) {
  std::optional<int64_t> layer;
  if (auto entry = value.getDefiningOp<enc::EntryOp>())
    if (auto stack = dyn_cast<OpResult>(entry.getStack()))
      if (auto layers = dyn_cast<enc::LayersOp>(stack.getOwner())) {
        auto yield = cast<enc::YieldOp>(layers.getBody().front().back());
        layer = layers.getFirstTrip() + int64_t(entry.getIndex());
        value = yield.getSaved()[stack.getResultNumber() - 1 -
                                 layers.getCollect().size()];
      }
  auto attention = value.getDefiningOp<enc::FusedAttentionOp>();
  if (!attention || value != attention.getProbabilities())
    return {};
  return {attention, layer};
}

AttentionsOutputs bertc::attentionsOutputs(enc::FusedAttentionOp op) {
  AttentionsOutputs outputs;
  if (!op.getProbabilities())
    return outputs;
  auto function = op->getParentOfType<func::FuncOp>();
  Operation *end = function.getBody().front().getTerminator();
  for (auto [number, value] : llvm::enumerate(end->getOperands()))
    if (Source source = sourceOf(value); source.attention == op)
      outputs.push_back({int64_t(number), source.layer});
  return outputs;
}

LogicalResult bertc::verifyAttentions(func::FuncOp function) {
  SmallVector<Source> known;
  Operation *end = function.getBody().front().getTerminator();
  for (auto [number, value] : llvm::enumerate(end->getOperands())) {
    if (!isa<enc::ScoresType>(value.getType()))
      continue;
    Source source = sourceOf(value);
    if (!source.attention)
      return function.emitOpError("result ")
             << number << " is of scores, but not the probabilities of an "
             << "enc.fused_attention, or an enc.entry of them";
    if (llvm::is_contained(known, source))
      return function.emitOpError("result ")
             << number << " are probabilities that another result is, too";
    known.push_back(source);
  }
  return success();
}

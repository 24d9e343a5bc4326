//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The kernel adds in the order of transformers' BertEmbeddings, (word + type) +
// position, and float addition is not associative: only that shape is fused.
//
//===----------------------------------------------------------------------===//

#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Transforms/FusionReport.h"
#include "dialects/Enc/Transforms/Passes.h"

namespace mlir::enc {
#define GEN_PASS_DEF_FUSEEMBEDDINGSPASS
#include "dialects/Enc/Transforms/Passes.h.inc"
} // namespace mlir::enc

using namespace mlir;
using namespace mlir::enc;

/// Embeddings below a tree of sums, counted up to four, and at most four: a sum
/// of sums with itself has exponentially many. None if something else is
/// summed.
static int countTables(Value value) {
  SmallVector<Value, 8> open = {value};
  int tables = 0;
  while (!open.empty() && tables < 4) {
    Value next = open.pop_back_val();
    if (next.getDefiningOp<EmbedOp>()) {
      ++tables;
      continue;
    }
    auto add = next.getDefiningOp<AddOp>();
    if (!add)
      return 0;
    open.append({add.getLhs(), add.getRhs()});
  }
  return tables;
}

static void fuse(LayerNormOp norm, FusionReport &report) {
  int tables = countTables(norm.getInput());
  if (tables == 0)
    return; // no norm of embeddings
  if (tables != 3)
    return report.missed(
        norm, Twine("sums ") + (tables > 3 ? "more than 3" : Twine(tables)) +
                  " embeddings, expected 3 (word, type and "
                  "position)");
  auto outer = norm.getInput().getDefiningOp<AddOp>();
  auto inner = outer.getLhs().getDefiningOp<AddOp>();
  auto position = outer.getRhs().getDefiningOp<EmbedOp>();
  if (!inner || !position)
    return report.missed(norm, "adds in another order than (word + type) + "
                               "position");
  auto word = inner.getLhs().getDefiningOp<EmbedOp>();
  auto type = inner.getRhs().getDefiningOp<EmbedOp>();
  Operation *chain[] = {word, type, inner, position, outer};
  for (Operation *op : chain)
    if (!op->getResult(0).hasOneUse())
      return report.missed(norm, "the result of " +
                                     op->getName().getStringRef() +
                                     " has other uses");
  OpBuilder b(norm);
  auto fused = FusedEmbedNormOp::create(
      b, norm.getLoc(), norm.getType(), word.getIds(), type.getIds(),
      position.getIds(), word.getTableAttr(), type.getTableAttr(),
      position.getTableAttr(), norm.getGainAttr(), norm.getBiasAttr(),
      norm.getEpsilonAttr(), /*plan=*/Attribute());
  norm.replaceAllUsesWith(fused.getResult());
  norm.erase();
  outer.erase();
  inner.erase();
  for (EmbedOp embed : {word, type, position})
    embed.erase();
  report.passed(fused);
}

namespace {
struct FuseEmbeddingsPass
    : public enc::impl::FuseEmbeddingsPassBase<FuseEmbeddingsPass> {
  using Base::Base;

  void runOnOperation() override {
    if (failed(
            fuseEach<LayerNormOp>(getOperation(), "embeddings", require, fuse)))
      signalPassFailure();
  }
};
} // namespace

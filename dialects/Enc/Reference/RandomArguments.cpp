//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The rows of a table are found through every use of an argument as an operand
// of an embedding, fused or not.
//
//===----------------------------------------------------------------------===//
#include "dialects/Enc/Reference/RandomArguments.h"
#include "dialects/Enc/IR/EncOps.h"
#include "dialects/Enc/Reference/RandomNumbers.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <algorithm>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mlir::enc;
using namespace mlir::enc::reference;

static std::optional<StringRef> getTable(OpOperand &use) {
  if (auto embed = dyn_cast<EmbedOp>(use.getOwner()))
    return embed.getTable();
  auto fused = dyn_cast<FusedEmbedNormOp>(use.getOwner());
  if (!fused)
    return std::nullopt;
  StringRef tables[] = {fused.getWordTable(), fused.getTypeTable(),
                        fused.getPositionTable()};
  return tables[use.getOperandNumber()];
}

/// What the labels of a loss range over, if `use` is one.
static std::optional<int64_t> countClasses(OpOperand &use) {
  if (use.getOperandNumber() != 1)
    return std::nullopt;
  if (isa<CrossEntropyOp, CrossEntropyGradientOp>(use.getOwner()))
    return getRowShape(use.getOwner()->getOperand(0).getType())[0];
  // Places in a sequence: some lie outside of it, and so do not count.
  if (isa<SpanLossOp, SpanLossGradientOp>(use.getOwner()))
    return 6;
  return std::nullopt;
}

/// The rows of the smallest table that `ids` index, or the classes that they
/// are labels of; 1 if there is neither.
static int64_t countRows(Value ids) {
  int64_t rows = std::numeric_limits<int64_t>::max();
  for (OpOperand &use : ids.getUses())
    if (auto classes = countClasses(use))
      rows = std::min(rows, *classes);
    else if (auto table = getTable(use))
      if (auto weight = SymbolTable::lookupNearestSymbolFrom<WeightOp>(
              use.getOwner(), StringAttr::get(ids.getContext(), *table)))
        rows = std::min(rows,
                        cast<RankedTensorType>(weight.getType()).getDimSize(0));
  return rows == std::numeric_limits<int64_t>::max() ? 1 : rows;
}

static Tensor randomRows(Value argument, int64_t rows, RandomNumbers &numbers) {
  SmallVector<int64_t> shape{rows};
  llvm::append_range(shape, getRowShape(argument.getType()));
  Tensor tensor(shape);
  if (getRowElementType(argument.getType()).isInteger(32)) {
    int64_t limit = countRows(argument);
    for (double &value : tensor.data)
      value = static_cast<double>(numbers.next() % limit);
  } else {
    for (double &value : tensor.data)
      value = numbers.uniform(0.0, 2.0);
  }
  return tensor;
}

std::vector<Tensor> reference::randomArguments(func::FuncOp function,
                                               ArrayRef<int64_t> lengths,
                                               uint64_t seed) {
  int64_t tokens = std::accumulate(lengths.begin(), lengths.end(), int64_t(0));
  int64_t sequences = lengths.size();
  std::vector<Tensor> arguments;
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    RandomNumbers numbers("argument" + std::to_string(index), seed);
    Type type = argument.getType();
    if (isa<OffsetsType>(type)) {
      Tensor offsets({sequences + 1});
      std::partial_sum(lengths.begin(), lengths.end(),
                       offsets.data.begin() + 1);
      arguments.push_back(std::move(offsets));
    } else if (isa<RandomType>(type)) {
      Tensor random({2});
      random.data = {static_cast<double>(seed), 7.0};
      arguments.push_back(std::move(random));
    } else if (isa<TokensType, SequencesType>(type)) {
      arguments.push_back(randomRows(
          argument, isa<TokensType>(type) ? tokens : sequences, numbers));
    } else {
      arguments.emplace_back();
    }
  }
  return arguments;
}

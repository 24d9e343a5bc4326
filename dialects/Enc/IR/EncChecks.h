//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checks that verifiers of several ops share.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_IR_ENCCHECKS_H
#define BERTC_DIALECTS_ENC_IR_ENCCHECKS_H

#include "mlir/IR/SymbolTable.h"

namespace mlir::enc {

/// `!enc.tokens<i32>`.
bool isIds(Type type);

/// Rows of one dimension of floats.
bool isRow(Type type);

/// [3, N, D] of floats.
bool isQKV(Type type);

LogicalResult verifyPositive(Operation *op, StringRef label, StringRef name,
                             const APFloat &value);

/// The weight behind `symbol` has `shape` and the element type; -1 stands for
/// any number of rows. A layered weight belongs to a loop of as many trips.
LogicalResult verifyWeight(Operation *op, SymbolTableCollection &table,
                           StringRef label, StringRef role,
                           FlatSymbolRefAttr symbol, ArrayRef<int64_t> shape,
                           Type elementType);

/// The tables [rows, n], gain and bias [n] of an embedding with its norm.
template <typename Op>
LogicalResult verifyEmbedNormWeights(Op op, SymbolTableCollection &table,
                                     StringRef label, int64_t n, Type element) {
  auto check = [&](StringRef role, FlatSymbolRefAttr symbol,
                   ArrayRef<int64_t> shape) {
    return failed(verifyWeight(op, table, label, role, symbol, shape, element));
  };
  return failure(check("word table", op.getWordTableAttr(), {-1, n}) ||
                 check("type table", op.getTypeTableAttr(), {-1, n}) ||
                 check("position table", op.getPositionTableAttr(), {-1, n}) ||
                 check("gain", op.getGainAttr(), {n}) ||
                 check("bias", op.getBiasAttr(), {n}));
}

/// The weights [n, k] and biases [n] of query, key and value.
template <typename Op>
LogicalResult verifyQKVWeights(Op op, SymbolTableCollection &table,
                               StringRef label, int64_t n, int64_t k,
                               Type element) {
  auto check = [&](StringRef role, FlatSymbolRefAttr symbol,
                   ArrayRef<int64_t> shape) {
    return failed(verifyWeight(op, table, label, role, symbol, shape, element));
  };
  return failure(check("query", op.getQueryAttr(), {n, k}) ||
                 check("key", op.getKeyAttr(), {n, k}) ||
                 check("value", op.getValueAttr(), {n, k}) ||
                 check("query bias", op.getQueryBiasAttr(), {n}) ||
                 check("key bias", op.getKeyBiasAttr(), {n}) ||
                 check("value bias", op.getValueBiasAttr(), {n}));
}

/// The trips of a loop: `from` and `to`, checked by `label`, within the trip
/// count, checked by `countLabel`.
LogicalResult verifyTrips(Operation *op, StringRef countLabel, StringRef label,
                          int64_t count, int64_t from, int64_t to);

/// There is no loop of layers around `op`.
LogicalResult verifyNoLoopAround(Operation *op, StringRef label);

/// The dropout inside of a fused op: all three or none.
LogicalResult verifyDropout(Operation *op, StringRef label, Value random,
                            std::optional<uint64_t> site,
                            std::optional<APFloat> rate);

/// `into` names some of `weights`, none twice.
LogicalResult verifyInto(Operation *op, StringRef label, ArrayAttr into,
                         ArrayRef<FlatSymbolRefAttr> weights, bool mayBeEmpty);

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_IR_ENCCHECKS_H

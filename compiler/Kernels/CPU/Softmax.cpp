//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Two rows pass together: one alone waits for its own additions. The sum is of
// the values as they are multiplied, rounded where they are, so that a row's
// weights add up to 1.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Softmax.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <limits>

using namespace mlir;
using namespace bertc;

using Values = SmallVector<Value>;

/// `row` and the `count` - 1 rows behind it.
static void softmaxRows(KernelBuilder &k, double scale, bool toBF16,
                        const SoftmaxOperands &o, Value row, int64_t count) {
  int64_t step = toBF16 ? 2 * lanes : lanes, vectors = step / lanes;
  Value full = k.mul(k.div(o.length, lanes), lanes);
  Value end = k.mul(k.ceilDiv(o.length, step), step);
  Value lowest = k.splat(-std::numeric_limits<double>::infinity());
  SmallVector<Place> rows;
  for (int64_t r = 0; r < count; ++r)
    rows.push_back(k.at(o.scores, k.mul(k.add(row, r), o.stride)));

  k.forLoop(full, end, lanes, [&](Value column) {
    Value mask = k.laneMask(k.sub(o.length, k.min(o.length, column)));
    for (Place own : rows) {
      Place tail = k.at(own, column);
      k.store(k.select(mask, k.load(tail), lowest), tail);
    }
  });
  Values most = k.forLoop(
      k.index(0), end, step, Values(count * vectors, lowest),
      [&](Value column, ValueRange acc) {
        Values next;
        for (int64_t i = 0; i < count * vectors; ++i) {
          Place at = k.at(k.at(rows[i / vectors], column), i % vectors * lanes);
          next.push_back(k.maxf(k.load(at), acc[i]));
        }
        return next;
      });
  Values highest, largest;
  for (int64_t r = 0; r < count; ++r) {
    Value both = most[r * vectors];
    for (int64_t v = 1; v < vectors; ++v)
      both = k.maxf(both, most[r * vectors + v]);
    largest.push_back(k.reduceMax(both));
    highest.push_back(k.broadcast(largest[r]));
  }

  auto bf16Ones = [&] {
    auto type = VectorType::get({2 * lanes}, k.b.getBF16Type());
    return arith::ConstantOp::create(
        k.b, k.loc,
        DenseElementsAttr::get(type, k.b.getFloatAttr(k.b.getBF16Type(), 1)));
  };
  Value ones = toBF16 ? Value(bf16Ones()) : Value();
  Values sums = k.forLoop(
      k.index(0), end, step, Values(count, k.splat(0.0)),
      [&](Value column, ValueRange acc) {
        Values next;
        for (int64_t r = 0; r < count; ++r) {
          Place at = k.at(rows[r], column);
          auto exp = [&](int64_t vector) {
            Value score = k.load(k.at(at, vector * lanes));
            return emitSoftmaxExp(k.b, k.loc, k.subf(score, highest[r]), scale,
                                  toBF16);
          };
          if (!toBF16) {
            Value e = exp(0);
            k.store(e, at);
            next.push_back(k.addf(acc[r], e));
            continue;
          }
          Value low = exp(0), high = exp(1);
          Value pairs = emitToBF16(k, low, high, BF16Rounding::Native);
          k.store(emitBitcast(k, pairs, k.b.getF32Type()),
                  k.at(rows[r], k.div(column, 2)));
          next.push_back(emitDotBF16(k, acc[r], pairs, ones));
        }
        return next;
      });
  for (int64_t r = 0; r < count; ++r)
    k.storeScalar(k.divf(k.scalar(1.0), k.reduceAdd(sums[r])),
                  k.at(o.factors, k.add(row, r)));
  if (!o.logSumExp.buffer)
    return;
  for (int64_t r = 0; r < count; ++r) {
    Value log = emitLog(k.b, k.loc, k.reduceAdd(sums[r]));
    k.storeScalar(k.addf(k.mulf(largest[r], k.scalar(scale)), log),
                  k.at(o.logSumExp, k.mul(k.add(row, r), o.logSumExpStride)));
  }
}

void bertc::emitSoftmax(KernelBuilder &k, double scale, bool toBF16,
                        const SoftmaxOperands &o) {
  Value pairs = k.mul(k.div(o.rows, 2), 2);
  k.forLoop(k.index(0), pairs, 2,
            [&](Value row) { softmaxRows(k, scale, toBF16, o, row, 2); });
  k.forLoop(pairs, o.rows, 1,
            [&](Value row) { softmaxRows(k, scale, toBF16, o, row, 1); });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sum is taken in four chains of 16 lanes in rising order, then down the
// 16-lane tree: the order depends on the width alone.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/RowLoops.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace bertc;

Value bertc::sumRow(KernelBuilder &k, RowShape shape,
                    llvm::function_ref<Value(Value)> term) {
  constexpr int64_t chains = 4;
  int64_t full = shape.width / lanes;
  int64_t body = full / chains * chains;
  SmallVector<Value> acc(chains, k.splat(0.0));
  acc = k.forLoop(k.index(0), k.index(body * lanes), chains * lanes, acc,
                  [&](Value column, ValueRange sums) {
                    SmallVector<Value> next;
                    for (int64_t c = 0; c < chains; ++c)
                      next.push_back(
                          k.addf(sums[c], term(k.add(column, c * lanes))));
                    return next;
                  });
  for (int64_t v = body; v < shape.vectors(); ++v) {
    Value x = term(k.index(v * lanes));
    if (v == full)
      x = k.select(k.laneMask(k.index(shape.width % lanes)), x, k.splat(0.0));
    acc[v - body] = k.addf(acc[v - body], x);
  }
  return k.reduceAdd(k.addf(k.addf(acc[0], acc[1]), k.addf(acc[2], acc[3])));
}

void bertc::mapRow(KernelBuilder &k, RowShape shape,
                   llvm::function_ref<void(Value)> body) {
  k.forLoop(k.index(0), k.index(shape.vectors() * lanes), lanes, body);
}

Moments bertc::momentsOf(KernelBuilder &k, RowShape shape, Value epsilon,
                         Place x) {
  Value scale = k.scalar(1.0 / static_cast<double>(shape.width));
  auto at = [&](Value column) { return k.load(k.at(x, column)); };
  Value mean = k.mulf(sumRow(k, shape, at), scale);
  Value center = k.broadcast(mean);
  Value variance = k.mulf(sumRow(k, shape,
                                 [&](Value column) {
                                   Value d = k.subf(at(column), center);
                                   return k.mulf(d, d);
                                 }),
                          scale);
  Value deviation = math::SqrtOp::create(k.b, k.loc, k.addf(variance, epsilon));
  return {mean, k.divf(k.scalar(1.0), deviation)};
}

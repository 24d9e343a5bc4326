//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionDropout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace bertc;

/// Keys of a block of Philox.
static constexpr int64_t blockKeys = 4;
static constexpr int64_t headStream = 1 << 20;

AttentionDropout::AttentionDropout(GpuBuilder &k, const DeviceDropout &given,
                                   Value head)
    : k(k), dropout(given) {
  dropout.stream = k.add(dropout.stream, k.mul(head, headStream));
}

Value AttentionDropout::exchange(Value query, Value key, Value number,
                                 ArrayRef<int64_t> masks) {
  auto either = [&](Value a, Value c) {
    return arith::OrIOp::create(k.b, k.loc, a, c);
  };
  Value bits = k.index(0);
  for (auto [i, kept] : llvm::enumerate(emitKept(k, dropout, query, key)))
    bits = either(bits, k.select(kept, k.index(1 << i), k.index(0)));
  bits = arith::ShLIOp::create(k.b, k.loc, bits, k.mul(number, blockKeys));
  for (int64_t mask : masks)
    bits = either(bits, k.shuffleXor(bits, mask));
  return bits;
}

Value AttentionDropout::bit(Value bits, int64_t n) {
  return k.equal(k.bitAnd(bits, 1 << n), k.index(1 << n));
}

// Lanes 2 i and 2 i + 1 have the same two rows, and together four keys: one
// draws for the upper row, the other for the lower one.
AttentionDropout::Kept AttentionDropout::keptOfQueries(Value firstQuery,
                                                       Value firstKey) {
  LanePlace lane(k);
  Value number = k.bitAnd(k.laneId(), 1);
  Value query = k.add(k.add(firstQuery, lane.row), k.mul(number, tileRows / 2));
  Value key = k.add(firstKey, k.mul(k.div(lane.column, blockKeys), blockKeys));
  Value bits = exchange(query, key, number, {1});
  bits = arith::ShRUIOp::create(k.b, k.loc, bits, k.mul(number, 2));
  return {bit(bits, 0), bit(bits, 1), bit(bits, blockKeys),
          bit(bits, blockKeys + 1)};
}

// Lanes whose numbers differ in bits 2 and 3 have the same two queries, and
// together four upper and four lower keys: each draws for one of the four pairs
// of a query and a half.
AttentionDropout::Kept AttentionDropout::keptOfKeys(Value firstKey,
                                                    Value firstQuery) {
  LanePlace lane(k);
  Value number = k.bitAnd(lane.row, blockKeys - 1);
  Value query = k.add(k.add(firstQuery, lane.column), k.bitAnd(number, 1));
  Value key = k.add(firstKey, k.mul(k.div(lane.row, blockKeys), blockKeys));
  key = k.add(key, k.mul(k.div(number, 2), tileRows / 2));
  Value bits = exchange(query, key, number, {4, 8});
  bits = arith::ShRUIOp::create(k.b, k.loc, bits, number);
  return {bit(bits, 0), bit(bits, blockKeys), bit(bits, 2 * blockKeys),
          bit(bits, 3 * blockKeys)};
}

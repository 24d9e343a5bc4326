//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Eight chunks are all 32 banks. Row r begins at chunk r * chunks, so rows
// repeat their banks after 8 / g rows, g = gcd(chunks, 8), and differ by
// multiples of g until then. An XOR below g moves the repeats apart and keeps
// chunks inside of their aligned group of g.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionTile.h"
#include <numeric>

using namespace mlir;
using namespace bertc;

static constexpr int64_t bankGroups = 8;

Value AttentionTile::permutation(Value row) {
  int64_t group = std::gcd(chunks, bankGroups);
  return k.bitAnd(k.div(row, bankGroups / group), group - 1);
}

Value AttentionTile::address(Value base, Value row, Value chunk) {
  Value place = k.bitXor(chunk, permutation(row));
  Value offset = k.add(k.mul(row, rowBytes()), k.mul(place, chunkBytes));
  return k.at(base, offset, k.b.getI8Type());
}

void AttentionTile::forChunks(
    Value base, int64_t rows, int64_t threads,
    llvm::function_ref<void(Value, Value, Value)> body) {
  int64_t count = rows * chunks;
  for (int64_t i = 0; i < count; i += threads) {
    Value number = k.add(k.threadId(), i);
    Value row = k.div(number, chunks), chunk = k.rem(number, chunks);
    if (threads % chunks == 0) {
      row = k.add(k.div(k.threadId(), chunks), i / chunks);
      chunk = k.rem(k.threadId(), chunks);
    }
    auto run = [&] { body(row, chunk, address(base, row, chunk)); };
    if (i + threads <= count)
      run();
    else
      k.ifThen(k.less(number, k.index(count)), run);
  }
}

// Lane l gives the address of row l % 8 of 8x8 matrix l / 8. Of the four, the
// second lies eight rows (`rowsFirst`) or eight columns behind the first.
SmallVector<Value> AttentionTile::load(Value base, int64_t row, int64_t column,
                                       bool rowsFirst, bool transposed,
                                       Value first) {
  Value lane = k.laneId();
  Value second = k.bitAnd(k.div(lane, 8), 1), third = k.div(lane, 16);
  Value laneRow =
      k.add(k.bitAnd(lane, 7), k.mul(rowsFirst ? second : third, 8));
  // What the permutation leaves alone is added last: a constant.
  int64_t chunk = column / 8, fixed = chunk / bankGroups * bankGroups;
  Value laneChunk = k.add(rowsFirst ? third : second, chunk - fixed);
  if (first)
    laneChunk = k.add(laneChunk, k.div(first, 8));
  Value start = address(base, laneRow, laneChunk);
  return k.loadMatrices(
      k.at(start, row * rowBytes() + fixed * chunkBytes, k.b.getI8Type()), 4,
      transposed);
}

SmallVector<Value> AttentionTile::loadA(Value base, int64_t row, int64_t column,
                                        bool transposed, Value first) {
  return load(base, row, column, /*rowsFirst=*/!transposed, transposed, first);
}
SmallVector<Value> AttentionTile::loadB(Value base, int64_t row, int64_t column,
                                        bool transposed, Value first) {
  return load(base, row, column, /*rowsFirst=*/transposed, transposed, first);
}

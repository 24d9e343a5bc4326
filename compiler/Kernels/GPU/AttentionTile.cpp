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
#include "llvm/ADT/STLExtras.h"
#include <numeric>

using namespace mlir;
using namespace bertc;

static constexpr int64_t bankGroups = 8;
static constexpr int64_t repeat = 8; // rows, of the permutation

int64_t AttentionTile::group() const { return std::gcd(chunks, bankGroups); }

Value AttentionTile::permutation(Value row) {
  return k.bitAnd(k.div(row, bankGroups / group()), group() - 1);
}

Value AttentionTile::address(Value base, Value row, Value chunk) {
  Value place = k.bitXor(chunk, permutation(row));
  Value offset = k.add(k.mul(row, rowBytes()), k.mul(place, chunkBytes));
  return k.at(base, offset, k.b.getI8Type());
}

// The permutation repeats after 8 rows, so threads beyond the largest multiple
// of 8 rows have nothing to copy. Where threads are too few for 8 rows, each
// chunk has an address of its own.
void AttentionTile::forChunks(
    Value base, int64_t rows, int64_t threads,
    llvm::function_ref<void(Value, Value, int64_t, Value)> body) {
  if (threads < repeat * chunks) {
    for (int64_t i = 0, count = rows * chunks; i < count; i += threads) {
      Value number = k.add(k.threadId(), i);
      Value row = k.div(number, chunks), chunk = k.rem(number, chunks);
      auto run = [&] { body(row, chunk, 0, address(base, row, chunk)); };
      if (i + threads <= count)
        run();
      else
        k.ifThen(k.less(number, k.index(count)), run);
    }
    return;
  }
  int64_t together = std::min(threads / chunks / repeat * repeat, rows);
  Value row = k.div(k.threadId(), chunks), chunk = k.rem(k.threadId(), chunks);
  Value start = address(base, row, chunk);
  auto run = [&](int64_t rowsOn) {
    body(row, chunk, rowsOn, k.at(start, rowsOn * rowBytes(), k.b.getI8Type()));
  };
  auto runIf = [&](int64_t most, llvm::function_ref<void()> body) {
    if (most * chunks == threads)
      body();
    else
      k.ifThen(k.less(row, k.index(most)), body);
  };
  int64_t whole = rows / together * together;
  runIf(together, [&] {
    for (int64_t i = 0; i < whole; i += together)
      run(i);
  });
  if (whole != rows)
    runIf(rows - whole, [&] { run(whole); });
}

// A thread has the same chunk of each group, of rows that are a multiple of 8
// apart where there are threads enough: what it reads and writes are then one
// address each and constants. Eight threads meet all banks, as they have all
// rows until these repeat.
void AttentionTile::copyRows(Value base, int64_t rows, int64_t threads,
                             Value left, ArrayRef<Source> sources,
                             int64_t planes, HalfType type) {
  Type element = k.half(type), byte = k.b.getI8Type();
  int64_t step = threads / group();
  bool isRepeated = step % bankGroups == 0;
  Value first = k.div(k.threadId(), group());
  Value chunk = k.rem(k.threadId(), group());
  SmallVector<Value> starts;
  for (const Source &source : sources)
    starts.push_back(
        k.at(source.start,
             k.add(k.mul(first, source.stride), k.mul(chunk, chunkElements)),
             element));
  Value target = address(base, first, chunk);
  for (int64_t i = 0; i < rows; i += step) {
    Value row = k.add(first, i);
    Value targetRow = isRepeated ? k.at(target, i * rowBytes(), byte)
                                 : address(base, row, chunk);
    auto copy = [&] {
      Value bytesRead =
          k.select(k.less(row, left), k.index(chunkBytes), k.index(0));
      for (int64_t j = 0; j < chunks; j += group()) {
        int64_t place = j * chunkBytes;
        for (auto [source, start] : llvm::zip_equal(sources, starts)) {
          Value from =
              k.at(start, i * source.stride + j * chunkElements, element);
          for (int64_t plane = 0; plane < planes; ++plane) {
            if (plane)
              from = k.at(from, source.planeStride, element);
            k.copyAsync(k.at(targetRow, place, byte), from, bytesRead);
            place += rows * rowBytes();
          }
        }
      }
    };
    if (i + step <= rows)
      copy();
    else
      k.ifThen(k.less(row, k.index(rows)), copy);
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
  int64_t chunk = column / 8, fixed = chunk / group() * group();
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

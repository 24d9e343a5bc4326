//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionMma.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace bertc;

LanePlace::LanePlace(GpuBuilder &k) {
  Value lane = k.laneId();
  row = k.div(lane, 4);
  column = k.mul(k.rem(lane, 4), 2);
}

SmallVector<Value> bertc::emitBlockProduct(GpuBuilder &k,
                                           const BlockProduct &product) {
  const int64_t rowTiles = product.rowTiles, blocks = product.columnBlocks;
  SmallVector<Value> sums(rowTiles * blocks * blockValues, k.scalar(0));
  // The smaller products have sums of their own, added last.
  SmallVector<Value> small(product.planes > 1 ? sums : SmallVector<Value>());
  for (int64_t step = 0; step < product.steps; ++step) {
    SmallVector<BlockProduct::Planes> left;
    for (int64_t r = 0; r < rowTiles; ++r)
      left.push_back(product.left(r, step));
    for (int64_t block = 0; block < blocks; ++block) {
      BlockProduct::Planes right;
      for (int64_t plane = 0; plane < product.planes; ++plane)
        right.push_back(product.right(block, step, plane));
      for (int64_t r = 0; r < rowTiles; ++r)
        for (auto [i, j] : planeProducts(product.planes))
          for (int64_t half = 0; half < 2; ++half) {
            MutableArrayRef<Value> c =
                MutableArrayRef(i + j ? small : sums)
                    .slice((r * blocks + block) * blockValues +
                               half * tileValues,
                           tileValues);
            SmallVector<Value> result = k.multiply(
                product.type, left[r][i],
                ValueRange(right[j]).slice(2 * half, 2), SmallVector<Value>(c));
            llvm::copy(result, c.begin());
          }
    }
  }
  for (auto [sum, part] : llvm::zip(sums, small))
    sum = k.addf(part, sum);
  return sums;
}

SmallVector<BlockProduct::Planes>
bertc::loadLeftOperands(GpuBuilder &k, HalfType type, ArrayRef<Value> rows,
                        Value planeStride, int64_t planes, int64_t steps) {
  Type element = k.half(type);
  SmallVector<BlockProduct::Planes> result;
  for (int64_t step = 0; step < steps; ++step) {
    Value starts[2] = {rows[0], rows[1]};
    result.emplace_back();
    for (int64_t plane = 0; plane < planes; ++plane) {
      if (plane)
        for (Value &start : starts)
          start = k.at(start, planeStride, element);
      SmallVector<Value> &registers = result.back().emplace_back();
      for (int64_t i = 0; i < 4; ++i)
        registers.push_back(
            k.load(k.at(starts[i % 2], step * tileDepth + i / 2 * tileColumns,
                        element),
                   k.i32()));
    }
  }
  return result;
}

SmallVector<Value> bertc::emitMaskedScores(GpuBuilder &k, ValueRange scores,
                                           int64_t columnTiles, Value firstKey,
                                           Value laneColumn, Value length) {
  Value end = k.add(firstKey, columnTiles * tileColumns);
  return k.ifElse(
      k.less(length, end),
      [&] {
        SmallVector<Value> result;
        Value lowest = k.scalar(-std::numeric_limits<float>::infinity());
        for (auto [i, value] : llvm::enumerate(scores)) {
          auto n = static_cast<int64_t>(i);
          int64_t column = n / tileValues % columnTiles * tileColumns + n % 2;
          Value key = k.add(k.add(firstKey, laneColumn), column);
          result.push_back(k.select(k.less(key, length), value, lowest));
        }
        return result;
      },
      [&] { return SmallVector<Value>(scores); });
}

std::string bertc::nameOfScale(double scale, int64_t headSize) {
  if (scale == 1 / std::sqrt(static_cast<double>(headSize)))
    return "";
  return llvm::formatv("_scale{0:x-}", llvm::bit_cast<uint64_t>(scale));
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Stages of shared memory are filled by cp.async while earlier ones are
// multiplied. ldmatrix transposes 8x8 matrices on the way to the registers, so
// that what lies with its k steps as rows needs no other copy.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/GradientProduct.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace bertc;

static constexpr int64_t tileSize = 16;  // of A, and of two B
static constexpr int64_t sumsOfTile = 4; // of a thread, for 8 columns
static constexpr int64_t chunkElements = 8;

int64_t bertc::gradientSharedBytes(const DeviceLinearPlan &plan) {
  return plan.stages * plan.stageBytes();
}

GradientProduct::GradientProduct(GpuBuilder &k, const DeviceLinearPlan &plan,
                                 HalfType type, int64_t planes, bool transposed)
    : k(k), plan(plan), type(type), planes(planes), transposed(transposed),
      left(k, transposed ? plan.blockRows : plan.blockDepth),
      right(k, plan.blockColumns),
      leftRows(transposed ? plan.blockDepth : plan.blockRows),
      rowTiles(plan.blockRows / plan.warpRows / tileSize),
      columnTiles(plan.blockColumns / plan.warpColumns / tileSize) {
  Value warp = k.warpId();
  warpRow = k.mul(k.rem(warp, plan.warpRows), rowTiles * tileSize);
  warpColumn = k.mul(k.div(warp, plan.warpRows), columnTiles * tileSize);
}

void GradientProduct::copyTile(const GradientOperand &operand,
                               AttentionTile &tile, int64_t tileRows,
                               Value plane, Value firstRow, Value firstColumn,
                               Value target) {
  Type half = k.half(type);
  Value start =
      k.at(operand.rows, k.mul(k.wide(plane), operand.planeStride), half);
  start = elementAt(k, start, firstRow, operand.stride, firstColumn, half);
  Value rowsLeft = k.sub(operand.rowCount, firstRow);
  Value columnsLeft = k.sub(k.index(operand.columnCount), firstColumn);
  tile.forChunks(
      target, tileRows, plan.threads(), [&](Value row, Value chunk, Value to) {
        Value column = k.mul(chunk, chunkElements);
        Value exists =
            k.both(k.less(row, rowsLeft), k.less(column, columnsLeft));
        // Nothing is read of what does not exist.
        Value bytes = k.select(exists, k.index(2 * chunkElements), k.index(0));
        Value from =
            k.at(start, k.add(k.mul(row, operand.stride), column), half);
        k.copyAsync(to, from, bytes);
      });
}

void GradientProduct::multiply(Value stage, SmallVectorImpl<Value> &sums) {
  Type byte = k.b.getI8Type();
  Value rightTile = k.at(stage, leftRows * left.rowBytes(), byte);
  Value leftTile = stage;
  if (!transposed)
    leftTile = k.at(stage, k.mul(warpRow, left.rowBytes()), byte);
  for (int64_t step = 0; step < plan.blockDepth; step += tileSize) {
    SmallVector<SmallVector<Value>> a, b;
    for (int64_t i = 0; i < rowTiles; ++i)
      a.push_back(transposed ? left.loadA(leftTile, step, i * tileSize,
                                          /*transposed=*/true, warpRow)
                             : left.loadA(leftTile, i * tileSize, step));
    for (int64_t j = 0; j < columnTiles; ++j)
      b.push_back(right.loadB(rightTile, step, j * tileSize,
                              /*transposed=*/true, warpColumn));
    for (int64_t i = 0; i < rowTiles; ++i)
      for (int64_t j = 0; j < 2 * columnTiles; ++j) {
        auto *sum = sums.begin() + (i * 2 * columnTiles + j) * sumsOfTile;
        llvm::copy(k.multiply(type, a[i],
                              ArrayRef(b[j / 2]).slice(j % 2 * 2, 2),
                              ValueRange(ArrayRef(sum, sumsOfTile))),
                   sum);
      }
  }
}

// The planes of a product are digits of a constant.
Value GradientProduct::digit(int64_t table, Value product) {
  constexpr int64_t bits = 2;
  Value shifted =
      arith::ShRUIOp::create(k.b, k.loc, k.index(table), k.mul(product, bits));
  return k.bitAnd(shifted, (1 << bits) - 1);
}

SmallVector<Value> GradientProduct::sums(const GradientOperand &a,
                                         const GradientOperand &b,
                                         Value firstRow, Value firstColumn,
                                         Value depth) {
  int64_t tables[2] = {0, 0};
  auto products = planeProducts(planes);
  for (auto [i, product] : llvm::enumerate(products)) {
    tables[0] |= product.first << (2 * i);
    tables[1] |= product.second << (2 * i);
  }
  // At least one, which the optimiser sees, too.
  Value depthSteps = k.add(k.div(k.sub(depth, k.index(1)), plan.blockDepth), 1);
  Value steps = k.mul(depthSteps, int64_t(products.size()));
  Value first; // of the block's steps
  if (plan.splits > 1) {
    auto boundary = [&](Value split) {
      return k.div(k.mul(split, steps), plan.splits);
    };
    first = boundary(k.blockId(2));
    steps = k.sub(boundary(k.add(k.blockId(2), 1)), first);
  }
  Value memory = k.sharedMemory();
  Type byte = k.b.getI8Type();
  auto stageOf = [&](Value step) {
    return k.at(memory, k.mul(k.rem(step, plan.stages), plan.stageBytes()),
                byte);
  };
  auto copy = [&](Value step) {
    k.ifThen(k.less(step, steps), [&] {
      Value product = k.index(0), place = first ? k.add(first, step) : step;
      if (planes > 1) {
        product = arith::DivUIOp::create(k.b, k.loc, place, depthSteps);
        place = k.sub(place, k.mul(product, depthSteps));
      }
      place = k.mul(place, plan.blockDepth);
      Value stage = stageOf(step);
      copyTile(a, left, leftRows, digit(tables[0], product),
               transposed ? place : firstRow, transposed ? firstRow : place,
               stage);
      copyTile(b, right, plan.blockDepth, digit(tables[1], product), place,
               firstColumn, k.at(stage, leftRows * left.rowBytes(), byte));
    });
    k.commitCopies();
  };
  for (int64_t i = 0; i + 1 < plan.stages; ++i)
    copy(k.index(i));
  SmallVector<Value> zeros(rowTiles * columnTiles * 2 * sumsOfTile,
                           k.scalar(0));
  return k.forLoop(k.index(0), steps, k.index(1), zeros,
                   [&](Value step, ValueRange carried) {
                     k.waitCopies(plan.stages - 2);
                     k.barrier();
                     // Into the stage that was read before the barrier.
                     copy(k.add(step, plan.stages - 1));
                     SmallVector<Value> sums(carried);
                     multiply(stageOf(step), sums);
                     return sums;
                   });
}

// A thread has rows q and q + 8 of each tile, q = lane / 4.
void GradientProduct::forRows(
    ValueRange sums, Value firstRow, Value firstColumn,
    llvm::function_ref<void(Value, ArrayRef<Value>, ArrayRef<Value>)> body) {
  Value lane = k.laneId();
  Value row = k.add(k.add(firstRow, warpRow), k.div(lane, 4));
  Value column =
      k.add(k.add(firstColumn, warpColumn), k.mul(k.rem(lane, 4), 2));
  SmallVector<Value> columns;
  for (int64_t j = 0; j < 2 * columnTiles; ++j)
    columns.push_back(k.add(column, j * tileSize / 2));
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t half = 0; half < 2; ++half) {
      SmallVector<Value> values;
      for (int64_t j = 0; j < 2 * columnTiles; ++j)
        for (int64_t e = 0; e < 2; ++e)
          values.push_back(
              sums[(i * 2 * columnTiles + j) * sumsOfTile + 2 * half + e]);
      body(k.add(row, i * tileSize + half * 8), columns, values);
    }
}

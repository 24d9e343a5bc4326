//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A block's tile of y by mma.sync m16n8k16, of int8 m16n8k32, whose operands
// lie in the same lanes byte by byte. Stages of shared memory are filled by
// cp.async while earlier ones are multiplied; the operands of the next k step
// are loaded into registers beside the products of this one.
//
// One barrier for each stage: behind it all threads see the next stage, and
// nobody reads the one before, which the next copies overwrite.
//
// Rows of the weights are copied in an order that gives a thread four
// neighbours of a row of y, see columnOrder().
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/LinearParts.h"
#include "compiler/Kernels/GPU/SharedTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

namespace {

constexpr int64_t tileRows = 16;  // of A in an mma
constexpr int64_t tileBytes = 32; // of a row of A and B
constexpr int64_t sumsOfTile = 4; // of a thread, for 8 columns

/// Operand registers of a warp's tile for one k step.
struct Fragments {
  SmallVector<Value> left, right;

  SmallVector<Value> all() const {
    SmallVector<Value> values(left);
    values.append(right);
    return values;
  }
};

class MmaLinear {
public:
  MmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
            const DeviceLinearPlan &plan, LinearArguments &arguments)
      : k(k), shape(shape), plan(plan), arguments(arguments),
        left(plan.blockRows, plan.rowBytes() / 2, plan.threads()),
        right(plan.blockColumns, plan.rowBytes() / 2, plan.threads()),
        ofPiece(linearPieceElements(shape)),
        rowTiles(plan.blockRows / plan.warpRows / tileRows),
        columnTiles(plan.blockColumns / plan.warpColumns / tileRows) {}

  void emit();

private:
  void locate();
  void range();
  void copyStage(Value step, Value slot);
  void copyTile(const SharedTile &tile, Value to, Value bytes,
                llvm::function_ref<Value(int64_t)> source);
  Fragments loadFragments(Value slot, int64_t kStep);
  void multiply(const Fragments &fragments, SmallVectorImpl<Value> &sums);
  SmallVector<Value> loop();
  LinearSums place(ValueRange sums);
  Value nextSlot(Value slot);
  Value columnOrder(Value row);
  bool isTail() const { return shape.depth % plan.blockDepth != 0; }

  GpuBuilder &k;
  const DeviceLinearShape &shape;
  const DeviceLinearPlan &plan;
  LinearArguments &arguments;
  SharedTile left, right; // left: rows of x, right: rows of the weights
  int64_t ofPiece;        // elements
  int64_t rowTiles;       // of 16 rows, of a warp
  int64_t columnTiles;    // of 16 columns, of a warp

  Value begin, end;                             // steps of this block
  Value xPlanePieces;                           // from plane to plane
  Value firstRow, firstColumn;                  // of the warp's tile
  SmallVector<Value> leftSources, rightSources; // in pieces
  Value leftTarget, rightTarget;                // of copies, in stage 0
  Value leftOffset, rightOffset;                // of fragments, in stage 0
};

} // namespace

// Row r of 16 in shared memory holds column 4 (r % 8 / 2) + 2 (r / 8) + r % 2:
// of the sums of two tiles of 8 columns, a thread has columns 2 q and 2 q + 1
// each.
Value MmaLinear::columnOrder(Value row) {
  Value pair = k.mul(k.rem(k.div(row, 2), 4), 4);
  Value half = k.mul(k.rem(k.div(row, 8), 2), 2);
  Value rest = k.add(k.rem(row, 2), k.mul(k.div(row, tileRows), tileRows));
  return k.add(k.add(pair, half), rest);
}

void MmaLinear::locate() {
  Value blockRow = k.mul(k.blockId(1), plan.blockRows);
  Value blockColumn = k.mul(k.blockId(0), plan.blockColumns);
  Value warp = k.warpId();
  firstRow = k.mul(k.rem(warp, plan.warpRows), plan.blockRows / plan.warpRows);
  firstColumn =
      k.mul(k.div(warp, plan.warpRows), plan.blockColumns / plan.warpColumns);
  leftOffset = left.laneOffset(k, firstRow, /*leftOperand=*/true);
  rightOffset = k.add(right.laneOffset(k, firstColumn, /*leftOperand=*/false),
                      left.bytes());
  firstRow = k.add(firstRow, blockRow);
  firstColumn = k.add(firstColumn, blockColumn);

  // Rows and columns that do not exist are read as the last one. An address
  // takes two registers, its number of pieces one: 64 GiB of them.
  auto pieces = [&](const SharedTile &tile, Value row, int64_t stride) {
    return k.add(k.mul(row, stride / ofPiece), tile.copyPiece(k));
  };
  Value lastRow = k.sub(arguments.rows, k.index(1));
  Value row = k.add(blockRow, left.copyRow(k));
  for (int64_t i = 0; i < left.copies(); ++i)
    leftSources.push_back(
        pieces(left, k.min(k.add(row, i * left.copyRowStep()), lastRow),
               shape.inputStride));
  Value column = k.add(blockColumn, columnOrder(right.copyRow(k)));
  // Those of columns that exist lie a constant apart.
  bool exact = shape.columns % plan.blockColumns == 0;
  for (int64_t i = 0; i < (exact ? 1 : right.copies()); ++i) {
    Value known = k.add(column, i * right.copyRowStep());
    if (!exact)
      known = k.min(known, k.index(shape.columns - 1));
    rightSources.push_back(pieces(right, known, shape.depth));
  }
  Value elements =
      arith::ConstantOp::create(k.b, k.loc, k.b.getI64IntegerAttr(ofPiece));
  xPlanePieces = arith::TruncIOp::create(
      k.b, k.loc, k.i32(),
      arith::DivUIOp::create(k.b, k.loc, arguments.xPlane, elements));
  Value memory = k.sharedMemory();
  leftTarget = k.at(memory, left.copyOffset(k), k.b.getI8Type());
  rightTarget =
      k.at(memory, k.add(right.copyOffset(k), left.bytes()), k.b.getI8Type());
}

// Of one split, too: a constant number of steps makes the assembler repeat the
// body of the loop up to 36 times, with registers for all of it.
void MmaLinear::range() {
  int64_t steps = linearSteps(shape, plan);
  auto start = [&](Value split) {
    return k.div(k.mul(split, steps), plan.splits);
  };
  begin = start(k.blockId(2));
  end = start(k.add(k.blockId(2), 1));
}

Value MmaLinear::nextSlot(Value slot) {
  Value next = k.add(slot, plan.stageBytes());
  return k.select(k.equal(next, k.index(plan.stages * plan.stageBytes())),
                  k.index(0), next);
}

void MmaLinear::copyTile(const SharedTile &tile, Value to, Value bytes,
                         llvm::function_ref<Value(int64_t)> source) {
  for (int64_t i = 0; i < tile.copies(); ++i) {
    auto copy = [&] {
      k.copyAsync(k.at(to, i * tile.copyOffsetStep(), k.b.getI8Type()),
                  source(i), bytes);
    };
    if (i + 1 == tile.copies() && tile.isUneven())
      k.ifThen(tile.hasLastCopy(k), copy);
    else
      copy();
  }
}

void MmaLinear::copyStage(Value step, Value slot) {
  LinearStep from = emitLinearStep(k, shape, plan, step, xPlanePieces);
  Value bytes;
  if (isTail()) { // pieces behind the depth become zero
    Value column = k.add(from.depth, k.mul(left.copyPiece(k), ofPiece));
    bytes = k.select(k.less(column, k.index(shape.depth)), k.index(pieceBytes),
                     k.index(0));
  }
  Type byte = k.b.getI8Type(), piece = k.vectorOf(k.i32(), pieceBytes / 4);
  auto address = [&](Value start, Value pieces) {
    return k.at(start, k.wide(pieces), piece);
  };
  copyTile(left, k.at(leftTarget, slot, byte), bytes, [&](int64_t i) {
    return address(arguments.x, k.add(leftSources[i], from.x));
  });
  Value first =
      address(arguments.weights, k.add(rightSources[0], from.weights));
  copyTile(right, k.at(rightTarget, slot, byte), bytes, [&](int64_t i) {
    if (rightSources.size() == 1)
      return k.at(first,
                  i * right.copyRowStep() * shape.depth * plan.elementBytes,
                  byte);
    return address(arguments.weights, k.add(rightSources[i], from.weights));
  });
}

Fragments MmaLinear::loadFragments(Value slot, int64_t kStep) {
  Type byte = k.b.getI8Type();
  auto pointer = [&](Value offset, const SharedTile &tile) {
    Value mask = k.index(tile.stepMask(kStep));
    return k.at(k.sharedMemory(), k.add(slot, k.bitXor(offset, mask)), byte);
  };
  Fragments fragments;
  Value from = pointer(leftOffset, left);
  for (int64_t i = 0; i < rowTiles; ++i)
    fragments.left.append(
        k.loadMatrices(k.at(from, i * left.blockStep(), byte), 4));
  from = pointer(rightOffset, right);
  for (int64_t i = 0; i < columnTiles; ++i)
    fragments.right.append(
        k.loadMatrices(k.at(from, i * right.blockStep(), byte), 4));
  return fragments;
}

void MmaLinear::multiply(const Fragments &fragments,
                         SmallVectorImpl<Value> &sums) {
  ArrayRef<Value> a = fragments.left, b = fragments.right;
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t j = 0; j < 2 * columnTiles; ++j) {
      auto *sum = sums.begin() + (i * 2 * columnTiles + j) * sumsOfTile;
      ArrayRef<Value> x = a.slice(4 * i, 4), w = b.slice(2 * j, 2);
      ValueRange old(ArrayRef<Value>(sum, sumsOfTile));
      llvm::copy(shape.int8 ? k.multiplyBytes(x, w, old)
                            : k.multiply(shape.type, x, w, old),
                 sum);
    }
}

SmallVector<Value> MmaLinear::loop() {
  int64_t ahead = plan.stages - 1, kSteps = plan.rowBytes() / tileBytes;
  auto copyIfAny = [&](Value step, Value slot) {
    k.ifThen(k.less(step, end), [&] { copyStage(step, slot); });
    k.commitCopies();
  };
  for (int64_t i = 0; i < ahead; ++i)
    copyIfAny(k.add(begin, i), k.index(i * plan.stageBytes()));
  k.waitCopies(ahead - 1);
  k.barrier();

  int64_t sumCount = rowTiles * columnTiles * 2 * sumsOfTile;
  SmallVector<Value> carried(sumCount, shape.int8 ? k.index(0) : k.scalar(0));
  carried.append(loadFragments(k.index(0), 0).all());
  carried.append({k.index(0), k.index(ahead * plan.stageBytes())});
  SmallVector<Value> results = k.forLoop(
      begin, end, k.index(1), carried, [&](Value step, ValueRange values) {
        SmallVector<Value> sums(values.take_front(sumCount));
        Fragments fragments;
        ValueRange rest = values.drop_front(sumCount);
        Value reading = rest[rest.size() - 2], writing = rest.back();
        fragments.left.assign(llvm::to_vector(rest.take_front(4 * rowTiles)));
        fragments.right.assign(
            llvm::to_vector(rest.drop_front(4 * rowTiles).drop_back(2)));
        copyIfAny(k.add(step, ahead), writing);
        // Behind the last step there is no stage; its own does not harm.
        Value next =
            k.select(k.less(k.add(step, 1), end), nextSlot(reading), reading);
        for (int64_t i = 0; i < kSteps; ++i) {
          if (i + 1 == kSteps) {
            k.waitCopies(ahead - 1);
            k.barrier();
          }
          Fragments following = i + 1 == kSteps ? loadFragments(next, 0)
                                                : loadFragments(reading, i + 1);
          multiply(fragments, sums);
          fragments = following;
        }
        sums.append(fragments.all());
        sums.append({next, nextSlot(writing)});
        return sums;
      });
  results.resize(sumCount);
  return results;
}

// A thread has rows q and q + 8 of each tile, q = lane / 4.
LinearSums MmaLinear::place(ValueRange sums) {
  LinearSums result;
  Value lane = k.laneId();
  result.firstRow = k.add(firstRow, k.div(lane, 4));
  result.firstColumn = k.add(firstColumn, k.mul(k.rem(lane, 4), 4));
  for (int64_t i = 0; i < columnTiles; ++i)
    result.columns.push_back(i * tileRows);
  for (int64_t i = 0; i < rowTiles; ++i)
    for (int64_t half = 0; half < 2; ++half)
      result.rows.push_back(i * tileRows + half * 8);
  SmallVector<Value> all(sums);
  result.values = [this, all](size_t row, size_t column) {
    SmallVector<Value> values;
    for (size_t j = 0; j < 2; ++j)
      for (size_t e = 0; e < 2; ++e) {
        size_t tile = row / 2 * 2 * columnTiles + 2 * column + j;
        values.push_back(all[tile * sumsOfTile + row % 2 * 2 + e]);
      }
    return values;
  };
  return result;
}

void MmaLinear::emit() {
  locate();
  range();
  SmallVector<Value> sums = loop();
  auto finish = [&](ValueRange total) {
    emitLinearEpilogue(k, shape, plan, arguments, place(total));
  };
  if (plan.splits == 1)
    return finish(sums);
  int64_t columnBlocks = llvm::divideCeil(shape.columns, plan.blockColumns);
  Value tile = k.add(k.mul(k.blockId(1), columnBlocks), k.blockId(0));
  emitSplitSum(k, plan, {arguments.partials, arguments.tickets, tile}, sums,
               finish);
}

void bertc::emitMmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
                          const DeviceLinearPlan &plan,
                          LinearArguments &arguments) {
  MmaLinear(k, shape, plan, arguments).emit();
}

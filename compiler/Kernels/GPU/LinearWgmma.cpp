//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles of y by wgmma. One warp group does nothing but start copies of boxes
// into stages of shared memory; the others multiply. Barriers in shared memory
// say that a stage is full or empty, so there is no barrier of the block in the
// loops, and the copies of the next tile run beside the epilogue of this one.
//
// The warp groups share a tile, 64 rows each, or (ping-pong) take turns at the
// tiles of the block: as the stages hold those of one after those of the other,
// one has its epilogue while the other multiplies.
//
// The blocks share the tiles: block i of n has tiles i, i + n, ... Blocks of a
// cluster have tiles below each other and the same weights; each copies its
// share of them for all.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Hopper.h"
#include "compiler/Kernels/GPU/LinearParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

namespace {

constexpr int64_t tileDepth = 16;
constexpr int64_t productRows = 64;
constexpr int64_t warpsOfGroup = warpGroup / warpSize;

class WgmmaLinear {
public:
  WgmmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
              const DeviceLinearPlan &plan, LinearArguments &arguments)
      : k(k), hopper(k), shape(shape), plan(plan), arguments(arguments),
        steps(linearSteps(shape, plan)), groups(plan.warpRows) {}

  void emit();

private:
  void prepare();
  void produce();
  void consume();
  /// The tiles of this block, or every `takers`-th of them from `taker` on.
  SmallVector<Value>
  forTiles(ValueRange init,
           llvm::function_ref<SmallVector<Value>(Value row, Value column,
                                                 ValueRange)>
               body,
           Value taker = {}, int64_t takers = 1);
  /// The sums of this thread, of the products below each other; goes on to the
  /// stage behind them.
  SmallVector<SmallVector<Value>> multiplyTile(Value &number, Value &parity);
  LinearSums place(Value row, Value column, ArrayRef<SmallVector<Value>> sums);
  Value stage(Value number) {
    return k.at(stages, k.mul(number, plan.stageBytes()), k.b.getI8Type());
  }
  Value full(Value number) { return k.at(barriers, number, k.i64()); }
  Value empty(Value number) {
    return k.at(k.at(barriers, plan.stages, k.i64()), number, k.i64());
  }
  Value turn(Value ofGroup) {
    return k.at(k.at(barriers, 2 * plan.stages, k.i64()), ofGroup, k.i64());
  }
  /// A stage is a number and the parity of its barriers. The next one:
  SmallVector<Value> next(Value number, Value parity) {
    Value following = k.add(number, 1);
    Value wraps = k.equal(following, k.index(plan.stages));
    return {k.select(wraps, k.index(0), following),
            k.select(wraps, k.bitXor(parity, k.index(1)), parity)};
  }
  /// The one behind all of a tile.
  SmallVector<Value> nextTile(Value number, Value parity) {
    Value behind = k.add(number, steps);
    Value wraps = k.bitAnd(k.div(behind, plan.stages), 1);
    return {k.rem(behind, plan.stages), k.bitXor(parity, wraps)};
  }
  void release(Value number);
  int64_t columnBlocks() const {
    return llvm::divideCeil(shape.columns, plan.blockColumns);
  }

  GpuBuilder &k;
  Hopper hopper;
  const DeviceLinearShape &shape;
  const DeviceLinearPlan &plan;
  LinearArguments &arguments;
  int64_t steps, groups;
  Value stages, barriers; // in shared memory
  Value rank;             // of this block in its cluster
  Value group;            // of this warp, among those that multiply
};

} // namespace

// What the hardware permutes it permutes by addresses, so stages lie on
// multiples of eight rows.
void WgmmaLinear::prepare() {
  Value memory = k.sharedMemory();
  Value address = LLVM::PtrToIntOp::create(k.b, k.loc, k.i32(), memory);
  Value behind = k.rem(address, wgmmaAlignment);
  Value skipped = k.rem(k.sub(k.index(wgmmaAlignment), behind), wgmmaAlignment);
  stages = k.at(memory, skipped, k.b.getI8Type());
  barriers = k.at(stages, plan.stages * plan.stageBytes(), k.b.getI8Type());
  k.ifThen(k.equal(k.threadId(), k.index(0)), [&] {
    for (int64_t i = 0; i < plan.stages; ++i) {
      hopper.initBarrier(full(k.index(i)), 1);
      hopper.initBarrier(empty(k.index(i)), plan.cluster *
                                                (plan.pingPong ? 1 : groups) *
                                                warpsOfGroup);
    }
    if (plan.pingPong)
      for (int64_t i = 0; i < groups; ++i)
        hopper.initBarrier(turn(k.index(i)), warpsOfGroup);
    hopper.publishBarriers();
  });
  rank = k.index(0);
  if (plan.cluster == 1) {
    k.barrier();
  } else {
    hopper.setCluster(plan.cluster);
    hopper.clusterBarrier();
    rank = hopper.blockOfCluster();
  }
}

SmallVector<Value> WgmmaLinear::forTiles(
    ValueRange init,
    llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)> body,
    Value taker, int64_t takers) {
  auto blocks = [&](gpu::Dimension axis) -> Value {
    return arith::IndexCastOp::create(k.b, k.loc, k.i32(),
                                      gpu::GridDimOp::create(k.b, k.loc, axis));
  };
  Value across = blocks(gpu::Dimension::x);
  Value mine =
      k.add(k.mul(k.div(k.blockId(1), plan.cluster), across), k.blockId(0));
  Value all = k.mul(across, k.div(blocks(gpu::Dimension::y), plan.cluster));
  int64_t rowsOfCluster = plan.blockRows * plan.cluster;
  Value rowBlocks =
      k.div(k.add(arguments.rows, rowsOfCluster - 1), rowsOfCluster);
  return k.forLoop(
      taker ? k.add(mine, k.mul(taker, all)) : mine,
      k.mul(rowBlocks, columnBlocks()), k.mul(all, takers), init,
      [&](Value tile, ValueRange carried) {
        Value row = k.add(k.mul(k.div(tile, columnBlocks()), rowsOfCluster),
                          k.mul(rank, plan.blockRows));
        Value column = k.mul(k.rem(tile, columnBlocks()), plan.blockColumns);
        return body(row, column, carried);
      });
}

void WgmmaLinear::produce() {
  Value inputStride = arith::ConstantOp::create(
      k.b, k.loc, k.b.getI64IntegerAttr(shape.inputStride));
  Value planeRows = arith::TruncIOp::create(
      k.b, k.loc, k.i32(),
      arith::DivUIOp::create(k.b, k.loc, arguments.xPlane, inputStride));
  SmallVector<Value> start = {k.index(0), k.index(1)};
  forTiles(start, [&](Value row, Value column, ValueRange outer) {
    return k.forLoop(
        k.index(0), k.index(steps), k.index(1), outer,
        [&](Value step, ValueRange carried) {
          Value number = carried[0], parity = carried[1];
          LinearPlanes planes = emitLinearPlanes(k, shape, plan, step);
          hopper.wait(empty(number), parity);
          hopper.arriveExpecting(full(number), plan.stageBytes());
          Value to = stage(number);
          hopper.copyBox(to, arguments.x, planes.depth,
                         k.add(k.mul(planes.x, planeRows), row), full(number));
          int64_t share = plan.blockColumns / plan.cluster;
          int64_t rowBytes = plan.blockDepth * 2;
          Value first = k.add(column, k.mul(rank, share));
          Value there =
              k.at(k.at(to, plan.blockRows * rowBytes, k.b.getI8Type()),
                   k.mul(rank, share * rowBytes), k.b.getI8Type());
          hopper.copyBox(there, arguments.weights, planes.depth,
                         k.add(k.mul(planes.weights, shape.columns), first),
                         full(number),
                         plan.cluster > 1 ? (1 << plan.cluster) - 1 : 0);
          return next(number, parity);
        });
  });
}

// A thread has columns 2 q and 2 q + 1 of every 8, q = lane % 4. Of 16, even q
// give the second 8 away and odd q the first, so that each has 4 neighbours.
LinearSums WgmmaLinear::place(Value row, Value column,
                              ArrayRef<SmallVector<Value>> sums) {
  LinearSums result;
  Value lane = k.laneId();
  Value q = k.rem(lane, 4), isOdd = k.equal(k.rem(q, 2), k.index(1));
  result.firstRow = k.add(row, k.div(lane, 4));
  result.firstColumn =
      k.add(column, k.add(k.mul(k.rem(q, 2), 8), k.mul(k.div(q, 2), 4)));
  int64_t pairs = plan.blockColumns / 16;
  for (int64_t i = 0; i < pairs; ++i)
    result.columns.push_back(16 * i);
  for (size_t i = 0; i < sums.size(); ++i)
    for (int64_t half : {0, 8})
      result.rows.push_back(static_cast<int64_t>(i) * productRows + half);
  // Fewer where each takes more registers.
  bool isLarge = shape.planes > 1 || shape.outputs.bytes() > 4 ||
                 (shape.type == HalfType::F16 &&
                  shape.activation != ActivationFunction::None);
  result.together = isLarge ? 4 : 8;
  SmallVector<SmallVector<Value>> all(sums);
  result.values = [this, all, isOdd](size_t row, size_t pair) {
    ArrayRef<Value> own = all[row / 2];
    size_t half = row % 2;
    SmallVector<Value> left, right;
    for (size_t e = 0; e < 2; ++e) {
      Value low = own[8 * pair + 2 * half + e];
      Value high = own[8 * pair + 4 + 2 * half + e];
      Value received = k.shuffleXor(k.select(isOdd, low, high), 1);
      left.push_back(k.select(isOdd, received, low));
      right.push_back(k.select(isOdd, high, received));
    }
    left.append(right);
    return left;
  };
  return result;
}

void WgmmaLinear::release(Value number) {
  if (plan.cluster == 1)
    k.ifThen(k.equal(k.laneId(), k.index(0)),
             [&] { hopper.arrive(empty(number)); });
  else
    k.ifThen(k.less(k.laneId(), k.index(plan.cluster)),
             [&] { hopper.arriveAt(empty(number), k.laneId()); });
}

SmallVector<SmallVector<Value>> WgmmaLinear::multiplyTile(Value &number,
                                                          Value &parity) {
  int64_t rowBytes = plan.blockDepth * 2;
  SmallVector<Value> init = {number, parity, k.index(0)}; // the stage before
  for (int64_t i = 0; i < plan.groupRows() / productRows; ++i)
    init.push_back(hopper.zeros(plan.blockColumns / 2));
  SmallVector<Value> results = k.forLoop(
      k.index(0), k.index(steps), k.index(1), init,
      [&](Value step, ValueRange carried) {
        Value current = carried[0];
        SmallVector<Value> sums(carried.drop_front(3));
        hopper.wait(full(current), carried[1]);
        Value left = stage(current);
        if (!plan.pingPong)
          left = k.at(left, k.mul(group, plan.groupRows() * rowBytes),
                      k.b.getI8Type());
        SmallVector<Value> a;
        for (size_t i = 0; i < sums.size(); ++i)
          a.push_back(hopper.describe(
              k.at(left, static_cast<int64_t>(i) * productRows * rowBytes,
                   k.b.getI8Type())));
        Value b = hopper.describe(
            k.at(stage(current), plan.blockRows * rowBytes, k.b.getI8Type()));
        hopper.beginProducts();
        for (int64_t i = 0; i < plan.blockDepth / tileDepth; ++i) {
          if (i)
            b = hopper.nextStep(b);
          for (auto [own, sum] : llvm::zip_equal(a, sums)) {
            if (i)
              own = hopper.nextStep(own);
            sum = hopper.multiply(shape.type, sum, own, b);
          }
        }
        hopper.commitProducts();
        // Those of the stage before are done, so it is empty.
        hopper.waitProducts(1);
        k.ifThen(k.less(k.index(0), step), [&] { release(carried[2]); });
        SmallVector<Value> following = next(current, carried[1]);
        following.push_back(current);
        following.append(sums);
        return following;
      });
  // The stages of this tile were seen to be full, so that the other group does
  // not take the parity of those for that of its own.
  if (plan.pingPong)
    k.ifThen(k.equal(k.laneId(), k.index(0)),
             [&] { hopper.arrive(turn(k.sub(k.index(1), group))); });
  hopper.waitProducts(0);
  release(results[2]);
  number = results[0];
  parity = results[1];
  SmallVector<SmallVector<Value>> sums;
  for (Value record : ArrayRef(results).drop_front(3))
    sums.push_back(hopper.members(record));
  return sums;
}

void WgmmaLinear::consume() {
  group = k.sub(k.div(k.threadId(), warpGroup), k.index(1));
  Value warp = k.rem(k.warpId(), warpsOfGroup);
  Value rowOn = k.mul(warp, 16);
  if (!plan.pingPong)
    rowOn = k.add(rowOn, k.mul(group, plan.groupRows()));
  SmallVector<Value> start = {k.index(0), k.index(0)};
  // Group 1 begins behind the stages of group 0, which has the first turn.
  if (plan.pingPong)
    start = {k.mul(group, steps % plan.stages),
             k.mul(group, steps / plan.stages % 2), k.sub(k.index(1), group)};
  auto body = [&](Value row, Value column, ValueRange carried) {
    Value number = carried[0], parity = carried[1];
    if (plan.pingPong)
      hopper.wait(turn(group), carried[2]);
    SmallVector<SmallVector<Value>> sums = multiplyTile(number, parity);
    emitLinearEpilogue(k, shape, plan, arguments,
                       place(k.add(row, rowOn), column, sums));
    if (!plan.pingPong)
      return SmallVector<Value>{number, parity};
    SmallVector<Value> following = nextTile(number, parity);
    following.push_back(k.bitXor(carried[2], k.index(1)));
    return following;
  };
  if (plan.pingPong)
    forTiles(start, body, group, groups);
  else
    forTiles(start, body);
}

void WgmmaLinear::emit() {
  prepare();
  // Warp groups with few sums have enough of the registers they begin with.
  int64_t sums = plan.groupRows() / productRows * plan.blockColumns / 2;
  bool moves = sums >= plan.registers() / 2;
  Value isProducer = k.less(k.threadId(), k.index(warpGroup));
  k.ifThen(isProducer, [&] {
    if (moves)
      hopper.setRegisters(plan.producerRegisters(), /*more=*/false);
    k.ifThen(k.equal(k.threadId(), k.index(0)), [&] { produce(); });
  });
  k.ifThen(k.less(k.index(warpGroup - 1), k.threadId()), [&] {
    if (moves)
      hopper.setRegisters(plan.consumerRegisters(), /*more=*/true);
    consume();
  });
  // Nobody leaves while others may still arrive at its barriers.
  if (plan.cluster > 1)
    hopper.clusterBarrier();
}

void bertc::emitWgmmaLinear(GpuBuilder &k, const DeviceLinearShape &shape,
                            const DeviceLinearPlan &plan,
                            LinearArguments &arguments) {
  WgmmaLinear(k, shape, plan, arguments).emit();
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tiles of y by wgmma. One warp group does nothing but start copies of boxes
// into stages of shared memory; the others multiply, 64 rows each. Barriers in
// shared memory say that a stage is full or empty, so there is no barrier of
// the block in the loops, and the copies of the next tile run beside the
// epilogue of this one.
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
constexpr int64_t groupRows = 64; // of a warp group
constexpr int64_t warpsOfGroup = warpGroup / warpSize;
constexpr int64_t barrierBytes = 8;

/// A stage and the parity of its barriers, as both sides count them.
struct Stage {
  Value number, parity;
};

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
  SmallVector<Value>
  forTiles(ValueRange init,
           llvm::function_ref<SmallVector<Value>(Value row, Value column,
                                                 ValueRange)>
               body);
  LinearSums place(Value row, Value column, ValueRange sums);
  Value stage(Value number) {
    return k.at(stages, k.mul(number, plan.stageBytes()), k.b.getI8Type());
  }
  Value full(Value number) { return k.at(barriers, number, k.i64()); }
  Value empty(Value number) {
    return k.at(k.at(barriers, plan.stages, k.i64()), number, k.i64());
  }
  SmallVector<Value> next(Value number, Value parity) {
    Value following = k.add(number, 1);
    Value wraps = k.equal(following, k.index(plan.stages));
    return {k.select(wraps, k.index(0), following),
            k.select(wraps, k.bitXor(parity, k.index(1)), parity)};
  }
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
      hopper.initBarrier(empty(k.index(i)),
                         plan.cluster * groups * warpsOfGroup);
    }
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
    llvm::function_ref<SmallVector<Value>(Value, Value, ValueRange)> body) {
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
      mine, k.mul(rowBlocks, columnBlocks()), all, init,
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
LinearSums WgmmaLinear::place(Value row, Value column, ValueRange sums) {
  LinearSums result;
  Value lane = k.laneId();
  Value q = k.rem(lane, 4), isOdd = k.equal(k.rem(q, 2), k.index(1));
  result.firstRow = k.add(row, k.div(lane, 4));
  result.firstColumn =
      k.add(column, k.add(k.mul(k.rem(q, 2), 8), k.mul(k.div(q, 2), 4)));
  int64_t pairs = plan.blockColumns / 16;
  for (int64_t i = 0; i < pairs; ++i)
    result.columns.push_back(16 * i);
  result.rows = {0, 8};
  result.together = 8;
  SmallVector<Value> all(sums);
  result.values = [this, all, isOdd](size_t half, size_t pair) {
    SmallVector<Value> left, right;
    for (size_t e = 0; e < 2; ++e) {
      Value low = all[8 * pair + 2 * half + e];
      Value high = all[8 * pair + 4 + 2 * half + e];
      Value received = k.shuffleXor(k.select(isOdd, low, high), 1);
      left.push_back(k.select(isOdd, received, low));
      right.push_back(k.select(isOdd, high, received));
    }
    left.append(right);
    return left;
  };
  return result;
}

void WgmmaLinear::consume() {
  Value thread = k.threadId();
  Value group = k.sub(k.div(thread, warpGroup), k.index(1));
  Value isFirstLane = k.equal(k.laneId(), k.index(0));
  auto release = [&](Value number) {
    if (plan.cluster == 1)
      k.ifThen(isFirstLane, [&] { hopper.arrive(empty(number)); });
    else
      k.ifThen(k.less(k.laneId(), k.index(plan.cluster)),
               [&] { hopper.arriveAt(empty(number), k.laneId()); });
  };
  int64_t leftBytes = plan.blockRows * plan.blockDepth * 2;
  SmallVector<Value> start = {k.index(0), k.index(0)};
  forTiles(start, [&](Value row, Value column, ValueRange outer) {
    SmallVector<Value> init(outer);
    init.push_back(k.index(0)); // the stage before
    init.push_back(hopper.zeros(plan.blockColumns / 2));
    SmallVector<Value> results = k.forLoop(
        k.index(0), k.index(steps), k.index(1), init,
        [&](Value step, ValueRange carried) {
          Value number = carried[0], parity = carried[1], sums = carried[3];
          hopper.wait(full(number), parity);
          Value left =
              k.at(stage(number), k.mul(group, groupRows * plan.blockDepth * 2),
                   k.b.getI8Type());
          Value a = hopper.describe(left);
          Value b =
              hopper.describe(k.at(stage(number), leftBytes, k.b.getI8Type()));
          hopper.beginProducts();
          for (int64_t i = 0; i < plan.blockDepth / tileDepth; ++i) {
            if (i) {
              a = hopper.nextStep(a);
              b = hopper.nextStep(b);
            }
            sums = hopper.multiply(shape.type, sums, a, b);
          }
          hopper.commitProducts();
          // Those of the stage before are done, so it is empty.
          hopper.waitProducts(1);
          k.ifThen(k.less(k.index(0), step), [&] { release(carried[2]); });
          SmallVector<Value> following = next(number, parity);
          following.append({number, sums});
          return following;
        });
    hopper.waitProducts(0);
    release(results[2]);
    Value warp = k.rem(k.warpId(), warpsOfGroup);
    Value first = k.add(row, k.add(k.mul(group, groupRows), k.mul(warp, 16)));
    emitLinearEpilogue(k, shape, plan, arguments,
                       place(first, column, hopper.members(results[3])));
    return SmallVector<Value>{results[0], results[1]};
  });
}

void WgmmaLinear::emit() {
  prepare();
  // Warp groups with few sums have enough of the registers they begin with.
  bool moves = plan.blockColumns / 2 > plan.registers() / 2;
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

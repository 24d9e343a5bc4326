//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the two programs of attention share. In one, a warp owns rows of queries
// and takes all keys, step by step; in the other all warps of a block have the
// same rows and take steps in turn (AttentionSplitKeys.cpp). A row's numbers
// are the same to the bit: both know the maximum of all keys up to a step
// before they weigh it, and add steps in the same order.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONPARTS_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONPARTS_H

#include "compiler/Kernels/GPU/Attention.h"
#include "compiler/Kernels/GPU/AttentionDropout.h"
#include "compiler/Kernels/GPU/AttentionMma.h"
#include "compiler/Kernels/GPU/AttentionTile.h"
#include <optional>

namespace bertc {

class AttentionEmitter {
public:
  AttentionEmitter(GpuBuilder &k, const DeviceAttentionShape &shape,
                   const DeviceAttentionPlan &plan)
      : k(k), shape(shape), plan(plan),
        writer(k, shape.outputs, shape.outputStride),
        tile(k, shape.headStride) {}

  DeviceKernel kernel();

private:
  using Value = mlir::Value;
  using Values = llvm::SmallVector<mlir::Value>;

  int64_t threads() const { return plan.warps * warpSize; }
  int64_t rowsOfWarp() const { return plan.rowTiles() * tileRows; }
  int64_t rowTiles() const { return plan.rowTiles(); }
  int64_t keyTiles() const { return plan.keys / tileColumns; }
  int64_t headTiles() const { return shape.headStride / tileColumns; }
  int64_t tileBytes() const { return plan.keys * tile.rowBytes(); }
  /// Keys and values of a step, all planes of them.
  int64_t stageBytes() const { return 2 * shape.planes * tileBytes(); }
  /// Planes of queries that lanes keep; the others are behind the stages.
  int64_t keptPlanes() const { return shape.planes - plan.sharedPlanes; }
  int64_t queryBytes() const { return plan.rows * tile.rowBytes(); }
  /// Of the queries in shared memory.
  int64_t queriesAt() const {
    return (plan.splitKeys ? plan.warps : plan.stages) * stageBytes();
  }
  std::string name() const;

  void emit(mlir::ValueRange arguments);
  void emitBlock();
  void emitSplitBlock();
  /// Of the block, from its first query on.
  Value firstRow();
  /// The start of a row of queries (0), keys (1) or values (2) of this head.
  Value input(int64_t part, Value token, Value column);
  /// Copies parts of a step to `stage`: 1, keys, and 2, values.
  void copyStep(Value step, Value stage, llvm::ArrayRef<int64_t> parts);
  void copyQueries();
  void loadQueries();
  /// All planes of a row tile's 16 elements of the depth as left operands.
  llvm::SmallVector<Values> queryOperands(int64_t rowTile, int64_t depthTile);

  /// What goes from step to step.
  struct State {
    Values context; // [row tile][head tile][4]
    Values maximum; // [row tile][2]
    Values sum;     // the same; of this lane's columns only
  };
  State initial();
  static Values flatten(const State &state);
  State unflatten(mlir::ValueRange values) const;

  State step(Value number, State state);
  Values scores(Value keys);
  /// The maximum of `above` and the scores of each row: [row tile][2].
  Values maxima(llvm::ArrayRef<Value> scores, llvm::ArrayRef<Value> above);
  /// What sums below a maximum are multiplied with when it rises.
  Value factor(Value from, Value to) { return weight(from, to); }
  /// Weights of a step as left operands, [row tile * 16 keys]: a plane each.
  /// `sums` are those of this lane's columns, [row tile][2].
  llvm::SmallVector<llvm::SmallVector<Values>>
  weigh(Value number, Values scores, llvm::ArrayRef<Value> maxima,
        Values &sums);
  /// The weights of 16 keys.
  llvm::SmallVector<Values> weightOperands(llvm::ArrayRef<Value> weights,
                                           Values &sums, int64_t rowTile);
  /// Of 16 keys from `firstKey` on.
  void dropWeights(llvm::SmallVector<Values> &operands, int64_t rowTile,
                   Value firstKey);
  /// Weights times values: `add` gets the place in State::context and its sum
  /// over the step.
  void forContext(llvm::ArrayRef<llvm::SmallVector<Values>> weights,
                  Value values, llvm::function_ref<void(int64_t, Value)> add);
  void finish(State state);
  /// 1 / sum of a row, given the part of each lane; `sum` becomes all of it.
  Value inverse(Value &sum);
  void writeLogSumExp(Value token, Value maximum, Value sum);

  // Steps that are taken in turn: of each round a warp has one.
  struct Round {
    Value maximum[2], sum[2]; // of the rows' halves, of all steps before
    Values context;           // this warp's units of two neighbours
  };
  int64_t units() const { return 2 * headTiles() / plan.warps; }
  Round unflattenRound(mlir::ValueRange values) const;
  static Values flatten(const Round &round);
  /// This warp's step, to shared memory.
  void leaveStep(Value step, Values scores, const Round &state);
  /// Adds the steps of a round.
  void join(Value number, Value steps, Round &state);
  void finishRounds(Round state);
  // Where warps leave what the others read.
  int64_t contextAt() const {
    return queriesAt() + plan.sharedPlanes * queryBytes();
  }
  int64_t sumsAt() const {
    return contextAt() + plan.warps * tileRows * shape.headStride * 4;
  }
  int64_t maximaAt() const { return sumsAt() + plan.warps * warpSize * 2 * 4; }
  Value leftContext(Value warp, Value unit);
  Value leftSums(Value warp);
  Value leftMaxima(Value warp);

  /// All row tiles by 16 columns.
  Values
  products(int64_t steps,
           llvm::function_ref<BlockProduct::Planes(int64_t, int64_t)> left,
           llvm::function_ref<Values(int64_t, int64_t, int64_t)> right) {
    return emitBlockProduct(k, {shape.type, shape.planes, rowTiles(),
                                /*columnBlocks=*/1, steps, left, right});
  }
  Value stage(Value number) {
    return k.at(k.sharedMemory(), k.mul(number, stageBytes()), k.b.getI8Type());
  }
  Value stageOf(Value step) { return stage(k.rem(step, plan.stages)); }
  Value queryPlane(int64_t plane) {
    return bytes(k.sharedMemory(),
                 queriesAt() + (plane - keptPlanes()) * queryBytes());
  }
  Value bytes(Value pointer, int64_t offset) {
    return k.at(pointer, offset, k.b.getI8Type());
  }
  /// e^(scale (score - maximum)).
  Value weight(Value score, Value maximum);
  Value zero() { return k.scalar(0); }

  GpuBuilder &k;
  const DeviceAttentionShape &shape;
  const DeviceAttentionPlan &plan;
  RowWriter writer;
  AttentionTile tile;

  Value qkv, planeStride, logSumExp; // arguments
  Value head, first, length;         // of this block's sequence
  Value firstQuery, laneRow, laneColumn;
  std::optional<AttentionDropout> dropout;
  llvm::SmallVector<llvm::SmallVector<Values>>
      queries; // [row tile * depth tile][kept]
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONPARTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of few queries: the warps of a block have the same 16 of them and
// take steps of keys in turn, so that there are blocks for all processors. Of
// a round, each warp has one step. It leaves the maxima of its scores in shared
// memory before it weighs them, and the step's sums and context behind it; all
// warps then add what was left, each its share of the columns, in the order of
// the steps.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionParts.h"
#include <limits>

using namespace mlir;
using namespace bertc;

using Values = SmallVector<Value>;

// A unit is a lane's two neighbours of 8 columns of one half of the rows. Those
// of a warp lie together, as its lanes write and read them.
Value AttentionEmitter::leftContext(Value warp, Value unit) {
  Value number = k.add(k.mul(warp, 2 * headTiles()), unit);
  return k.at(bytes(k.sharedMemory(), contextAt()),
              k.add(k.mul(number, warpSize), k.laneId()),
              k.vectorOf(k.f32(), 2));
}
// Of both halves of the rows.
Value AttentionEmitter::leftSums(Value warp) {
  return k.at(bytes(k.sharedMemory(), sumsAt()),
              k.add(k.mul(warp, warpSize), k.laneId()), k.vectorOf(k.f32(), 2));
}
Value AttentionEmitter::leftMaxima(Value warp) {
  return k.at(bytes(k.sharedMemory(), maximaAt()),
              k.add(k.mul(warp, tileRows / 2), laneRow),
              k.vectorOf(k.f32(), 2));
}

Values AttentionEmitter::flatten(const Round &round) {
  Values all(round.context);
  all.append({round.maximum[0], round.maximum[1], round.sum[0], round.sum[1]});
  return all;
}
AttentionEmitter::Round
AttentionEmitter::unflattenRound(ValueRange values) const {
  Round round;
  size_t context = 2 * units();
  round.context = Values(values.take_front(context));
  for (size_t half = 0; half < 2; ++half) {
    round.maximum[half] = values[context + half];
    round.sum[half] = values[context + 2 + half];
  }
  return round;
}

void AttentionEmitter::emitSplitBlock() {
  // Written so that it cannot be zero for the optimiser either.
  Value steps = k.add(k.div(k.sub(length, k.index(1)), plan.keys), 1);
  Value rounds = k.add(k.div(k.sub(steps, k.index(1)), plan.warps), 1);
  auto copyRound = [&](Value number, int64_t part) {
    for (int64_t warp = 0; warp < plan.warps; ++warp) {
      Value step = k.add(k.mul(number, plan.warps), warp);
      k.ifThen(k.less(step, steps),
               [&] { copyStep(step, stage(k.index(warp)), {part}); });
    }
    k.commitCopies();
  };
  copyQueries(); // waited for with the first keys
  copyRound(k.index(0), 1);
  copyRound(k.index(0), 2);
  loadQueries();
  Round start;
  start.context.assign(2 * units(), zero());
  for (int64_t half = 0; half < 2; ++half) {
    start.maximum[half] = k.scalar(-std::numeric_limits<float>::infinity());
    start.sum[half] = zero();
  }
  Values result = k.forLoop(
      k.index(0), rounds, k.index(1), flatten(start),
      [&](Value number, ValueRange carried) {
        Round state = unflattenRound(carried);
        Value next = k.add(number, 1);
        Value step = k.add(k.mul(number, plan.warps), k.warpId());
        Value mine = k.less(step, steps);
        k.waitCopies(1); // values may be on their way
        k.barrier();
        Values masked = k.ifElse(
            mine,
            [&] {
              Values all =
                  emitMaskedScores(k, scores(stage(k.warpId())), keyTiles(),
                                   k.mul(step, plan.keys), laneColumn, length);
              Values none(2, k.scalar(-std::numeric_limits<float>::infinity()));
              Values highest = maxima(all, none);
              k.ifThen(k.equal(laneColumn, k.index(0)), [&] {
                k.store(k.vectorFrom(highest), leftMaxima(k.warpId()));
              });
              return all;
            },
            [&] { return Values(keyTiles() * tileValues, zero()); });
        k.waitCopies(0);
        k.barrier();
        copyRound(next, 1); // nobody reads these keys any more
        k.ifThen(mine, [&] { leaveStep(step, masked, state); });
        k.barrier();
        copyRound(next, 2);
        join(number, steps, state);
        return flatten(state);
      });
  finishRounds(unflattenRound(result));
}

void AttentionEmitter::leaveStep(Value step, Values scores,
                                 const Round &state) {
  Values highest(std::begin(state.maximum), std::end(state.maximum)), sums;
  // Those of the steps up to this one; it is as good as any behind it.
  for (int64_t warp = 0; warp < plan.warps; ++warp) {
    Value from = k.min(k.index(warp), k.warpId());
    Value left = k.load(leftMaxima(from), k.vectorOf(k.f32(), 2));
    for (int64_t half = 0; half < 2; ++half)
      highest[half] = k.maxf(k.element(left, half), highest[half]);
  }
  SmallVector<SmallVector<Values>> weights = weigh(step, scores, highest, sums);
  k.store(k.vectorFrom(sums), leftSums(k.warpId()));
  Value values = bytes(stage(k.warpId()), shape.planes * tileBytes());
  Values pair;
  forContext(weights, values, [&](int64_t place, Value part) {
    pair.push_back(part);
    if (pair.size() < 2)
      return;
    k.store(k.vectorFrom(pair), leftContext(k.warpId(), k.index(place / 2)));
    pair.clear();
  });
}

void AttentionEmitter::join(Value number, Value steps, Round &state) {
  Value done = k.mul(number, plan.warps);
  Value count = k.min(k.sub(steps, done), k.index(plan.warps));
  Values joined = k.forLoop(
      k.index(0), count, k.index(1), flatten(state),
      [&](Value warp, ValueRange carried) {
        Round now = unflattenRound(carried);
        auto load = [&](Value from) {
          return k.load(from, k.vectorOf(k.f32(), 2));
        };
        Value left = load(leftMaxima(warp)), sums = load(leftSums(warp));
        Value factors[2];
        for (int64_t half = 0; half < 2; ++half) {
          Value highest = k.maxf(k.element(left, half), now.maximum[half]);
          factors[half] = factor(now.maximum[half], highest);
          now.maximum[half] = highest;
          now.sum[half] =
              k.fma(now.sum[half], factors[half], k.element(sums, half));
        }
        for (int64_t i = 0; i < units(); ++i) {
          Value unit = k.add(k.mul(k.warpId(), units()), i);
          Value part = load(leftContext(warp, unit));
          for (int64_t j = 0; j < 2; ++j) {
            Value &sum = now.context[2 * i + j];
            sum = k.fma(sum, factors[i % 2], k.element(part, j));
          }
        }
        return flatten(now);
      });
  state = unflattenRound(joined);
}

void AttentionEmitter::finishRounds(Round state) {
  Value firstColumn = k.add(k.add(k.mul(head, shape.headStride), laneColumn),
                            k.mul(k.warpId(), units() / 2 * tileColumns));
  for (int64_t half = 0; half < 2; ++half) {
    Value sum = state.sum[half];
    Value scale = inverse(sum);
    Value row = k.add(firstQuery, k.add(laneRow, 8 * half));
    k.ifThen(k.less(row, length), [&] {
      Value token = k.add(first, row);
      for (int64_t i = half; i < units(); i += 2) {
        Value pair[2];
        for (int64_t j = 0; j < 2; ++j)
          pair[j] = k.mulf(state.context[2 * i + j], scale);
        writer.write(token, k.add(firstColumn, i / 2 * tileColumns), pair);
      }
      if (logSumExp)
        k.ifThen(k.both(k.equal(k.warpId(), k.index(0)),
                        k.equal(laneColumn, k.index(0))),
                 [&] { writeLogSumExp(token, state.maximum[half], sum); });
    });
  }
}

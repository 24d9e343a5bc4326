//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp owns 16-row tiles of queries. Its scores are laid out in the lanes as
// the product of an mma instruction, which is how the next one wants its left
// operand: weights never leave the registers.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/GPU/AttentionParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace bertc;

using Values = SmallVector<Value>;

std::string AttentionEmitter::name() const {
  DeviceForms input;
  input.planes = shape.planes;
  input.type = shape.type;
  std::string text = llvm::formatv(
      "attention_{0}x{1}_ld{2}_{3}_to_{4}_ld{5}_q{6}k{7}w{8}s{9}", shape.heads,
      shape.headSize, shape.inputStride, input.name(), shape.outputs.name(),
      shape.outputStride, plan.rows, plan.keys, plan.warps, plan.stages);
  if (plan.splitKeys)
    text += "_split";
  if (plan.sharedPlanes)
    text += llvm::formatv("p{0}", plan.sharedPlanes);
  text += nameOfScale(shape.scale, shape.headSize);
  if (shape.logSumExp)
    text += "_lse";
  if (shape.dropout)
    text += "_dropout";
  return text;
}

// Of weights that are rounded to 16 bits the instruction is exact enough, and
// takes a tenth of the issue slots of a polynomial.
Value AttentionEmitter::weight(Value score, Value maximum) {
  if (shape.planes > 1)
    return emitSoftmaxExp(k.b, k.loc, k.subf(score, maximum), shape.scale,
                          /*rough=*/false);
  double slope = shape.scale * llvm::numbers::log2e;
  return k.exp2(
      k.fma(score, k.scalar(slope), k.mulf(maximum, k.scalar(-slope))));
}

DeviceKernel AttentionEmitter::kernel() {
  SmallVector<Type> types = {k.global(), k.i64(), k.global()};
  writer.addTypes(types);
  if (shape.logSumExp)
    types.push_back(k.global());
  if (shape.dropout)
    DeviceDropout::addTypes(k, types);
  types.push_back(k.i32());
  return k.kernel(
      name(), threads(), plan.sharedBytes(shape.headStride, shape.planes),
      types, [&](ValueRange v) { emit(v); },
      // What draws the dropout is not counted.
      shape.dropout ? 1 : plan.resident(shape.headStride, shape.planes));
}

void AttentionEmitter::emit(ValueRange arguments) {
  qkv = arguments[0];
  planeStride = arguments[1];
  Value offsets = arguments[2];
  arguments = arguments.drop_front(3);
  writer.take(arguments);
  if (shape.logSumExp) {
    logSumExp = arguments[0];
    arguments = arguments.drop_front();
  }

  firstQuery = k.mul(k.blockId(0), plan.rows);
  head = k.blockId(1);
  if (shape.dropout) {
    DeviceDropout given;
    given.take(arguments);
    dropout.emplace(k, given, head);
  }
  Value offset = k.at(offsets, k.blockId(2), k.i32());
  first = k.load(offset, k.i32());
  length = k.sub(k.load(k.at(offset, 1, k.i32()), k.i32()), first);
  k.ifThen(k.less(firstQuery, length), [&] {
    LanePlace lane(k);
    laneRow = lane.row;
    laneColumn = lane.column;
    plan.splitKeys ? emitSplitBlock() : emitBlock();
  });
}

void AttentionEmitter::emitBlock() {
  const int64_t both[] = {1, 2};
  // Written so that it cannot be zero for the optimiser either.
  Value steps = k.add(k.div(k.sub(length, k.index(1)), plan.keys), 1);
  copyQueries(); // waited for with the first stage
  for (int64_t i = 0; i + 1 < plan.stages; ++i) {
    k.ifThen(k.less(k.index(i), steps),
             [&] { copyStep(k.index(i), stageOf(k.index(i)), both); });
    k.commitCopies();
  }
  loadQueries();
  Values result = k.forLoop(k.index(0), steps, k.index(1), flatten(initial()),
                            [&](Value number, ValueRange carried) {
                              k.waitCopies(plan.stages - 2);
                              k.barrier();
                              // Into the stage that was read before the
                              // barrier.
                              Value next = k.add(number, plan.stages - 1);
                              k.ifThen(k.less(next, steps), [&] {
                                copyStep(next, stageOf(next), both);
                              });
                              k.commitCopies();
                              return flatten(step(number, unflatten(carried)));
                            });
  finish(unflatten(result));
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value AttentionEmitter::input(int64_t part, Value token, Value column) {
  Value start =
      k.add(k.mul(k.add(head, part * shape.heads), shape.headStride), column);
  return elementAt(k, qkv, k.add(first, token), shape.inputStride, start,
                   k.half(shape.type));
}

// Keys behind the sequence are zeros, and so are their values, which are
// multiplied with weights of zero: nothing is read of them, and their addresses
// may lie anywhere.
void AttentionEmitter::copyStep(Value step, Value stage,
                                ArrayRef<int64_t> parts) {
  Type element = k.half(shape.type);
  Value firstKey = k.mul(step, plan.keys);
  Value left = k.sub(length, firstKey);
  tile.forChunks(stage, plan.keys, threads(),
                 [&](Value row, Value chunk, int64_t rowsOn, Value target) {
                   Value exists = k.less(k.add(row, rowsOn), left);
                   Value bytesRead = k.select(exists, k.index(16), k.index(0));
                   Value source = input(parts.front(), k.add(firstKey, row),
                                        k.mul(chunk, 8));
                   for (int64_t plane = 0; plane < shape.planes; ++plane) {
                     if (plane)
                       source = k.at(source, planeStride, element);
                     for (int64_t part : parts) {
                       int64_t offset = rowsOn * shape.inputStride +
                                        (part - parts.front()) * shape.heads *
                                            shape.headStride;
                       int64_t place = (part - 1) * shape.planes + plane;
                       k.copyAsync(bytes(target, place * tileBytes()),
                                   k.at(source, offset, element), bytesRead);
                     }
                   }
                 });
}

// Those that would take too many registers. Rows behind the sequence are those
// of its last one, as below.
void AttentionEmitter::copyQueries() {
  Type element = k.half(shape.type);
  Value last = k.sub(length, k.index(1));
  for (int64_t plane = keptPlanes(); plane < shape.planes; ++plane)
    tile.forChunks(queryPlane(plane), plan.rows, threads(),
                   [&](Value row, Value chunk, Value target) {
                     Value known = k.min(k.add(firstQuery, row), last);
                     Value source = input(0, known, k.mul(chunk, 8));
                     for (int64_t n = 0; n < plane; ++n)
                       source = k.at(source, planeStride, element);
                     k.copyAsync(target, source);
                   });
}

Value AttentionEmitter::firstRow() {
  return plan.splitKeys ? firstQuery
                        : k.add(firstQuery, k.mul(k.warpId(), rowsOfWarp()));
}

// Straight from memory: each is read once, or by each warp that has the row.
void AttentionEmitter::loadQueries() {
  Value last = k.sub(length, k.index(1));
  for (int64_t r = 0; r < rowTiles(); ++r) {
    Value rows[2];
    for (int64_t i = 0; i < 2; ++i) {
      Value row = k.add(firstRow(), k.add(laneRow, r * tileRows + 8 * i));
      rows[i] = input(0, k.min(row, last), laneColumn);
    }
    queries.append(loadLeftOperands(k, shape.type, rows, planeStride,
                                    keptPlanes(),
                                    shape.headStride / tileDepth));
  }
}

SmallVector<Values> AttentionEmitter::queryOperands(int64_t rowTile,
                                                    int64_t depthTile) {
  SmallVector<Values> planes =
      queries[rowTile * (shape.headStride / tileDepth) + depthTile];
  for (int64_t plane = keptPlanes(); plane < shape.planes; ++plane) {
    Value rows = queryPlane(plane);
    if (!plan.splitKeys)
      rows = k.at(rows, k.mul(k.warpId(), rowsOfWarp() * tile.rowBytes()),
                  k.b.getI8Type());
    planes.push_back(
        tile.loadA(rows, rowTile * tileRows, depthTile * tileDepth));
  }
  return planes;
}

//===----------------------------------------------------------------------===//
// A step
//===----------------------------------------------------------------------===//

AttentionEmitter::State AttentionEmitter::initial() {
  State state;
  state.context.assign(rowTiles() * headTiles() * tileValues, zero());
  state.maximum.assign(rowTiles() * 2,
                       k.scalar(-std::numeric_limits<float>::infinity()));
  state.sum.assign(rowTiles() * 2, zero());
  return state;
}

Values AttentionEmitter::flatten(const State &state) {
  Values all(state.context);
  all.append(state.maximum);
  all.append(state.sum);
  return all;
}

AttentionEmitter::State AttentionEmitter::unflatten(ValueRange values) const {
  int64_t context = rowTiles() * headTiles() * tileValues;
  State state;
  state.context = Values(values.take_front(context));
  state.maximum = Values(values.slice(context, rowTiles() * 2));
  state.sum = Values(values.take_back(rowTiles() * 2));
  return state;
}

// Sums of a step begin at zero and are added to the rest by an fma, which
// rounds: sums of tensor cores are cut off.
AttentionEmitter::State AttentionEmitter::step(Value number, State state) {
  Value keys = stageOf(number);
  Value values = bytes(keys, shape.planes * tileBytes());
  Values masked =
      emitMaskedScores(k, scores(keys), keyTiles(), k.mul(number, plan.keys),
                       laneColumn, length);
  Values highest = maxima(masked, state.maximum), factors, sums;
  for (auto [from, to] : llvm::zip_equal(state.maximum, highest))
    factors.push_back(factor(from, to));
  state.maximum = highest;
  SmallVector<SmallVector<Values>> weights =
      weigh(number, masked, highest, sums);
  for (auto [sum, factor, part] : llvm::zip_equal(state.sum, factors, sums))
    sum = k.fma(sum, factor, part);
  forContext(weights, values, [&](int64_t place, Value part) {
    int64_t rowTile = place / (headTiles() * tileValues);
    Value &sum = state.context[place];
    sum = k.fma(sum, factors[rowTile * 2 + place % tileValues / 2], part);
  });
  return state;
}

// [row tile][key tile][4]
Values AttentionEmitter::scores(Value keys) {
  Values result(rowTiles() * keyTiles() * tileValues);
  int64_t depthTiles = shape.headStride / tileDepth;
  for (int64_t key = 0; key < keyTiles(); key += 2) {
    Values block = products(
        depthTiles, [&](int64_t r, int64_t d) { return queryOperands(r, d); },
        [&](int64_t, int64_t d, int64_t plane) {
          return tile.loadB(bytes(keys, plane * tileBytes()), key * tileColumns,
                            d * tileDepth);
        });
    for (int64_t r = 0; r < rowTiles(); ++r)
      llvm::copy(ArrayRef(block).slice(r * blockValues, blockValues),
                 &result[(r * keyTiles() + key) * tileValues]);
  }
  return result;
}

static bool isOfHalf(int64_t value, int64_t half) {
  return value % tileValues / 2 == half;
}

Values AttentionEmitter::maxima(ArrayRef<Value> scores, ArrayRef<Value> above) {
  int64_t perRow = keyTiles() * tileValues;
  Values result;
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t half = 0; half < 2; ++half) {
      Value highest = above[r * 2 + half];
      for (int64_t i = 0; i < perRow; ++i)
        if (isOfHalf(i, half))
          highest = k.maxf(scores[r * perRow + i], highest);
      for (int64_t mask : {1, 2})
        highest = k.maxf(k.shuffleXor(highest, mask), highest);
      result.push_back(highest);
    }
  return result;
}

SmallVector<SmallVector<Values>> AttentionEmitter::weigh(Value number,
                                                         Values scores,
                                                         ArrayRef<Value> maxima,
                                                         Values &sums) {
  int64_t perRow = keyTiles() * tileValues;
  for (auto [i, value] : llvm::enumerate(scores)) {
    auto place = static_cast<int64_t>(i);
    int64_t row = place / perRow * 2 + place % tileValues / 2;
    value = weight(value, maxima[row]);
  }
  sums.assign(rowTiles() * 2, zero());
  SmallVector<SmallVector<Values>> operands;
  ArrayRef<Value> rest = scores;
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t key = 0; key < plan.keys; key += tileDepth) {
      operands.push_back(weightOperands(rest.take_front(blockValues), sums, r));
      rest = rest.drop_front(blockValues);
      if (dropout)
        dropWeights(operands.back(), r, k.add(k.mul(number, plan.keys), key));
    }
  return operands;
}

SmallVector<Values> AttentionEmitter::weightOperands(ArrayRef<Value> weights,
                                                     Values &sums,
                                                     int64_t rowTile) {
  // Of both tiles: the upper row's neighbours, then the lower row's.
  SmallVector<Values> planes(shape.planes);
  for (int64_t pair = 0; pair < 4; ++pair) {
    Values parts = k.splitPair(weights[2 * pair], weights[2 * pair + 1],
                               shape.type, shape.planes);
    // What is multiplied is what is summed, so that weights add up to 1.
    auto [low, high] = k.widenPair(parts.back(), shape.type);
    for (Value part : llvm::reverse(ArrayRef(parts).drop_back())) {
      auto [lowPart, highPart] = k.widenPair(part, shape.type);
      low = k.addf(low, lowPart);
      high = k.addf(high, highPart);
    }
    Value &sum = sums[rowTile * 2 + pair % 2];
    sum = k.addf(k.addf(sum, low), high);
    for (auto [plane, part] : llvm::zip_equal(planes, parts))
      plane.push_back(part);
  }
  return planes;
}

// What is kept is scaled with the sums.
void AttentionEmitter::dropWeights(SmallVector<Values> &operands,
                                   int64_t rowTile, Value firstKey) {
  Value query = k.add(k.add(first, firstRow()), rowTile * tileRows);
  for (int64_t half = 0; half < 2; ++half) {
    AttentionDropout::Kept kept =
        dropout->keptOfQueries(query, k.add(firstKey, half * tileColumns));
    for (int64_t pair = 0; pair < 2; ++pair) {
      Value low = k.select(kept[2 * pair], k.index(0xffff), k.index(0));
      Value high =
          k.select(kept[2 * pair + 1], k.index(0xffff0000), k.index(0));
      Value mask = arith::OrIOp::create(k.b, k.loc, low, high);
      for (Values &plane : operands) {
        Value &part = plane[2 * half + pair];
        part = arith::AndIOp::create(k.b, k.loc, part, mask);
      }
    }
  }
}

void AttentionEmitter::forContext(
    ArrayRef<SmallVector<Values>> weights, Value values,
    llvm::function_ref<void(int64_t, Value)> add) {
  int64_t keySteps = plan.keys / tileDepth;
  for (int64_t column = 0; column < headTiles(); column += 2) {
    Values block = products(
        keySteps,
        [&](int64_t r, int64_t key) { return weights[r * keySteps + key]; },
        [&](int64_t, int64_t key, int64_t plane) {
          return tile.loadB(bytes(values, plane * tileBytes()), key * tileDepth,
                            column * tileColumns,
                            /*transposed=*/true);
        });
    for (auto [i, part] : llvm::enumerate(block)) {
      int64_t r = static_cast<int64_t>(i) / blockValues;
      int64_t place = static_cast<int64_t>(i) % blockValues;
      add((r * headTiles() + column) * tileValues + place, part);
    }
  }
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

Value AttentionEmitter::inverse(Value &sum) {
  for (int64_t mask : {1, 2})
    sum = k.addf(sum, k.shuffleXor(sum, mask));
  return k.divf(dropout ? dropout->scale() : k.scalar(1), sum);
}

void AttentionEmitter::writeLogSumExp(Value token, Value maximum, Value sum) {
  Value value = k.fma(maximum, k.scalar(shape.scale), emitLog(k.b, k.loc, sum));
  k.store(value, elementAt(k, logSumExp, token, roundUp(shape.heads, lanes),
                           head, k.f32()));
}

void AttentionEmitter::finish(State state) {
  Value headColumn = k.mul(head, shape.headStride);
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t half = 0; half < 2; ++half) {
      Value sum = state.sum[r * 2 + half];
      Value scale = inverse(sum);
      Value row = k.add(firstRow(), k.add(laneRow, r * tileRows + 8 * half));
      k.ifThen(k.less(row, length), [&] {
        Value token = k.add(first, row);
        for (int64_t column = 0; column < headTiles(); ++column) {
          Value pair[2];
          for (int64_t i = 0; i < 2; ++i)
            pair[i] =
                k.mulf(state.context[(r * headTiles() + column) * tileValues +
                                     2 * half + i],
                       scale);
          writer.write(
              token, k.add(k.add(headColumn, laneColumn), column * tileColumns),
              pair);
        }
        if (logSumExp)
          k.ifThen(k.equal(laneColumn, k.index(0)), [&] {
            writeLogSumExp(token, state.maximum[r * 2 + half], sum);
          });
      });
    }
}

DeviceKernel bertc::attentionKernel(GpuBuilder &k,
                                    const DeviceAttentionShape &shape,
                                    const DeviceAttentionPlan &plan) {
  return AttentionEmitter(k, shape, plan).kernel();
}

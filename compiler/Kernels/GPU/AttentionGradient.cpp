//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both kernels are the same program. A block has rows of two operands (of q and
// dy, or of k and v) and walks over those of the other two: the product of the
// first ones are scores, that of the second ones gradients of weights. A warp
// turns them into left operands of the products that its results are sums of.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionGradient.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/GPU/AttentionDropout.h"
#include "compiler/Kernels/GPU/AttentionMma.h"
#include "compiler/Kernels/GPU/AttentionTile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <limits>
#include <optional>

using namespace mlir;
using namespace bertc;

namespace {

using Values = SmallVector<Value>;
using Planes = BlockProduct::Planes;

/// Whose gradients are computed: what the rows of a block are.
enum class Side { Queries, Keys };

/// Operands of each side.
constexpr int64_t sideOperands = 2;
constexpr int64_t floatBytes = 4;

class GradientEmitter {
public:
  GradientEmitter(GpuBuilder &k, Side side,
                  const DeviceAttentionGradientShape &shape,
                  const DeviceAttentionGradientPlan &plan)
      : k(k), side(side), shape(shape), plan(plan),
        writer(k, shape.gradients, shape.gradientStride),
        tile(k, shape.headStride) {}

  DeviceKernel kernel();

private:
  bool ofKeys() const { return side == Side::Keys; }
  int64_t threads() const { return plan.warps * warpSize; }
  int64_t rowsOfWarp() const { return plan.rows / plan.warps; }
  int64_t rowTiles() const { return rowsOfWarp() / tileRows; }
  int64_t columnTiles() const { return plan.columns / tileColumns; }
  int64_t headTiles() const { return shape.headStride / tileColumns; }
  int64_t depthTiles() const { return shape.headStride / tileDepth; }
  /// dq, or dk and dv.
  int64_t results() const { return ofKeys() ? 2 : 1; }
  int64_t sumsOfResult() const { return rowTiles() * headTiles() * tileValues; }

  // Shared memory: the block's own rows, if they are there; then stages of rows
  // of the other side, with the two floats of each query behind them.
  int64_t ownTileBytes() const { return plan.rows * tile.rowBytes(); }
  int64_t ownBytes() const {
    return plan.resident ? 0 : sideOperands * shape.planes * ownTileBytes();
  }
  int64_t tileBytes() const { return plan.columns * tile.rowBytes(); }
  int64_t floatsPlace() const {
    return sideOperands * shape.planes * tileBytes();
  }
  int64_t stageBytes() const {
    return floatsPlace() + (ofKeys() ? 2 * plan.columns * floatBytes : 0);
  }
  std::string name() const;

  /// A plane of rows, from the first column of the head on.
  struct Operand {
    Value data, planeStride;
    int64_t stride = 0;
  };
  Value rowOf(const Operand &operand, Value row, Value column) {
    return elementAt(k, operand.data, k.add(first, row), operand.stride, column,
                     k.half(shape.type));
  }
  /// An argument with a float for each head of a query.
  Value floatOf(Value argument, Value query) {
    return elementAt(k, argument, k.add(first, query),
                     roundUp(shape.heads, lanes), head, k.f32());
  }

  void emit(ValueRange arguments);
  void emitBlock();
  void copyRows(ArrayRef<Operand> from, Value firstCopied, int64_t rows,
                Value base);
  void copyStep(Value step);
  void loadOwn();
  void loadFloats();

  Values step(Value number, Values sums);
  /// Runs `body(row tile, column tile, values)` on scores, or (1) gradients of
  /// weights.
  void
  forProducts(int64_t operand, Value stage,
              llvm::function_ref<void(int64_t, int64_t, ArrayRef<Value>)> body);
  /// exp(scale * score - log).
  Value weight(Value score, Value log);
  /// [row tile][column tile][4]
  Values weights(Value number, Value stage);
  /// Which of them dropout keeps, if there is one.
  Values keptWeights(Value number);
  /// The log-sum-exp, or (1) the sum of dy * y, of the queries of a tile's four
  /// values.
  std::array<Value, tileValues> floatsOf(int64_t which, Value stage, int64_t r,
                                         int64_t columnTile);
  Planes ownOperand(int64_t operand, int64_t r, int64_t d);
  Planes leftOperand(ArrayRef<Value> block);
  /// Adds the product of what `left` [row tile][16 columns] is with the rows of
  /// an operand of the other side.
  void addResult(ArrayRef<Planes> left, int64_t operand, Value stage,
                 MutableArrayRef<Value> sums);
  void finish(ArrayRef<Value> sums);

  Value bytes(Value pointer, int64_t offset) {
    return k.at(pointer, offset, k.b.getI8Type());
  }
  Value bytes(Value pointer, Value offset) {
    return k.at(pointer, offset, k.b.getI8Type());
  }
  Value stageOf(Value step) {
    Value stage = k.mul(k.rem(step, plan.stages), stageBytes());
    return bytes(k.sharedMemory(), k.add(stage, ownBytes()));
  }
  Value operandOf(Value stage, int64_t operand, int64_t plane) {
    return bytes(stage, (operand * shape.planes + plane) * tileBytes());
  }
  /// A row of the sequence: of this lane, the upper or lower half of a tile.
  Value ownRow(int64_t r, int64_t half) {
    return k.add(k.add(firstRow, k.mul(k.warpId(), rowsOfWarp())),
                 k.add(laneRow, r * tileRows + half * tileRows / 2));
  }

  GpuBuilder &k;
  Side side;
  const DeviceAttentionGradientShape &shape;
  const DeviceAttentionGradientPlan &plan;
  RowWriter writer;
  AttentionTile tile;

  SmallVector<Operand> own, others;
  Value logSumExp, outputSums; // arguments
  Value head, first, length;   // of this block's sequence
  Value firstRow, laneRow, laneColumn;
  std::optional<AttentionDropout> dropout;
  SmallVector<Planes> resident; // [operand][row tile][depth tile]
  Values floats;                // of own queries: [2][row tile][2]
};

std::string GradientEmitter::name() const {
  DeviceForms input;
  input.planes = shape.planes;
  input.type = shape.type;
  std::string text = llvm::formatv(
      "attention_{0}_gradient_{1}x{2}_ld{3}_ld{4}_{5}_to_{6}_ld{7}"
      "_r{8}c{9}w{10}s{11}",
      ofKeys() ? "key" : "query", shape.heads, shape.headSize,
      shape.inputStride, shape.outputStride, input.name(),
      shape.gradients.name(), shape.gradientStride, plan.rows, plan.columns,
      plan.warps, plan.stages);
  if (!plan.resident)
    text += "_shared";
  text += nameOfScale(shape.scale, shape.headSize);
  if (shape.dropout)
    text += "_dropout";
  return text;
}

DeviceKernel GradientEmitter::kernel() {
  SmallVector<Type> types = {k.global(), k.i64(),    k.global(), k.i64(),
                             k.global(), k.global(), k.global()};
  writer.addTypes(types);
  if (shape.dropout)
    DeviceDropout::addTypes(k, types);
  types.push_back(k.i32());
  // As many registers as a thread can have: the assembler would rather spill
  // some than have a block less on a processor.
  constexpr int64_t registerFile = 65536, most = 256;
  return k.kernel(
      name(), threads(), ownBytes() + plan.stages * stageBytes(), types,
      [&](ValueRange v) { emit(v); },
      std::max<int64_t>(registerFile / (most * threads()), 1));
}

void GradientEmitter::emit(ValueRange arguments) {
  Value qkv = arguments[0], planeStride = arguments[1];
  Value gradient = arguments[2], gradientPlaneStride = arguments[3];
  logSumExp = arguments[4];
  outputSums = arguments[5];
  Value offsets = arguments[6];
  arguments = arguments.drop_front(7);
  writer.take(arguments);

  firstRow = k.mul(k.blockId(0), plan.rows);
  head = k.blockId(1);
  if (shape.dropout) {
    DeviceDropout given;
    given.take(arguments);
    dropout.emplace(k, given, head);
  }
  auto input = [&](int64_t part) {
    Value column = k.mul(k.add(head, part * shape.heads), shape.headStride);
    return Operand{k.at(qkv, column, k.half(shape.type)), planeStride,
                   shape.inputStride};
  };
  Operand outputGradient{
      k.at(gradient, k.mul(head, shape.headStride), k.half(shape.type)),
      gradientPlaneStride, shape.outputStride};
  own = {input(0), outputGradient};
  others = {input(1), input(2)};
  if (ofKeys())
    std::swap(own, others);

  Value offset = k.at(offsets, k.blockId(2), k.i32());
  first = k.load(offset, k.i32());
  length = k.sub(k.load(k.at(offset, 1, k.i32()), k.i32()), first);
  k.ifThen(k.less(firstRow, length), [&] { emitBlock(); });
}

void GradientEmitter::emitBlock() {
  LanePlace lane(k);
  laneRow = lane.row;
  laneColumn = lane.column;
  if (!plan.resident)
    copyRows(own, firstRow, plan.rows, k.sharedMemory());
  // Written so that it cannot be zero for the optimiser either.
  Value steps = k.add(k.div(k.sub(length, k.index(1)), plan.columns), 1);
  for (int64_t i = 0; i + 1 < plan.stages; ++i) {
    k.ifThen(k.less(k.index(i), steps), [&] { copyStep(k.index(i)); });
    k.commitCopies();
  }
  if (plan.resident)
    loadOwn();
  if (!ofKeys())
    loadFloats();
  Values sums(results() * sumsOfResult(), k.scalar(0));
  sums = k.forLoop(k.index(0), steps, k.index(1), sums,
                   [&](Value number, ValueRange carried) {
                     k.waitCopies(plan.stages - 2);
                     k.barrier();
                     // Into the stage that was read before the barrier.
                     Value next = k.add(number, plan.stages - 1);
                     k.ifThen(k.less(next, steps), [&] { copyStep(next); });
                     k.commitCopies();
                     return step(number, Values(carried));
                   });
  finish(sums);
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

void GradientEmitter::copyRows(ArrayRef<Operand> from, Value firstCopied,
                               int64_t rows, Value base) {
  SmallVector<AttentionTile::Source> sources;
  for (const Operand &operand : from)
    sources.push_back({rowOf(operand, firstCopied, k.index(0)), operand.stride,
                       operand.planeStride});
  tile.copyRows(base, rows, threads(), k.sub(length, firstCopied), sources,
                shape.planes, shape.type);
}

// Queries behind the sequence have zeros of everything: their weight of 1 meets
// a row of zeros of dy, and the gradient of their score is zero.
void GradientEmitter::copyStep(Value step) {
  Value stage = stageOf(step), begin = k.mul(step, plan.columns);
  copyRows(others, begin, plan.columns, stage);
  if (!ofKeys())
    return;
  for (int64_t i = 0; i < plan.columns; i += threads()) {
    Value number = k.add(k.threadId(), i);
    k.ifThen(k.less(number, k.index(plan.columns)), [&] {
      Value query = k.add(begin, number);
      Value bytesRead =
          k.select(k.less(query, length), k.index(floatBytes), k.index(0));
      Value target =
          bytes(bytes(stage, floatsPlace()), k.mul(number, floatBytes));
      k.copyWordAsync(target, floatOf(logSumExp, query), bytesRead);
      k.copyWordAsync(bytes(target, plan.columns * floatBytes),
                      floatOf(outputSums, query), bytesRead);
    });
  }
}

// Straight from memory: each is read once. Rows behind the sequence are the
// last one, and not written.
void GradientEmitter::loadOwn() {
  Value last = k.sub(length, k.index(1));
  for (const Operand &operand : own)
    for (int64_t r = 0; r < rowTiles(); ++r) {
      Value rows[2];
      for (int64_t half = 0; half < 2; ++half)
        rows[half] = rowOf(operand, k.min(ownRow(r, half), last), laneColumn);
      resident.append(loadLeftOperands(k, shape.type, rows, operand.planeStride,
                                       shape.planes, depthTiles()));
    }
}

void GradientEmitter::loadFloats() {
  Value last = k.sub(length, k.index(1));
  for (Value argument : {logSumExp, outputSums})
    for (int64_t r = 0; r < rowTiles(); ++r)
      for (int64_t half = 0; half < 2; ++half)
        floats.push_back(
            k.load(floatOf(argument, k.min(ownRow(r, half), last)), k.f32()));
}

Planes GradientEmitter::ownOperand(int64_t operand, int64_t r, int64_t d) {
  if (plan.resident)
    return resident[(operand * rowTiles() + r) * depthTiles() + d];
  Value base = bytes(k.sharedMemory(),
                     k.mul(k.warpId(), rowsOfWarp() * tile.rowBytes()));
  Planes planes;
  for (int64_t plane = 0; plane < shape.planes; ++plane)
    planes.push_back(tile.loadA(
        bytes(base, (operand * shape.planes + plane) * ownTileBytes()),
        r * tileRows, d * tileDepth));
  return planes;
}

std::array<Value, tileValues> GradientEmitter::floatsOf(int64_t which,
                                                        Value stage, int64_t r,
                                                        int64_t columnTile) {
  if (!ofKeys()) {
    Value upper = floats[(which * rowTiles() + r) * 2];
    Value lower = floats[(which * rowTiles() + r) * 2 + 1];
    return {upper, upper, lower, lower};
  }
  int64_t place = which * plan.columns + columnTile * tileColumns;
  Value pair = k.load(bytes(k.at(stage, laneColumn, k.f32()),
                            floatsPlace() + place * floatBytes),
                      k.vectorOf(k.f32(), 2));
  Value left = k.element(pair, 0), right = k.element(pair, 1);
  return {left, right, left, right};
}

//===----------------------------------------------------------------------===//
// A step
//===----------------------------------------------------------------------===//

Values GradientEmitter::step(Value number, Values sums) {
  Value stage = stageOf(number);
  Values p = weights(number, stage), kept = keptWeights(number);
  auto leftOperands = [&](ArrayRef<Value> values) {
    SmallVector<Planes> result; // [row tile][16 columns]
    for (; !values.empty(); values = values.drop_front(blockValues))
      result.push_back(leftOperand(values.take_front(blockValues)));
    return result;
  };
  if (ofKeys()) {
    Values dropped = p;
    if (dropout)
      for (auto [value, isKept] : llvm::zip_equal(dropped, kept))
        value = dropout->apply(isKept, value);
    addResult(leftOperands(dropped), 1, stage,
              MutableArrayRef(sums).take_back(sumsOfResult()));
  }
  forProducts(1, stage, [&](int64_t r, int64_t column, ArrayRef<Value> block) {
    auto outputs = floatsOf(1, stage, r, column);
    for (int64_t j = 0; j < tileValues; ++j) {
      int64_t place = (r * columnTiles() + column) * tileValues + j;
      Value gradient =
          dropout ? dropout->apply(kept[place], block[j]) : block[j];
      p[place] = k.mulf(p[place], k.subf(gradient, outputs[j]));
    }
  });
  addResult(leftOperands(p), 0, stage,
            MutableArrayRef(sums).take_front(sumsOfResult()));
  return sums;
}

Values GradientEmitter::keptWeights(Value number) {
  if (!dropout)
    return {};
  Values kept;
  Value firstOwn = k.add(firstRow, k.mul(k.warpId(), rowsOfWarp()));
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t column = 0; column < columnTiles(); ++column) {
      Value row = k.add(firstOwn, r * tileRows);
      Value other = k.add(k.mul(number, plan.columns), column * tileColumns);
      llvm::append_range(
          kept, ofKeys() ? dropout->keptOfKeys(row, k.add(first, other))
                         : dropout->keptOfQueries(k.add(first, row), other));
    }
  return kept;
}

// Operands that come from memory are read once for all columns, those in
// registers have only a few sums at a time beside them.
void GradientEmitter::forProducts(
    int64_t operand, Value stage,
    llvm::function_ref<void(int64_t, int64_t, ArrayRef<Value>)> body) {
  int64_t all = plan.columns / tileDepth, blocks = plan.resident ? 1 : all;
  auto left = [&](int64_t r, int64_t d) { return ownOperand(operand, r, d); };
  for (int64_t first = 0; first < all; first += blocks) {
    auto right = [&](int64_t block, int64_t d, int64_t plane) {
      return tile.loadB(operandOf(stage, operand, plane),
                        (first + block) * tileDepth, d * tileDepth);
    };
    Values product = emitBlockProduct(k, {shape.type, shape.planes, rowTiles(),
                                          blocks, depthTiles(), left, right});
    ArrayRef<Value> rest = product;
    for (int64_t r = 0; r < rowTiles(); ++r)
      for (int64_t i = 0; i < 2 * blocks; ++i) {
        body(r, 2 * first + i, rest.take_front(tileValues));
        rest = rest.drop_front(tileValues);
      }
  }
}

// As attention itself takes them: by the instruction, where products have 16
// bits.
Value GradientEmitter::weight(Value score, Value log) {
  constexpr double log2e = llvm::numbers::log2e;
  if (shape.planes == 1)
    return k.exp2(k.fma(score, k.scalar(shape.scale * log2e),
                        k.mulf(log, k.scalar(-log2e))));
  Value difference = k.fma(score, k.scalar(shape.scale),
                           arith::NegFOp::create(k.b, k.loc, log));
  return emitSoftmaxExp(k.b, k.loc, difference, /*scale=*/1, /*rough=*/false);
}

Values GradientEmitter::weights(Value number, Value stage) {
  Values result(rowTiles() * columnTiles() * tileValues);
  forProducts(0, stage, [&](int64_t r, int64_t column, ArrayRef<Value> scores) {
    llvm::copy(scores, &result[(r * columnTiles() + column) * tileValues]);
  });
  // Keys behind the sequence are zeros: their score is, and exp of what is left
  // may be infinite.
  if (!ofKeys())
    result = emitMaskedScores(k, result, columnTiles(),
                              k.mul(number, plan.columns), laneColumn, length);
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t column = 0; column < columnTiles(); ++column) {
      auto logs = floatsOf(0, stage, r, column);
      for (int64_t j = 0; j < tileValues; ++j) {
        Value &score = result[(r * columnTiles() + column) * tileValues + j];
        score = weight(score, logs[j]);
      }
    }
  return result;
}

Planes GradientEmitter::leftOperand(ArrayRef<Value> block) {
  // Of both tiles: the upper row's neighbours, then the lower row's.
  Planes planes(shape.planes);
  for (int64_t pair = 0; pair < 4; ++pair)
    for (auto [plane, part] : llvm::zip_equal(
             planes, k.splitPair(block[2 * pair], block[2 * pair + 1],
                                 shape.type, shape.planes)))
      plane.push_back(part);
  return planes;
}

// Sums of a step begin at zero and are added to the rest by an addition, which
// rounds: sums of tensor cores are cut off.
void GradientEmitter::addResult(ArrayRef<Planes> left, int64_t operand,
                                Value stage, MutableArrayRef<Value> sums) {
  int64_t steps = plan.columns / tileDepth;
  for (int64_t column = 0; column < headTiles(); column += 2) {
    auto leftOf = [&](int64_t r, int64_t step) {
      return left[r * steps + step];
    };
    auto right = [&](int64_t, int64_t step, int64_t plane) {
      return tile.loadB(operandOf(stage, operand, plane), step * tileDepth,
                        column * tileColumns, /*transposed=*/true);
    };
    Values block =
        emitBlockProduct(k, {shape.type, shape.planes, rowTiles(),
                             /*columnBlocks=*/1, steps, leftOf, right});
    for (auto [i, part] : llvm::enumerate(block)) {
      int64_t r = static_cast<int64_t>(i) / blockValues;
      int64_t place = static_cast<int64_t>(i) % blockValues;
      Value &sum = sums[(r * headTiles() + column) * tileValues + place];
      sum = k.addf(sum, part);
    }
  }
}

//===----------------------------------------------------------------------===//
// The result
//===----------------------------------------------------------------------===//

void GradientEmitter::finish(ArrayRef<Value> sums) {
  Value scale = k.scalar(shape.scale);
  for (int64_t r = 0; r < rowTiles(); ++r)
    for (int64_t half = 0; half < 2; ++half) {
      Value row = ownRow(r, half);
      k.ifThen(k.less(row, length), [&] {
        Value token = k.add(first, row);
        for (int64_t result = 0; result < results(); ++result) {
          int64_t part = ofKeys() ? 1 + result : 0;
          Value column =
              k.mul(k.add(head, part * shape.heads), shape.headStride);
          for (int64_t t = 0; t < headTiles(); ++t) {
            int64_t place = result * sumsOfResult() +
                            (r * headTiles() + t) * tileValues + 2 * half;
            Value pair[2] = {sums[place], sums[place + 1]};
            // Scores are scaled, values are not.
            if (result == 0)
              for (Value &value : pair)
                value = k.mulf(value, scale);
            writer.write(
                token, k.add(k.add(column, laneColumn), t * tileColumns), pair);
          }
        }
      });
    }
}

} // namespace

DeviceKernel
bertc::attentionQueryGradientKernel(GpuBuilder &k,
                                    const DeviceAttentionGradientShape &shape,
                                    const DeviceAttentionGradientPlan &plan) {
  return GradientEmitter(k, Side::Queries, shape, plan).kernel();
}

DeviceKernel
bertc::attentionKeyGradientKernel(GpuBuilder &k,
                                  const DeviceAttentionGradientShape &shape,
                                  const DeviceAttentionGradientPlan &plan) {
  return GradientEmitter(k, Side::Keys, shape, plan).kernel();
}

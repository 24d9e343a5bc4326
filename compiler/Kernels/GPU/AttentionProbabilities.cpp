//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp has 16 queries and takes all keys, step by step. What is written is
// far more than what is read and, in one plane, takes longer than the products:
// two neighbours are one store where rows are aligned to it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionProbabilities.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/AttentionMma.h"
#include "compiler/Kernels/GPU/AttentionTile.h"
#include "compiler/Kernels/GPU/DeviceRows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

namespace {

using Values = SmallVector<Value>;
using Planes = BlockProduct::Planes;

constexpr int64_t warps = 4, stages = 2;
constexpr int64_t rowsOfBlock = attentionProbabilitiesRows;
static_assert(rowsOfBlock == warps * tileRows);
constexpr int64_t threads = warps * warpSize;

class ProbabilitiesEmitter {
public:
  ProbabilitiesEmitter(GpuBuilder &k, const DeviceAttentionShape &shape)
      : k(k), shape(shape), tile(k, shape.headStride) {}

  DeviceKernel kernel();

private:
  /// All planes of both operands' rows.
  int64_t depth() const { return shape.planes * shape.headStride; }
  /// A lane has a quarter of as many registers of queries; those of more depth
  /// are in shared memory.
  bool isResident() const { return depth() <= 512; }
  /// Keys of a step.
  int64_t columns() const {
    return shape.planes == 1 ? 64 : isResident() ? 32 : 16;
  }
  int64_t tileBytes() const { return columns() * tile.rowBytes(); }
  int64_t stageBytes() const { return shape.planes * tileBytes(); }
  int64_t queryBytes() const { return rowsOfBlock * tile.rowBytes(); }
  int64_t sharedBytes() const {
    return stages * stageBytes() +
           (isResident() ? 0 : shape.planes * queryBytes());
  }

  void emit(ValueRange arguments);
  /// The probabilities of keys up to the length of the sequence, rounded up to
  /// steps.
  void emitBlock(Value steps);
  /// A row of queries (0) or keys (1) of this head, from `column` on.
  Value input(int64_t part, Value token, Value column);
  void copyRows(int64_t part, Value token, int64_t rows, Value base);
  void copyStep(Value step);
  void loadQueries();
  Planes queryOperand(int64_t d);

  /// [column tile][4]
  Values step(Value number);
  /// Of keys from `column` on, this lane's first; those behind the longest
  /// sequence are left out.
  void store(Value column, ArrayRef<Value> values);
  void storeRow(int64_t half, Value column, ArrayRef<Value> values, bool pairs);

  Value bytes(Value pointer, int64_t offset) {
    return k.at(pointer, offset, k.b.getI8Type());
  }
  Value stageOf(Value step) {
    return k.at(k.sharedMemory(), k.mul(k.rem(step, stages), stageBytes()),
                k.b.getI8Type());
  }
  Value queryPlane(int64_t plane) {
    return bytes(k.sharedMemory(),
                 stages * stageBytes() + plane * queryBytes());
  }

  GpuBuilder &k;
  const DeviceAttentionShape &shape;
  AttentionTile tile;

  Value qkv, planeStride, logSumExp, longest; // arguments
  Value head, first, length;                  // of this block's sequence
  Value firstRow, laneColumn;
  // Of this lane's row of the upper and of the lower half of the tile.
  Value rows[2], targets[2], logs[2];
  SmallVector<Planes> queries; // [depth tile], resident
};

DeviceKernel ProbabilitiesEmitter::kernel() {
  DeviceForms input;
  input.planes = shape.planes;
  input.type = shape.type;
  std::string name =
      llvm::formatv("attention_probabilities_{0}x{1}_ld{2}_{3}", shape.heads,
                    shape.headSize, shape.inputStride, input.name());
  name += nameOfScale(shape.scale, shape.headSize);
  const Type types[] = {k.global(), k.i64(),    k.global(),
                        k.global(), k.global(), k.i32()};
  // As many registers as a thread can have.
  constexpr int64_t registerFile = 65536, most = 256;
  return k.kernel(
      name, threads, sharedBytes(), types, [&](ValueRange v) { emit(v); },
      registerFile / (most * threads));
}

void ProbabilitiesEmitter::emit(ValueRange arguments) {
  qkv = arguments[0];
  planeStride = arguments[1];
  Value offsets = arguments[2];
  logSumExp = arguments[3];
  Value probabilities = arguments[4];
  longest = arguments[5];

  firstRow = k.mul(k.blockId(0), rowsOfBlock);
  head = k.blockId(1);
  Value sequence = k.blockId(2);
  Value offset = k.at(offsets, sequence, k.i32());
  first = k.load(offset, k.i32());
  length = k.sub(k.load(k.at(offset, 1, k.i32()), k.i32()), first);

  LanePlace lane(k);
  laneColumn = lane.column;
  auto product = [&](Value a, Value c) {
    return arith::MulIOp::create(k.b, k.loc, a, c);
  };
  Value wide = k.wide(longest);
  Value matrix = k.add(k.mul(sequence, shape.heads), head);
  Value target = k.at(probabilities,
                      product(product(k.wide(matrix), wide), wide), k.f32());
  for (int64_t half = 0; half < 2; ++half) {
    rows[half] = k.add(k.add(firstRow, k.mul(k.warpId(), tileRows)),
                       k.add(lane.row, half * tileRows / 2));
    targets[half] = k.at(target, product(k.wide(rows[half]), wide), k.f32());
  }

  // Blocks behind the sequence have zeros only.
  Value hasQueries = k.less(firstRow, length);
  Value steps = k.select(hasQueries,
                         k.add(k.div(k.sub(length, k.index(1)), columns()), 1),
                         k.index(0));
  k.ifThen(hasQueries, [&] { emitBlock(steps); });
  Values zeros(columns() / tileColumns * tileValues, k.scalar(0));
  k.forLoop(k.mul(steps, columns()), longest, columns(),
            [&](Value column) { store(k.add(column, laneColumn), zeros); });
}

void ProbabilitiesEmitter::emitBlock(Value steps) {
  if (!isResident())
    copyRows(0, firstRow, rowsOfBlock, queryPlane(0));
  copyStep(k.index(0));
  k.commitCopies();
  loadQueries();
  k.forLoop(k.index(0), steps, 1, [&](Value number) {
    k.waitCopies(0);
    k.barrier();
    // Into the stage that was read before the barrier.
    Value next = k.add(number, 1);
    k.ifThen(k.less(next, steps), [&] { copyStep(next); });
    k.commitCopies();
    store(k.add(k.mul(number, columns()), laneColumn), step(number));
  });
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value ProbabilitiesEmitter::input(int64_t part, Value token, Value column) {
  Value start =
      k.add(k.mul(k.add(head, part * shape.heads), shape.headStride), column);
  return elementAt(k, qkv, k.add(first, token), shape.inputStride, start,
                   k.half(shape.type));
}

void ProbabilitiesEmitter::copyRows(int64_t part, Value token, int64_t rows,
                                    Value base) {
  AttentionTile::Source source{input(part, token, k.index(0)),
                               shape.inputStride, planeStride};
  tile.copyRows(base, rows, threads, k.sub(length, token), source, shape.planes,
                shape.type);
}

void ProbabilitiesEmitter::copyStep(Value step) {
  copyRows(1, k.mul(step, columns()), columns(), stageOf(step));
}

// Straight from memory: each is read once. Rows behind the sequence are the
// last one, and what comes of them is not written.
void ProbabilitiesEmitter::loadQueries() {
  Value last = k.sub(length, k.index(1)), starts[2];
  for (int64_t half = 0; half < 2; ++half) {
    Value row = k.min(rows[half], last);
    starts[half] = input(0, row, laneColumn);
    logs[half] = k.load(elementAt(k, logSumExp, k.add(first, row),
                                  roundUp(shape.heads, lanes), head, k.f32()),
                        k.f32());
  }
  if (isResident())
    queries = loadLeftOperands(k, shape.type, starts, planeStride, shape.planes,
                               shape.headStride / tileDepth);
}

Planes ProbabilitiesEmitter::queryOperand(int64_t d) {
  if (isResident())
    return queries[d];
  Value ofWarp = k.mul(k.warpId(), tileRows * tile.rowBytes());
  Planes planes;
  for (int64_t plane = 0; plane < shape.planes; ++plane)
    planes.push_back(tile.loadA(
        k.at(queryPlane(plane), ofWarp, k.b.getI8Type()), 0, d * tileDepth));
  return planes;
}

//===----------------------------------------------------------------------===//
// A step
//===----------------------------------------------------------------------===//

// The exponent is what is left of two numbers of about the same size, so it is
// taken before anything is rounded but the score: what counts is then small.
Values ProbabilitiesEmitter::step(Value number) {
  Value stage = stageOf(number);
  Value scale = k.scalar(shape.scale), log2e = k.scalar(llvm::numbers::log2e);
  Value isQuery[2] = {k.less(rows[0], length), k.less(rows[1], length)};
  Value firstKey = k.add(k.mul(number, columns()), laneColumn);
  Values result;
  for (int64_t column = 0; column < columns(); column += tileDepth) {
    auto left = [&](int64_t, int64_t d) { return queryOperand(d); };
    auto right = [&](int64_t, int64_t d, int64_t plane) {
      return tile.loadB(bytes(stage, plane * tileBytes()), column,
                        d * tileDepth);
    };
    Values scores = emitBlockProduct(
        k, {shape.type, shape.planes, /*rowTiles=*/1,
            /*columnBlocks=*/1, shape.headStride / tileDepth, left, right});
    for (int64_t i = 0; i < blockValues; ++i) {
      int64_t half = i % tileValues / 2;
      Value log = arith::NegFOp::create(k.b, k.loc, logs[half]);
      Value weight = k.exp2(k.mulf(k.fma(scores[i], scale, log), log2e));
      Value key =
          k.add(firstKey, column + i / tileValues * tileColumns + i % 2);
      Value exists = k.both(isQuery[half], k.less(key, length));
      result.push_back(k.select(exists, weight, k.scalar(0)));
    }
  }
  return result;
}

// Where `longest` is even so is the place of each pair, and its neighbours are
// both inside or both not.
void ProbabilitiesEmitter::store(Value column, ArrayRef<Value> values) {
  Value odd = k.bitAnd(longest, 1);
  for (bool pairs : {true, false})
    k.ifThen(k.equal(odd, k.index(pairs ? 0 : 1)), [&] {
      for (int64_t half = 0; half < 2; ++half)
        k.ifThen(k.less(rows[half], longest),
                 [&] { storeRow(half, column, values, pairs); });
    });
}

void ProbabilitiesEmitter::storeRow(int64_t half, Value column,
                                    ArrayRef<Value> values, bool pairs) {
  Value start = k.at(targets[half], column, k.f32());
  for (int64_t t = 0; t < columns() / tileColumns; ++t) {
    ArrayRef<Value> pair = values.slice(t * tileValues + 2 * half, 2);
    for (int64_t i = 0; i < (pairs ? 1 : 2); ++i) {
      int64_t place = t * tileColumns + i;
      Value value = pairs ? k.vectorFrom(pair) : pair[i];
      k.ifThen(k.less(k.add(column, place), longest),
               [&] { k.store(value, k.at(start, place, k.f32())); });
    }
  }
}

} // namespace

DeviceKernel
bertc::attentionProbabilitiesKernel(GpuBuilder &k,
                                    const DeviceAttentionShape &shape) {
  return ProbabilitiesEmitter(k, shape).kernel();
}

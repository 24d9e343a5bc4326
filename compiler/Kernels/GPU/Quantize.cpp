//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Lanes have neighbours side by side, so a distance in a block is one in a
// lane's registers or in the numbers of lanes. The kernel gives a lane 16
// columns and a row as many warps as it fills: three exchanges for a block of
// 128, and rows are few where tokens are.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Quantize.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/CPU/Rotate.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

static constexpr double least = -128, steps = 255;

/// Turns blocks of `block` elements; `values` are vectors of `perLane`
/// neighbours. In the order of Kernels/CPU/Rotate.cpp: large distances first.
static void turn(GpuBuilder &k, MutableArrayRef<Value> values, int64_t perLane,
                 int64_t block) {
  for (int64_t distance = block / 2; distance >= perLane; distance /= 2) {
    int64_t mask = distance / perLane;
    Value isUpper = k.equal(k.bitAnd(k.laneId(), mask), k.index(mask));
    Value sign = k.select(isUpper, k.scalar(-1), k.scalar(1));
    for (Value &v : values)
      v = k.fma(v, sign, k.shuffleXor(v, mask));
  }
  for (int64_t distance = std::min(block, perLane) / 2; distance >= 1;
       distance /= 2)
    for (size_t i = 0; i < values.size(); ++i) {
      if (i & distance)
        continue;
      Value low = values[i], high = values[i + distance];
      values[i] = k.addf(low, high);
      values[i + distance] = k.subf(low, high);
    }
}

namespace {
/// How far values go above and below 0.
struct Reach {
  Value above, below;
};
/// What values are multiplied with before they are rounded, and the rest.
struct Codes {
  Value step, zero, factor, shift;
};
} // namespace

static Reach reachOf(GpuBuilder &k, ValueRange values) {
  Reach reach = {k.scalar(0), k.scalar(0)};
  for (Value v : values) {
    reach.above = k.maxf(v, reach.above);
    reach.below = k.maxf(arith::NegFOp::create(k.b, k.loc, v), reach.below);
  }
  return {k.warpMax(reach.above), k.warpMax(reach.below)};
}

static Codes codesOf(GpuBuilder &k, Reach reach) {
  Value range = k.addf(reach.above, reach.below), all = k.scalar(steps);
  Value none = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OEQ,
                                     range, k.scalar(0));
  Codes codes;
  codes.factor = k.select(none, k.scalar(0), k.divf(all, range));
  codes.shift =
      k.addf(k.minf(k.roundEven(k.mulf(reach.below, codes.factor)), all),
             k.scalar(least));
  codes.step = k.divf(range, all);
  codes.zero = k.toSigned(codes.shift);
  return codes;
}

/// Four bytes as a word.
static Value bytesOf(GpuBuilder &k, const Codes &codes, ValueRange four) {
  Value word;
  for (auto [i, v] : llvm::enumerate(four)) {
    Value code = k.addf(k.roundEven(k.mulf(v, codes.factor)), codes.shift);
    code = k.minf(k.maxf(code, k.scalar(least)), k.scalar(least + steps));
    Value byte = k.toSigned(code);
    if (i < 3)
      byte = k.bitAnd(byte, 0xff);
    byte = i ? k.shiftLeft(byte, int64_t(8 * i)) : byte;
    word = word ? k.bitOr(word, byte) : byte;
  }
  return word;
}

void bertc::writeInt8(GpuBuilder &k, const WarpRow &row, RowWriter &writer,
                      Value number) {
  SmallVector<Value> values(row.values);
  turn(k, values, vectorWidth, rotationBlock(row.columns()));
  Codes codes = codesOf(k, reachOf(k, values));
  row.forVectors([&](int64_t i, Value column) {
    ValueRange four = ValueRange(values).slice(i * vectorWidth, vectorWidth);
    writer.writeBytes(number, column, bytesOf(k, codes, four));
  });
  k.ifThen(k.equal(k.laneId(), k.index(0)),
           [&] { writer.writeScale(number, codes.step, codes.zero); });
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

static constexpr int64_t perLane = 16;
static constexpr int64_t perWarp = warpSize * perLane;
static constexpr int64_t warpsOfBlock = 8;

static int64_t depthOf(DeviceRows shape) { return roundUp(shape.width, lanes); }
static int64_t warpsOfRow(DeviceRows shape) {
  return std::min<int64_t>(llvm::divideCeil(depthOf(shape), perWarp),
                           warpsOfBlock);
}
int64_t bertc::quantizedRowsOfBlock(DeviceRows shape) {
  return warpsOfBlock / warpsOfRow(shape);
}

/// perLane elements of row `row` from `column` on.
static SmallVector<Value> loadPiece(GpuBuilder &k, DeviceRows shape,
                                    DeviceForms input, Value x, Value row,
                                    Value column) {
  SmallVector<Value> values;
  if (input.f32) {
    Value from = elementAt(k, x, row, shape.stride, column, k.f32());
    for (int64_t i = 0; i < perLane; i += vectorWidth) {
      Value four = loadVector(k, k.at(from, i, k.f32()));
      for (int64_t j = 0; j < vectorWidth; ++j)
        values.push_back(k.element(four, j));
    }
    return values;
  }
  constexpr int64_t words = 4; // of a load, two elements each
  Type half = k.half(input.type);
  Value from = elementAt(k, x, row, shape.stride, column, half);
  for (int64_t i = 0; i < perLane; i += 2 * words) {
    Value pairs = k.load(k.at(from, i, half), k.vectorOf(k.i32(), words));
    for (int64_t j = 0; j < words; ++j) {
      auto [low, high] = k.widenPair(k.element(pairs, j), input.type);
      values.append({low, high});
    }
  }
  return values;
}

/// That of all warps of the row.
static Reach joinWarps(GpuBuilder &k, Reach own, int64_t warps) {
  if (warps == 1)
    return own;
  Value board = k.sharedMemory(), warp = k.warpId();
  k.ifThen(k.equal(k.laneId(), k.index(0)), [&] {
    k.store(k.vectorFrom({own.above, own.below}),
            k.at(board, k.mul(warp, 2), k.f32()));
  });
  k.barrier();
  Value first = k.at(board, k.mul(k.div(warp, warps), 2 * warps), k.f32());
  Reach all;
  for (int64_t i = 0; i < warps; ++i) {
    Value pair = k.load(k.at(first, 2 * i, k.f32()), k.vectorOf(k.f32(), 2));
    Value above = k.element(pair, 0), below = k.element(pair, 1);
    all = i ? Reach{k.maxf(above, all.above), k.maxf(below, all.below)}
            : Reach{above, below};
  }
  return all;
}

DeviceKernel bertc::quantizeKernel(GpuBuilder &k, DeviceRows shape,
                                   DeviceForms input) {
  int64_t depth = depthOf(shape), warps = warpsOfRow(shape);
  int64_t rowsOfBlock = quantizedRowsOfBlock(shape);
  int64_t pieces = llvm::divideCeil(depth, warps * perWarp);
  DeviceForms outputs;
  outputs.int8 = true;
  RowWriter writer(k, outputs, shape.stride);
  SmallVector<Type> types = {k.global()};
  writer.addTypes(types);
  types.push_back(k.i32());
  std::string name = llvm::formatv("quantize_{0}_ld{1}_{2}", shape.width,
                                   shape.stride, input.name());
  int64_t sharedBytes = warps > 1 ? rowsOfBlock * warps * 8 : 0;
  return k.kernel(
      name, rowsOfBlock * warps * warpSize, sharedBytes, types,
      [&](ValueRange arguments) {
        ValueRange rest = arguments.drop_front();
        writer.take(rest);
        Value rows = arguments.back(), warp = k.warpId();
        Value row = k.add(k.mul(k.blockId(), rowsOfBlock), k.div(warp, warps));
        // Rows that do not exist are read as the last one: all threads meet.
        Value exists = k.less(row, rows);
        Value source = k.min(row, k.sub(rows, k.index(1)));
        Value first = k.mul(
            k.add(k.mul(k.rem(warp, warps), warpSize), k.laneId()), perLane);
        auto forPieces =
            [&](llvm::function_ref<void(int64_t, Value, Value)> body) {
              for (int64_t i = 0; i < pieces; ++i) {
                Value column = k.add(first, i * warps * perWarp);
                bool whole = (i + 1) * warps * perWarp <= depth;
                body(i, column,
                     whole ? Value() : k.less(column, k.index(depth)));
              }
            };
        SmallVector<Value> values;
        forPieces([&](int64_t, Value column, Value isIn) {
          auto read = [&] {
            return loadPiece(k, shape, input, arguments[0], source, column);
          };
          auto zeros = [&] { return SmallVector<Value>(perLane, k.scalar(0)); };
          values.append(isIn ? k.ifElse(isIn, read, zeros) : read());
        });
        turn(k, values, perLane, rotationBlock(depth));
        Codes codes = codesOf(k, joinWarps(k, reachOf(k, values), warps));
        forPieces([&](int64_t i, Value column, Value isIn) {
          k.ifThen(isIn ? k.both(exists, isIn) : exists, [&] {
            SmallVector<Value> words;
            for (int64_t j = 0; j < perLane; j += 4)
              words.push_back(bytesOf(
                  k, codes, ValueRange(values).slice(i * perLane + j, 4)));
            writer.writeBytes(row, column, words);
          });
        });
        Value isFirst = k.equal(first, k.index(0));
        k.ifThen(k.both(exists, isFirst),
                 [&] { writer.writeScale(row, codes.step, codes.zero); });
      });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8 rounds x * (255 / range) to nearest even: a product, not a quotient. The
// step that undoes it is range / 255. The range of a row need not be symmetric:
// what gelu leaves has next to nothing below 0. Where the instruction takes 16
// bits, x has them too: it costs nothing and leaves the error of the weights.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "compiler/Kernels/CPU/Rotate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

bool bertc::isStaged(Arithmetic arithmetic) {
  return arithmetic != Arithmetic::F32 &&
         arithmetic != Arithmetic::BF16Convert &&
         arithmetic != Arithmetic::Split;
}

static bool isMadd(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::Int8Madd ||
         arithmetic == Arithmetic::Int8Madd512;
}

/// k steps in a word.
static int64_t perWord(Arithmetic arithmetic) {
  return isInt8(arithmetic) && !isMadd(arithmetic) ? 4 : 2;
}

int64_t bertc::stagedWords(Arithmetic arithmetic, int64_t depth) {
  int64_t whole = isTile(arithmetic) ? 64 : lanes;
  int64_t parts = isSplit(arithmetic) ? 2 : 1;
  return parts * roundUp(depth, whole) / perWord(arithmetic);
}

int64_t bertc::rotatedWords(Arithmetic arithmetic, int64_t depth) {
  return isInt8Weight(arithmetic) ? depth : 0;
}

int64_t bertc::stagedStride(Arithmetic arithmetic, int64_t depth) {
  int64_t words = stagedWords(arithmetic, depth);
  // Rows a large power of two apart would share a few sets of the caches.
  return roundUp(words, lanes) % 128 ? roundUp(words, lanes)
                                     : roundUp(words, lanes) + lanes;
}

/// Stores 16 int32 as int16 or int8 at element `column` of a staged row.
static void storeIntegers(KernelBuilder &k, Arithmetic arithmetic, Value values,
                          Place row, Value column) {
  Type element = isMadd(arithmetic) ? k.b.getI16Type() : k.b.getI8Type();
  Value narrow = arith::TruncIOp::create(
      k.b, k.loc, VectorType::get({lanes}, element), values);
  k.store(emitBitcast(k, narrow, k.b.getF32Type()),
          k.at(row, k.div(column, perWord(arithmetic))));
}

static Value splatInteger(KernelBuilder &k, int32_t value) {
  auto type = VectorType::get({lanes}, k.b.getI32Type());
  return arith::ConstantOp::create(k.b, k.loc,
                                   DenseElementsAttr::get(type, value));
}

namespace {
/// The integers that the elements of a row become.
struct Codes {
  double least, top;
};
} // namespace

/// vpmaddwd takes 16 bits, so many as leave a sum of `depth` products in int32;
/// then there is no need to shift the range.
static Codes codesOf(Arithmetic arithmetic, int64_t depth) {
  if (arithmetic == Arithmetic::Int8Dot)
    return {0.0, 255.0};
  if (arithmetic == Arithmetic::Int8Tile)
    return {-128.0, 127.0};
  constexpr int64_t mostInt16 = (1 << 15) - 1, mostInt32 = (1ll << 31) - 1;
  double reach = double(std::min(mostInt16, mostInt32 / (127 * depth)));
  return {-reach, reach};
}

static void stageInt8(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      Place x, Place staged, Place scale) {
  SmallVector<Value> reach = k.forLoop(
      k.index(0), k.index(depth), lanes, {k.splat(0.0), k.splat(0.0)},
      [&](Value column, ValueRange acc) {
        Value v = k.load(k.at(x, column));
        Value down = arith::NegFOp::create(k.b, k.loc, v);
        return SmallVector<Value>{k.maxf(v, acc[0]), k.maxf(down, acc[1])};
      });
  Codes codes = codesOf(arithmetic, depth);
  Value above = k.reduceMax(reach[0]), below = k.reduceMax(reach[1]);
  if (isMadd(arithmetic))
    above = below = k.maxf(above, below);
  Value range = k.addf(above, below), steps = k.scalar(codes.top - codes.least);
  Value none = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OEQ,
                                     range, k.scalar(0.0));
  Value perStep = k.select(none, k.scalar(0.0), k.divf(steps, range));
  Value zero = arith::MinNumFOp::create(
      k.b, k.loc, math::RoundEvenOp::create(k.b, k.loc, k.mulf(below, perStep)),
      steps);
  zero =
      isMadd(arithmetic) ? k.scalar(0.0) : k.addf(zero, k.scalar(codes.least));
  k.storeScalar(k.divf(range, steps), scale);
  Value zeroInteger =
      arith::FPToSIOp::create(k.b, k.loc, k.b.getI32Type(), zero);
  k.storeScalar(
      arith::BitcastOp::create(k.b, k.loc, k.b.getF32Type(), zeroInteger),
      k.at(scale, 1));
  Value factor = k.broadcast(perStep), shift = k.broadcast(zero);
  Value least = k.splat(codes.least), top = k.splat(codes.top);
  k.forLoop(k.index(0), k.index(depth), lanes, [&](Value column) {
    Value v = k.mulf(k.load(k.at(x, column)), factor);
    v = k.addf(math::RoundEvenOp::create(k.b, k.loc, v), shift);
    v = arith::MinNumFOp::create(
        k.b, k.loc, arith::MaxNumFOp::create(k.b, k.loc, v, least), top);
    if (isMadd(arithmetic))
      v = k.shuffle(v, v,
                    {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15});
    Value integer = arith::FPToSIOp::create(
        k.b, k.loc, VectorType::get({lanes}, k.b.getI32Type()), v);
    storeIntegers(k, arithmetic, integer, staged, column);
  });
  Value padding = splatInteger(k, 0);
  for (int64_t column = depth;
       column < stagedWords(arithmetic, depth) * perWord(arithmetic);
       column += lanes)
    storeIntegers(k, arithmetic, padding, staged, k.index(column));
}

/// split_tile: what rounding left over follows in the second half of the row.
static void stageBF16(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      Place x, Place staged) {
  int64_t parts = isSplit(arithmetic) ? 2 : 1;
  int64_t partWords = stagedWords(arithmetic, depth) / parts;
  auto round = [&](Value low, Value high, Value column) {
    for (int64_t part = 0; part < parts; ++part) {
      Value pairs = emitToBF16(k, low, high, BF16Rounding::Native);
      k.store(emitBitcast(k, pairs, k.b.getF32Type()),
              k.at(staged, k.add(k.div(column, 2), part * partWords)));
      if (part + 1 == parts)
        break;
      auto [lowRounded, highRounded] = emitFromBF16Words(k, pairs);
      low = k.subf(low, lowRounded);
      high = k.subf(high, highRounded);
    }
  };
  int64_t pairsEnd = depth / (2 * lanes) * (2 * lanes);
  k.forLoop(k.index(0), k.index(pairsEnd), 2 * lanes, [&](Value column) {
    Place from = k.at(x, column);
    round(k.load(from), k.load(k.at(from, lanes)), column);
  });
  int64_t at = pairsEnd;
  if (at < depth) {
    Value column = k.index(at);
    round(k.load(k.at(x, column)), k.splat(0.0), column);
    at += 2 * lanes;
  }
  for (; at < partWords * 2; at += 2 * lanes)
    round(k.splat(0.0), k.splat(0.0), k.index(at));
}

Value bertc::emitScaledSum(KernelBuilder &k, Value sum, Value step, Value zero,
                           Value columnScale, Value columnSum) {
  Type i32 = k.b.getI32Type();
  Value excess = arith::MulIOp::create(k.b, k.loc, emitBitcast(k, zero, i32),
                                       emitBitcast(k, columnSum, i32));
  Value own =
      arith::SubIOp::create(k.b, k.loc, emitBitcast(k, sum, i32), excess);
  Value real = arith::SIToFPOp::create(k.b, k.loc, k.vectorType(), own);
  return k.mulf(real, k.mulf(step, columnScale));
}

void bertc::callStage(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      int64_t inputStride, const StageOperands &operands) {
  std::string name = llvm::formatv(
      "stage_{0}_{1}_ld{2}", arithmeticName(arithmetic), depth, inputStride);
  StageOperands o = operands;
  SmallVector<Value *> slots = {&o.x.buffer, &o.x.offset, &o.staged.buffer,
                                &o.staged.offset};
  if (isInt8(arithmetic))
    slots.append({&o.smoothing.buffer, &o.smoothing.offset, &o.scales.buffer,
                  &o.scales.offset});
  if (isInt8Weight(arithmetic))
    slots.append({&o.rotated.buffer, &o.rotated.offset});
  slots.push_back(&o.rows);
  k.callKernel(name, slots, [&] {
    int64_t stride = stagedStride(productOf(arithmetic), depth);
    k.forLoop(k.index(0), o.rows, 1, [&](Value row) {
      Place from = k.at(o.x, k.mul(row, inputStride));
      Place to = k.at(o.staged, k.mul(row, stride));
      if (isInt8Weight(arithmetic)) {
        emitRotate(k, depth, from, isInt8(arithmetic) ? o.smoothing : Place(),
                   o.rotated);
        from = o.rotated;
      }
      if (isInt8(arithmetic))
        stageInt8(k, arithmetic, depth, from, to,
                  k.at(o.scales, k.mul(row, scaleWords)));
      else
        stageBF16(k, productOf(arithmetic), depth, from, to);
    });
  });
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// int8 rounds x * (127 / max |x|) to nearest even: a product, not a quotient,
// the same on each ISA. The scale that undoes it is max |x| / 127.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Stage.h"
#include "compiler/Kernels/CPU/Isa.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

bool bertc::isStaged(Arithmetic arithmetic) {
  return arithmetic != Arithmetic::F32 && arithmetic != Arithmetic::BF16Convert;
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
  return roundUp(depth, whole) / perWord(arithmetic);
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

static void stageInt8(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      Place x, Place staged, Place scale) {
  Value most = k.forLoop(k.index(0), k.index(depth), lanes, {k.splat(0.0)},
                         [&](Value column, ValueRange acc) {
                           Value v = k.load(k.at(x, column));
                           Value size = math::AbsFOp::create(k.b, k.loc, v);
                           return SmallVector<Value>{k.maxf(size, acc[0])};
                         })[0];
  Value largest = k.reduceMax(most);
  k.storeScalar(k.divf(largest, k.scalar(127.0)), scale);
  Value none = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OEQ,
                                     largest, k.scalar(0.0));
  Value factor = k.broadcast(
      k.select(none, k.scalar(0.0), k.divf(k.scalar(127.0), largest)));
  Value least = k.splat(-127.0), top = k.splat(127.0);
  k.forLoop(k.index(0), k.index(depth), lanes, [&](Value column) {
    Value v = k.mulf(k.load(k.at(x, column)), factor);
    v = arith::MinNumFOp::create(
        k.b, k.loc, arith::MaxNumFOp::create(k.b, k.loc, v, least), top);
    v = math::RoundEvenOp::create(k.b, k.loc, v);
    if (isMadd(arithmetic))
      v = k.shuffle(v, v,
                    {0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15});
    Value integer = arith::FPToSIOp::create(
        k.b, k.loc, VectorType::get({lanes}, k.b.getI32Type()), v);
    if (arithmetic == Arithmetic::Int8Dot)
      integer =
          arith::AddIOp::create(k.b, k.loc, integer, splatInteger(k, 128));
    storeIntegers(k, arithmetic, integer, staged, column);
  });
  Value zero = splatInteger(k, 0);
  for (int64_t column = depth;
       column < stagedWords(arithmetic, depth) * perWord(arithmetic);
       column += lanes)
    storeIntegers(k, arithmetic, zero, staged, k.index(column));
}

static void stageBF16(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      Place x, Place staged) {
  auto round = [&](Value low, Value high, Value column) {
    Value pairs = emitToBF16(k, low, high, BF16Rounding::Native);
    k.store(emitBitcast(k, pairs, k.b.getF32Type()),
            k.at(staged, k.div(column, 2)));
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
  for (; at < stagedWords(arithmetic, depth) * 2; at += 2 * lanes)
    round(k.splat(0.0), k.splat(0.0), k.index(at));
}

void bertc::callStage(KernelBuilder &k, Arithmetic arithmetic, int64_t depth,
                      int64_t inputStride, Place x, Place staged, Place scales,
                      Value rows) {
  std::string name = llvm::formatv(
      "stage_{0}_{1}_ld{2}", arithmeticName(arithmetic), depth, inputStride);
  Type buffer = k.bufferType(), index = k.indexType();
  func::FuncOp kernel = k.kernel(
      name, {buffer, index, buffer, index, buffer, index, index},
      [&](ValueRange v) {
        Place x{v[0], v[1]}, staged{v[2], v[3]}, scales{v[4], v[5]};
        int64_t stride = stagedStride(arithmetic, depth);
        k.forLoop(k.index(0), v[6], 1, [&](Value row) {
          Place from = k.at(x, k.mul(row, inputStride));
          Place to = k.at(staged, k.mul(row, stride));
          if (isInt8(arithmetic))
            stageInt8(k, arithmetic, depth, from, to, k.at(scales, row));
          else
            stageBF16(k, arithmetic, depth, from, to);
        });
      });
  k.call(kernel, {x.buffer, x.offset, staged.buffer, staged.offset,
                  scales.buffer, scales.offset, rows});
}

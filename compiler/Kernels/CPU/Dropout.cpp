//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 (Salmon et al., SC 2011) for 16 blocks at a time, in lanes of
// 64 bits: a product of two words fills a lane, and what is above a word's 32
// bits is never looked at, so nothing is masked or narrowed between rounds. 16
// blocks are the draws of 64 columns.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Dropout.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/FormatVariadic.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace bertc;

static constexpr int64_t words = 4; // of a block

namespace {
/// Integers of 64 bits, 16 at a time.
struct Integers {
  KernelBuilder &k;
  VectorType type = VectorType::get({lanes}, k.b.getI64Type());

  Value splat(Value scalar) {
    return vector::BroadcastOp::create(k.b, k.loc, type, scalar);
  }
  Value splat(uint64_t value) {
    return arith::ConstantOp::create(
        k.b, k.loc, DenseElementsAttr::get(type, k.b.getI64IntegerAttr(value)));
  }
  Value add(Value a, Value c) {
    return arith::AddIOp::create(k.b, k.loc, a, c);
  }
  Value exclusiveOr(Value a, Value c) {
    return arith::XOrIOp::create(k.b, k.loc, a, c);
  }
  Value high(Value a) {
    return arith::ShRUIOp::create(k.b, k.loc, a, splat(32));
  }
  /// The whole product of the lower half of `a`.
  Value multiply(Value a, uint64_t factor) {
    Value low = arith::AndIOp::create(k.b, k.loc, a, splat(0xFFFFFFFF));
    return arith::MulIOp::create(k.b, k.loc, low, splat(factor));
  }
  Value constant(int64_t value) {
    return arith::ConstantOp::create(k.b, k.loc, k.b.getI64IntegerAttr(value));
  }
  Value fromIndex(Value index) {
    return arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), index);
  }
};
} // namespace

DropoutOperands bertc::makeDropout(KernelBuilder &k, Value seed, Value step,
                                   int64_t site, Value layer, double rate) {
  Integers n{k};
  auto low = [&](Value wide) -> Value {
    return arith::AndIOp::create(k.b, k.loc, wide, n.constant(0xFFFFFFFF));
  };
  DropoutOperands o;
  o.seedLow = low(seed);
  o.seedHigh = arith::ShRUIOp::create(k.b, k.loc, seed, n.constant(32));
  o.step = low(step);
  o.stream = n.constant(site);
  if (layer)
    o.stream = n.fromIndex(k.add(k.mul(layer, 256), site));
  // Kept is what is at least rate * 2^32.
  o.threshold = n.constant(std::ceil(rate * 0x1p32));
  o.scale = k.scalar(1 / (1 - rate));
  return o;
}

Value bertc::addHead(KernelBuilder &k, Value stream, Value head) {
  Integers n{k};
  return n.add(stream, n.fromIndex(k.mul(head, 1 << 20)));
}

using Draws = std::array<Value, words>;

/// Draws, in the lower halves.
static Draws emitPhilox(KernelBuilder &k, Draws c, Value keyLow,
                        Value keyHigh) {
  Integers n{k};
  for (int round = 0; round < 10; ++round) {
    Value a = n.multiply(c[0], 0xD2511F53), b = n.multiply(c[2], 0xCD9E8D57);
    c = {n.exclusiveOr(n.exclusiveOr(n.high(b), c[1]), n.splat(keyLow)), b,
         n.exclusiveOr(n.exclusiveOr(n.high(a), c[3]), n.splat(keyHigh)), a};
    keyLow = n.add(keyLow, n.constant(0x9E3779B9));
    keyHigh = n.add(keyHigh, n.constant(0xBB67AE85));
  }
  return c;
}

/// Draw j of block b belongs to column 4 b + j: the words of four blocks, one
/// after another, are a vector of columns.
static Value columnsOf(KernelBuilder &k, const Draws &draws, int64_t first) {
  SmallVector<int64_t> pairs, all;
  for (int64_t block = 0; block < words; ++block)
    pairs.append({first + block, first + block + lanes});
  Value even = k.shuffle(draws[0], draws[2], pairs);
  Value odd = k.shuffle(draws[1], draws[3], pairs);
  for (int64_t i = 0; i < 2 * words; ++i)
    all.append({i, i + 2 * words});
  return k.shuffle(even, odd, all);
}

void bertc::forKept(KernelBuilder &k, const DropoutOperands &o, Value row,
                    Value end, llvm::function_ref<void(Value, Value)> body) {
  Integers n{k};
  auto i32 = VectorType::get({lanes}, k.b.getI32Type());
  auto narrow = [&](Value wide) {
    return arith::TruncIOp::create(k.b, k.loc, i32, wide);
  };
  SmallVector<int64_t> numbers;
  for (int64_t i = 0; i < lanes; ++i)
    numbers.push_back(i);
  Value blocks = arith::ConstantOp::create(
      k.b, k.loc, DenseElementsAttr::get(n.type, ArrayRef(numbers)));
  Value least = narrow(n.splat(o.threshold));
  k.forLoop(k.index(0), end, words * lanes, [&](Value first) {
    Value block = n.splat(n.fromIndex(k.div(first, words)));
    Draws draws = emitPhilox(k,
                             {n.add(block, blocks), n.splat(n.fromIndex(row)),
                              n.splat(o.stream), n.splat(o.step)},
                             o.seedLow, o.seedHigh);
    for (Value &draw : draws)
      draw = narrow(draw);
    for (int64_t i = 0; i < words; ++i) {
      Value column = k.add(first, i * lanes);
      Value kept = arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::uge,
                                         columnsOf(k, draws, i * words), least);
      k.ifThen(k.less(column, end), [&] { body(column, kept); });
    }
  });
}

Value bertc::emitKeep(KernelBuilder &k, const DropoutOperands &o, Value kept,
                      Value value) {
  return k.select(kept, k.mulf(value, k.broadcast(o.scale)), k.splat(0.0));
}

void bertc::callDropout(KernelBuilder &k, RowShape shape,
                        const DropoutOperands &operands, Place x, Place plus,
                        Place y, Value first, Value rows) {
  DropoutOperands o = operands;
  bool adds = plus.buffer != nullptr;
  std::string name = llvm::formatv("dropout{0}_{1}_ld{2}", adds ? "_add" : "",
                                   shape.vectors() * lanes, shape.stride);
  SmallVector<Place *> places = {&x, &y};
  if (adds)
    places.push_back(&plus);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append(o.slots());
  slots.append({&first, &rows});
  k.callKernel(name, slots, [&] {
    Value end = k.index(shape.vectors() * lanes);
    k.forLoop(k.index(0), rows, 1, [&](Value row) {
      Value offset = k.mul(row, shape.stride);
      forKept(k, o, k.add(first, row), end, [&](Value column, Value kept) {
        Value at = k.add(offset, column);
        Value v = emitKeep(k, o, kept, k.load(k.at(x, at)));
        if (adds)
          v = k.addf(v, k.load(k.at(plus, at)));
        k.store(v, k.at(y, at));
      });
    });
  });
}

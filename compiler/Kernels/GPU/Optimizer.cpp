//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights of a trained model are the same wherever an update ran: operations of
// float32 are those of the CPU in its order, and results that are subnormal
// become zero one by one, as its registers do it. Memory is the limit, so that
// is free.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Optimizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "runtime/abi/abi.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstddef>

using namespace mlir;
using namespace bertc;

/// Zero, with its sign, for a subnormal number.
static Value flush(GpuBuilder &k, Value value) {
  Value size = math::AbsFOp::create(k.b, k.loc, value);
  Value isSmall = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OLT,
                                        size, k.scalar(0x1p-126));
  return k.select(isSmall, k.mulf(value, k.scalar(0)), value);
}

namespace {
/// The chunk of this block.
struct OwnChunk {
  OwnChunk(GpuBuilder &k, Value chunks) {
    Value own = k.at(chunks, k.mul(k.blockId(), sizeof(bertc_parameter_chunk)),
                     k.b.getI8Type());
    auto field = [&](size_t offset, Type type) {
      return k.load(k.at(own, offset, k.b.getI8Type()), type);
    };
    weight = field(offsetof(bertc_parameter_chunk, weight), k.i64());
    gradient = field(offsetof(bertc_parameter_chunk, gradient), k.i64());
    count = field(offsetof(bertc_parameter_chunk, count), k.i32());
    decays = field(offsetof(bertc_parameter_chunk, decays), k.i32());
  }
  Value weight, gradient, count, decays;
};
} // namespace

//===----------------------------------------------------------------------===//
// Norm of the gradients
//===----------------------------------------------------------------------===//

// Sums go by index modulo 16. A warp reads 32 floats; its lower half adds its
// own, then those of the upper half.
static constexpr int64_t chains = 16;
static constexpr int64_t readsAtOnce = 8;

/// The sum of lanes whose numbers differ in `mask`.
static Value addLanes(GpuBuilder &k, Value f64, int64_t mask) {
  Type pair = k.vectorOf(k.i32(), 2);
  Value words = LLVM::BitcastOp::create(k.b, k.loc, pair, f64);
  Value other = k.vectorFrom({k.shuffleXor(k.element(words, 0), mask),
                              k.shuffleXor(k.element(words, 1), mask)});
  return k.addf(f64, LLVM::BitcastOp::create(k.b, k.loc, f64.getType(), other));
}

DeviceKernel bertc::sumOfSquaresKernel(GpuBuilder &k) {
  Type f64 = k.b.getF64Type();
  auto body = [&](ValueRange v) {
    OwnChunk chunk(k, v[1]);
    Value gradients = k.at(v[0], chunk.gradient, k.f32());
    Value last = k.sub(chunk.count, k.index(1));
    Value zero = arith::ConstantOp::create(k.b, k.loc, k.b.getF64FloatAttr(0));
    // The product of two float32 is exact in float64.
    auto addSquare = [&](Value sum, Value g) -> Value {
      Value wide = arith::ExtFOp::create(k.b, k.loc, f64, g);
      return math::FmaOp::create(k.b, k.loc, wide, wide, sum);
    };
    Value sum = k.forLoop(
        k.index(0), chunk.count, k.index(warpSize * readsAtOnce), zero,
        [&](Value first, ValueRange soFar) -> SmallVector<Value> {
          SmallVector<Value> read;
          for (int64_t i = 0; i < readsAtOnce; ++i) {
            Value at = k.add(k.add(first, i * warpSize), k.laneId());
            Value g =
                k.load(k.at(gradients, k.min(at, last), k.f32()), k.f32());
            g = k.select(k.less(at, chunk.count), g, k.scalar(0));
            read.push_back(flush(k, g));
          }
          Value sum = soFar[0];
          for (Value g : read) {
            sum = addSquare(sum, g);
            sum = addSquare(sum, k.shuffleXor(g, chains));
          }
          return {sum};
        })[0];
    for (int64_t mask = chains / 2; mask; mask /= 2)
      sum = addLanes(k, sum, mask);
    k.ifThen(k.equal(k.laneId(), k.index(0)),
             [&] { k.store(sum, k.at(v[2], k.blockId(), f64)); });
  };
  return k.kernel("sum_of_squares", warpSize, 0,
                  SmallVector<Type>(3, k.global()), body);
}

//===----------------------------------------------------------------------===//
// AdamW
//===----------------------------------------------------------------------===//

static constexpr int64_t adamThreads = 256;

DeviceKernel bertc::adamWKernel(GpuBuilder &k) {
  SmallVector<Type> types(5, k.global());
  types.append(9, k.f32());
  auto mul = [&](Value a, Value c) { return flush(k, k.mulf(a, c)); };
  auto add = [&](Value a, Value c) { return flush(k, k.addf(a, c)); };
  auto sub = [&](Value a, Value c) { return flush(k, k.subf(a, c)); };
  auto body = [&](ValueRange v) {
    OwnChunk chunk(k, v[4]);
    ValueRange step = v.drop_front(5);
    Value gradientScale = step[0], clip = step[1], beta1Rest = step[3];
    Value beta2 = step[4], beta2Rest = step[5], correction2 = step[6];
    Value epsilon = step[7], stepSize = step[8];
    Value decay =
        k.select(k.equal(chunk.decays, k.index(0)), k.scalar(1), step[2]);
    Value weights = k.at(v[0], chunk.weight, k.f32());
    Value others[3];
    for (int64_t i = 0; i < 3; ++i)
      others[i] = k.at(v[1 + i], chunk.gradient, k.f32());
    k.forLoop(k.threadId(), chunk.count, adamThreads, [&](Value i) {
      auto place = [&](Value pointer) { return k.at(pointer, i, k.f32()); };
      auto read = [&](Value pointer) {
        return flush(k, k.load(place(pointer), k.f32()));
      };
      Value w = read(weights), g = read(others[0]);
      Value m = read(others[1]), s = read(others[2]);
      k.store(k.scalar(0), place(others[0]));
      g = mul(mul(g, gradientScale), clip);
      Value first = add(m, mul(beta1Rest, sub(g, m)));
      Value second = add(mul(s, beta2), mul(mul(beta2Rest, g), g));
      k.store(first, place(others[1]));
      k.store(second, place(others[2]));
      Value root = math::SqrtOp::create(k.b, k.loc, second);
      Value below = add(flush(k, k.divf(root, correction2)), epsilon);
      Value change = flush(k, k.divf(mul(stepSize, first), below));
      k.store(add(mul(w, decay), change), place(weights));
    });
  };
  return k.kernel("adamw", adamThreads, 0, types, body);
}

//===----------------------------------------------------------------------===//
// Planes
//===----------------------------------------------------------------------===//

static constexpr int64_t panelColumns = 16;
static constexpr int64_t tileDepth = 64;
static constexpr int64_t planeThreads = 256;
// Shared memory has columns of the tile, and this many floats from one to the
// next: neither four columns of eight depths, which a warp writes, nor the
// pairs of one column meet in a bank.
static constexpr int64_t tileStride = tileDepth + 2;

std::pair<int64_t, int64_t> bertc::planesGrid(int64_t columns, int64_t depth) {
  return {columns / panelColumns, (depth + tileDepth - 1) / tileDepth};
}

DeviceKernel bertc::planesKernel(GpuBuilder &k, int64_t columns, int64_t depth,
                                 int64_t planes, HalfType type) {
  DeviceForms forms{false, planes, type};
  RowWriter writer(k, forms, depth);
  SmallVector<Type> types = {k.global()};
  writer.addTypes(types);
  auto body = [&](ValueRange v) {
    ValueRange rest = v.drop_front();
    writer.take(rest);
    Value tile = k.sharedMemory(), panel = k.blockId(0);
    Value firstDepth = k.mul(k.blockId(1), tileDepth);
    auto shared = [&](Value column, Value d) {
      return k.at(tile, k.add(k.mul(column, tileStride), d), k.f32());
    };
    constexpr int64_t vectors = panelColumns / 4;
    Value d = k.div(k.threadId(), vectors);
    k.ifThen(k.less(k.add(firstDepth, d), k.index(depth)), [&] {
      Value column = k.mul(k.rem(k.threadId(), vectors), 4);
      Value from = elementAt(
          k, v[0], panel, depth * panelColumns,
          k.add(k.mul(k.add(firstDepth, d), panelColumns), column), k.f32());
      Value four = k.load(from, k.vectorOf(k.f32(), 4));
      for (int64_t j = 0; j < 4; ++j)
        k.store(k.element(four, j), shared(k.add(column, j), d));
    });
    k.barrier();
    Value pair = k.mul(k.laneId(), 2), at = k.add(firstDepth, pair);
    k.ifThen(k.less(at, k.index(depth)), [&] {
      for (int64_t i = 0; i < panelColumns; i += planeThreads / warpSize) {
        Value column = k.add(k.warpId(), i);
        Value two = k.load(shared(column, pair), k.vectorOf(k.f32(), 2));
        writer.write(k.add(k.mul(panel, panelColumns), column), at,
                     {k.element(two, 0), k.element(two, 1)});
      }
    });
  };
  std::string name =
      llvm::formatv("planes_{0}x{1}_{2}", columns, depth, forms.name());
  return k.kernel(name, planeThreads, panelColumns * tileStride * sizeof(float),
                  types, body);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Halves of a block are added and subtracted, then their halves, and so on:
// first whole vectors, at last lanes of one vector, which a fused multiply-add
// with 1 or -1 adds to their partners. Each element is one chain of sums, so
// that rows have the same bits on every ISA.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Rotate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace bertc;

int64_t bertc::rotationBlock(int64_t depth) {
  constexpr int64_t most = 128; // eight vectors
  return std::min(most, depth & -depth);
}

/// Adds to each lane its partner `distance` away, or subtracts it from that.
static Value turnLanes(KernelBuilder &k, Value v, int64_t distance) {
  SmallVector<int64_t> partners;
  SmallVector<float> signs;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    partners.push_back(lane ^ distance);
    signs.push_back(lane & distance ? -1.0f : 1.0f);
  }
  Value sign = arith::ConstantOp::create(
      k.b, k.loc,
      DenseElementsAttr::get(k.vectorType(), ArrayRef<float>(signs)));
  return k.fma(v, sign, k.shuffle(v, v, partners));
}

void bertc::emitRotate(KernelBuilder &k, int64_t depth, Place x, Place factors,
                       Place to) {
  int64_t block = rotationBlock(depth), count = block / lanes;
  k.forLoop(k.index(0), k.index(depth), block, [&](Value first) {
    SmallVector<Value> v;
    for (int64_t i = 0; i < count; ++i) {
      Value column = k.add(first, i * lanes);
      v.push_back(k.load(k.at(x, column)));
      if (factors.buffer)
        v.back() = k.mulf(v.back(), k.load(k.at(factors, column)));
    }
    for (int64_t distance = count / 2; distance >= 1; distance /= 2)
      for (int64_t i = 0; i < count; ++i) {
        if (i & distance)
          continue;
        Value other = v[i + distance];
        v[i + distance] = k.subf(v[i], other);
        v[i] = k.addf(v[i], other);
      }
    for (int64_t i = 0; i < count; ++i) {
      for (int64_t distance = lanes / 2; distance >= 1; distance /= 2)
        v[i] = turnLanes(k, v[i], distance);
      k.store(v[i], k.at(to, k.add(first, i * lanes)));
    }
  });
}

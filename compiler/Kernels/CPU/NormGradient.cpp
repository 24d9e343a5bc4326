//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Moments are computed again: x is read anyway, and saving them would be one
// more buffer. A first pass by rows leaves them for the second, by columns.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/CPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static void gradientRow(KernelBuilder &k, RowShape shape, Value epsilon,
                        Place x, Place dy, Place gain, Place dx,
                        Place moments) {
  Moments own = momentsOf(k, shape, epsilon, x);
  k.storeScalar(own.mean, moments);
  k.storeScalar(own.inverse, k.at(moments, 1));
  Value mean = k.broadcast(own.mean), inverse = k.broadcast(own.inverse);
  auto normal = [&](Value column) {
    return k.mulf(k.subf(k.load(k.at(x, column)), mean), inverse);
  };
  auto scaled = [&](Value column) {
    return k.mulf(k.load(k.at(dy, column)), k.load(k.at(gain, column)));
  };
  Value scale = k.scalar(1.0 / static_cast<double>(shape.width));
  Value mean1 = k.broadcast(k.mulf(sumRow(k, shape, scaled), scale));
  Value mean2 =
      k.broadcast(k.mulf(sumRow(k, shape,
                                [&](Value column) {
                                  return k.mulf(scaled(column), normal(column));
                                }),
                         scale));
  Value real = k.index(shape.width);
  mapRow(k, shape, [&](Value column) {
    Value d =
        k.subf(k.subf(scaled(column), mean1), k.mulf(normal(column), mean2));
    d = k.mulf(d, inverse);
    // Padding columns stay zero.
    if (shape.width % lanes)
      d = k.select(k.laneMask(k.sub(k.max(real, column), column)), d,
                   k.splat(0.0));
    k.store(d, k.at(dx, column));
  });
}

void bertc::callLayerNormGradient(KernelBuilder &k, RowShape shape,
                                  double epsilon,
                                  const NormGradientOperands &operands) {
  std::string name =
      llvm::formatv("layer_norm_gradient_{0}_ld{1}", shape.width, shape.stride);
  NormGradientOperands o = operands;
  Value epsilonValue = k.scalar(epsilon);
  SmallVector<Value *> slots =
      slotsOf({&o.x, &o.dy, &o.gain, &o.dx, &o.moments});
  slots.append({&o.rows, &epsilonValue});
  k.callKernel(name, slots, [&] {
    k.forLoop(k.index(0), o.rows, 1, [&](Value row) {
      Value offset = k.mul(row, shape.stride);
      gradientRow(k, shape, epsilonValue, k.at(o.x, offset), k.at(o.dy, offset),
                  o.gain, k.at(o.dx, offset),
                  k.at(o.moments, k.mul(row, momentWords)));
    });
  });
}

void bertc::callNormWeightGradient(KernelBuilder &k, RowShape shape,
                                   const NormWeightGradientOperands &operands) {
  NormWeightGradientOperands o = operands;
  bool gain = o.gain.buffer != nullptr, bias = o.bias.buffer != nullptr;
  std::string name =
      llvm::formatv("norm_weight_gradient_{0}{1}_ld{2}", gain ? "gain" : "",
                    bias ? "bias" : "", shape.stride);
  SmallVector<Place *> places = {&o.x, &o.dy, &o.moments};
  if (gain)
    places.push_back(&o.gain);
  if (bias)
    places.push_back(&o.bias);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append({&o.rows, &o.begin, &o.end});
  k.callKernel(name, slots, [&] {
    k.forLoop(o.begin, o.end, 1, [&](Value vector) {
      Value column = k.mul(vector, lanes);
      SmallVector<Place> sums;
      if (gain)
        sums.push_back(k.at(o.gain, column));
      if (bias)
        sums.push_back(k.at(o.bias, column));
      SmallVector<Value> init;
      for (Place place : sums)
        init.push_back(k.load(place));
      SmallVector<Value> done = k.forLoop(
          k.index(0), o.rows, 1, init, [&](Value row, ValueRange acc) {
            Value at = k.add(k.mul(row, shape.stride), column);
            Value dy = k.load(k.at(o.dy, at));
            SmallVector<Value> next;
            if (gain) {
              Place own = k.at(o.moments, k.mul(row, momentWords));
              Value mean = k.broadcast(k.loadScalar(own));
              Value inverse = k.broadcast(k.loadScalar(k.at(own, 1)));
              Value normal =
                  k.mulf(k.subf(k.load(k.at(o.x, at)), mean), inverse);
              next.push_back(k.fma(dy, normal, acc[0]));
            }
            if (bias)
              next.push_back(k.addf(acc.back(), dy));
            return next;
          });
      for (auto [place, sum] : llvm::zip(sums, done))
        k.store(sum, place);
    });
  });
}

void bertc::callNormalizeGradient(KernelBuilder &k, RowShape shape, Place x,
                                  Place dy, Place dx, Value rows) {
  std::string name =
      llvm::formatv("normalize_gradient_{0}_ld{1}", shape.width, shape.stride);
  SmallVector<Value *> slots = slotsOf({&x, &dy, &dx});
  slots.push_back(&rows);
  k.callKernel(name, slots, [&] {
    k.forLoop(k.index(0), rows, 1, [&](Value row) {
      Value offset = k.mul(row, shape.stride);
      Place from = k.at(x, offset), gradient = k.at(dy, offset);
      auto product = [&](Place a, Place c) {
        return sumRow(k, shape, [&](Value column) {
          return k.mulf(k.load(k.at(a, column)), k.load(k.at(c, column)));
        });
      };
      Value length = math::SqrtOp::create(k.b, k.loc, product(from, from));
      Value least = k.scalar(1e-12);
      Value divisor = k.maxf(length, least);
      Value square = k.mulf(divisor, divisor);
      Value along = k.divf(product(from, gradient), square);
      Value isShort = arith::CmpFOp::create(
          k.b, k.loc, arith::CmpFPredicate::OLT, length, least);
      along = k.broadcast(k.select(isShort, k.scalar(0.0), along));
      divisor = k.broadcast(divisor);
      mapRow(k, shape, [&](Value column) {
        Value d = k.subf(k.load(k.at(gradient, column)),
                         k.mulf(k.load(k.at(from, column)), along));
        k.store(k.divf(d, divisor), k.at(k.at(dx, offset), column));
      });
    });
  });
}

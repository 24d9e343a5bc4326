//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Moments are computed again: x is read anyway, and they are what the sums over
// rows need of it.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/NormGradient.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

DeviceKernel bertc::layerNormGradientKernel(GpuBuilder &k, DeviceRows shape,
                                            DeviceForms outputs) {
  return rowKernel(
      k, "layer_norm_gradient", shape, outputs, 3, {k.global(), k.f32()},
      [&](const WarpWork &w) {
        Value scale = k.scalar(1.0 / static_cast<double>(shape.width));
        auto mean = [&](Value sum) { return k.mulf(sum, scale); };
        WarpRow x(k, shape), g(k, shape);
        x.load(w.inputs[0], w.number, shape.stride);
        g.fill([&](Value column) {
          return k.mulf(loadVector(k, elementAt(k, w.inputs[1], w.number,
                                                shape.stride, column, k.f32())),
                        loadVector(k, k.at(w.inputs[2], column, k.f32())));
        });
        Value center = mean(x.sum([](Value v) { return v; }));
        for (Value &value : x.values)
          value = k.subf(value, center);
        Value variance = mean(x.sum([&](Value d) { return k.mulf(d, d); }));
        Value inverse = emitRsqrt(k.b, k.loc, k.addf(variance, w.more.back()));
        k.ifThen(k.equal(k.laneId(), k.index(0)), [&] {
          k.store(k.vectorFrom({center, inverse}),
                  k.at(w.more[0], k.mul(w.number, momentWords), k.f32()));
        });
        for (Value &value : x.values)
          value = k.mulf(value, inverse); // n
        Value mean1 = mean(g.sum([](Value v) { return v; }));
        Value mean2 = mean(
            g.sum([&](int64_t n, Value v) { return k.mulf(v, x.values[n]); }));
        for (auto [n, value] : llvm::enumerate(g.values)) {
          Value d = k.subf(k.subf(value, mean1), k.mulf(x.values[n], mean2));
          value = g.realOnly(n, k.mulf(d, inverse));
        }
        g.forVectors([&](int64_t i, Value column) {
          w.writer.write(w.number, column, g.vector(i));
        });
      });
}

DeviceKernel bertc::normalizeGradientKernel(GpuBuilder &k, DeviceRows shape,
                                            DeviceForms outputs) {
  return rowKernel(
      k, "normalize_gradient", shape, outputs, 2, {}, [&](const WarpWork &w) {
        WarpRow x(k, shape), dy(k, shape);
        x.load(w.inputs[0], w.number, shape.stride);
        dy.load(w.inputs[1], w.number, shape.stride);
        Value length = math::SqrtOp::create(
            k.b, k.loc, x.sum([&](Value v) { return k.mulf(v, v); }));
        Value least = k.scalar(1e-12);
        Value divisor = k.maxf(length, least);
        Value product =
            x.sum([&](int64_t n, Value v) { return k.mulf(v, dy.values[n]); });
        Value isShort = arith::CmpFOp::create(
            k.b, k.loc, arith::CmpFPredicate::OLT, length, least);
        Value along = k.select(isShort, k.scalar(0),
                               k.divf(product, k.mulf(divisor, divisor)));
        x.forVectors([&](int64_t i, Value column) {
          SmallVector<Value> dx;
          for (auto [value, gradient] : llvm::zip(x.vector(i), dy.vector(i)))
            dx.push_back(
                k.divf(k.subf(gradient, k.mulf(value, along)), divisor));
          w.writer.write(w.number, column, dx);
        });
      });
}

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

//===----------------------------------------------------------------------===//
// Sums over rows
//===----------------------------------------------------------------------===//

// Four lanes have the 16 columns of a row, so a block has 128 rows at a time;
// a thread adds every 128th row, four of which it reads at once.
static constexpr int64_t sumThreads = 512;
static constexpr int64_t sumWarps = sumThreads / warpSize;
static constexpr int64_t rowLanes = columnsOfSums / vectorWidth;
static constexpr int64_t rowStep = sumThreads / rowLanes;
static constexpr int64_t rowsAtOnce = 4;

namespace {
/// What a thread reads, and from which column of the rows on.
struct SumInputs {
  Value x, moments, dy, rows, column;
};
} // namespace

/// Adds what row `number` has to the sums of four columns: those of the gain,
/// then those of the bias.
static SmallVector<Value> addRow(GpuBuilder &k, const ColumnSums &sums,
                                 const SumInputs &in, Value number,
                                 ValueRange soFar) {
  Value exists = k.less(number, in.rows);
  Value row = k.min(number, k.sub(in.rows, k.index(1)));
  SmallVector<Value> dy = loadFour(k, in.dy, row, sums.stride, in.column);
  for (Value &value : dy)
    value = k.select(exists, value, k.scalar(0));
  SmallVector<Value> next;
  if (sums.gain) {
    Value moments = k.load(k.at(in.moments, k.mul(row, momentWords), k.f32()),
                           k.vectorOf(k.f32(), momentWords));
    Value mean = k.element(moments, 0), inverse = k.element(moments, 1);
    SmallVector<Value> x = loadFour(k, in.x, row, sums.stride, in.column);
    for (auto [value, gradient] : llvm::zip(x, dy))
      next.push_back(k.fma(gradient, k.mulf(k.subf(value, mean), inverse),
                           soFar[next.size()]));
  }
  if (sums.bias)
    for (Value gradient : dy)
      next.push_back(k.addf(soFar[next.size()], gradient));
  return next;
}

/// The sums of all threads, added to `targets[i][c]` for the 16 columns of the
/// block: down the warps' trees, then in rising order of the warps.
static void addToMemory(GpuBuilder &k, ArrayRef<Value> targets,
                        SmallVector<Value> values) {
  for (Value &value : values)
    for (int64_t mask = rowLanes; mask < warpSize; mask *= 2)
      value = k.addf(value, k.shuffleXor(value, mask));
  // Shared memory: [targets][sumWarps][columnsOfSums].
  Value memory = k.sharedMemory();
  auto place = [&](int64_t target, Value warp, Value column) {
    Value row = k.add(warp, target * sumWarps);
    return k.at(memory, k.add(k.mul(row, columnsOfSums), column), k.f32());
  };
  k.ifThen(k.less(k.laneId(), k.index(rowLanes)), [&] {
    for (size_t i = 0; i < targets.size(); ++i)
      k.store(
          k.vectorFrom(ValueRange(values).slice(i * vectorWidth, vectorWidth)),
          place(i, k.warpId(), k.mul(k.laneId(), vectorWidth)));
  });
  k.barrier();
  Value column = k.rem(k.threadId(), columnsOfSums);
  for (size_t i = 0; i < targets.size(); ++i)
    k.ifThen(k.equal(k.div(k.threadId(), columnsOfSums), k.index(i)), [&] {
      Value sum = k.scalar(0);
      for (int64_t warp = 0; warp < sumWarps; ++warp)
        sum = k.addf(sum, k.load(place(i, k.index(warp), column), k.f32()));
      Value first = k.mul(k.blockId(), columnsOfSums);
      Value to = k.at(targets[i], k.add(first, column), k.f32());
      k.store(k.addf(k.load(to, k.f32()), sum), to);
    });
}

DeviceKernel bertc::columnSumsKernel(GpuBuilder &k, ColumnSums sums) {
  int64_t targets = int64_t(sums.gain) + int64_t(sums.bias);
  SmallVector<Type> types(1 + (sums.gain ? 2 : 0) + targets, k.global());
  types.push_back(k.i32());
  std::string name = llvm::formatv(
      "column_sums{0}{1}_{2}_from{3}_ld{4}", sums.gain ? "_gain" : "",
      sums.bias ? "_bias" : "", sums.columns, sums.first, sums.stride);
  auto body = [&](ValueRange v) {
    auto next = [&] {
      Value value = v.front();
      v = v.drop_front();
      return value;
    };
    SumInputs in;
    if (sums.gain) {
      in.x = next();
      in.moments = next();
    }
    in.dy = next();
    SmallVector<Value> to;
    for (int64_t i = 0; i < targets; ++i)
      to.push_back(next());
    in.rows = next();
    in.column = k.add(k.add(k.mul(k.blockId(), columnsOfSums), sums.first),
                      k.mul(k.rem(k.threadId(), rowLanes), vectorWidth));
    SmallVector<Value> zeros(targets * vectorWidth, k.scalar(0));
    SmallVector<Value> result = k.forLoop(
        k.div(k.threadId(), rowLanes), in.rows, k.index(rowStep * rowsAtOnce),
        zeros, [&](Value row, ValueRange carried) {
          SmallVector<Value> values(carried);
          for (int64_t i = 0; i < rowsAtOnce; ++i)
            values = addRow(k, sums, in, k.add(row, i * rowStep), values);
          return values;
        });
    addToMemory(k, to, result);
  };
  return k.kernel(name, sumThreads,
                  targets * sumWarps * columnsOfSums * sizeof(float), types,
                  body);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four lanes have the 16 columns of a row, so a block reads 128 rows at a time;
// a thread adds every 128th row, four of which it reads at once. What threads
// have is added down the trees of the warps, and then in rising order of the
// warps.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/CPU/NormGradient.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

static constexpr int64_t sumWarps = sumThreads / warpSize;
static constexpr int64_t rowLanes = columnsOfSums / vectorWidth;
static constexpr int64_t rowStep = sumThreads / rowLanes;
static constexpr int64_t rowsAtOnce = 4;

int64_t bertc::columnSumBytes(int64_t targets) {
  return targets * sumWarps * columnsOfSums * sizeof(float);
}

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
    for (size_t i = 0; i < targets.size(); ++i) {
      ValueRange own = ValueRange(values).slice(i * vectorWidth, vectorWidth);
      k.store(k.vectorFrom(own),
              place(i, k.warpId(), k.mul(k.laneId(), vectorWidth)));
    }
  });
  k.barrier();
  Value column = k.rem(k.threadId(), columnsOfSums);
  for (size_t i = 0; i < targets.size(); ++i)
    k.ifThen(k.equal(k.div(k.threadId(), columnsOfSums), k.index(i)), [&] {
      Value sum = k.scalar(0);
      for (int64_t warp = 0; warp < sumWarps; ++warp)
        sum = k.addf(sum, k.load(place(i, k.index(warp), column), k.f32()));
      Value to = k.at(targets[i], column, k.f32());
      k.store(k.addf(k.load(to, k.f32()), sum), to);
    });
}

void bertc::emitColumnSums(
    GpuBuilder &k, ArrayRef<Value> targets, Value rows,
    llvm::function_ref<SmallVector<Value>(Value, Value, Value, ValueRange)>
        add) {
  Value last = k.sub(rows, k.index(1));
  Value column = k.mul(k.rem(k.threadId(), rowLanes), vectorWidth);
  SmallVector<Value> zeros(targets.size() * vectorWidth, k.scalar(0));
  SmallVector<Value> sums = k.forLoop(
      k.div(k.threadId(), rowLanes), rows, k.index(rowStep * rowsAtOnce), zeros,
      [&](Value first, ValueRange carried) {
        SmallVector<Value> values(carried);
        for (int64_t i = 0; i < rowsAtOnce; ++i) {
          Value row = k.add(first, i * rowStep);
          values = add(k.min(row, last), k.less(row, rows), column, values);
        }
        return values;
      });
  addToMemory(k, targets, sums);
}

Value bertc::partOf(GpuBuilder &k, ValueRange parts, Value column,
                    int64_t columns) {
  Value part = parts.front();
  for (auto [i, next] : llvm::enumerate(parts.drop_front()))
    part =
        k.select(k.less(column, k.index(int64_t(i + 1) * columns)), part, next);
  return part;
}

/// Four neighbours of a row of dy.
static SmallVector<Value> loadGradient(GpuBuilder &k, const ColumnSums &sums,
                                       Value dy, Value row, Value column) {
  if (!sums.plane)
    return loadFour(k, dy, row, sums.stride, column);
  Value pairs =
      k.load(elementAt(k, dy, row, sums.stride, column, k.half(sums.type)),
             k.vectorOf(k.i32(), vectorWidth / 2));
  SmallVector<Value> values;
  for (int64_t i = 0; i < vectorWidth / 2; ++i) {
    auto [low, high] = k.widenPair(k.element(pairs, i), sums.type);
    values.append({low, high});
  }
  return values;
}

DeviceKernel bertc::columnSumsKernel(GpuBuilder &k, ColumnSums sums) {
  int64_t targets = int64_t(sums.gain) + int64_t(sums.bias);
  int64_t biases = sums.bias ? sums.parts : 0;
  SmallVector<Type> types(1 + (sums.gain ? 3 : 0) + biases, k.global());
  types.push_back(k.i32());
  std::string name = llvm::formatv(
      "column_sums{0}{1}_{2}_from{3}_ld{4}", sums.gain ? "_gain" : "",
      sums.bias ? "_bias" : "", sums.columns, sums.first, sums.stride);
  if (sums.plane)
    name += sums.type == HalfType::BF16 ? "_bf16" : "_f16";
  if (sums.parts > 1)
    name += llvm::formatv("_{0}parts", sums.parts);
  auto body = [&](ValueRange v) {
    Value x, moments;
    if (sums.gain) {
      x = v[0];
      moments = v[1];
      v = v.drop_front(2);
    }
    Value own = k.mul(k.blockId(), columnsOfSums);
    SmallVector<Value> to;
    if (sums.gain)
      to.push_back(k.at(v[1], own, k.f32()));
    if (sums.bias) {
      int64_t each = sums.columns / sums.parts;
      Value bias = partOf(k, v.slice(1 + sums.gain, sums.parts), own, each);
      to.push_back(k.at(bias, k.rem(own, each), k.f32()));
    }
    auto add = [&](Value row, Value exists, Value column, ValueRange soFar) {
      Value at = k.add(k.add(own, sums.first), column);
      SmallVector<Value> dy = loadGradient(k, sums, v[0], row, at);
      for (Value &value : dy)
        value = k.select(exists, value, k.scalar(0));
      SmallVector<Value> next;
      if (sums.gain) {
        Value pair = k.load(k.at(moments, k.mul(row, momentWords), k.f32()),
                            k.vectorOf(k.f32(), momentWords));
        Value mean = k.element(pair, 0), inverse = k.element(pair, 1);
        SmallVector<Value> values = loadFour(k, x, row, sums.stride, at);
        for (auto [value, gradient] : llvm::zip(values, dy))
          next.push_back(k.fma(gradient, k.mulf(k.subf(value, mean), inverse),
                               soFar[next.size()]));
      }
      if (sums.bias)
        for (Value gradient : dy)
          next.push_back(k.addf(soFar[next.size()], gradient));
      return next;
    };
    emitColumnSums(k, to, v.back(), add);
  };
  return k.kernel(name, sumThreads, columnSumBytes(targets), types, body);
}

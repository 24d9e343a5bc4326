//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rows of a table belong to the first token that has their id: its warp looks
// for the others and adds them all, so nothing is sorted and nothing is atomic.
// Where the table has few rows that would be few warps with much to add, and
// sums over all rows, with zero for those of other ids, are faster.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/RowsGradient.h"
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

DeviceKernel bertc::activationGradientKernel(GpuBuilder &k,
                                             ActivationFunction activation,
                                             DeviceRows shape,
                                             DeviceForms outputs,
                                             int64_t outputStride) {
  std::string name = (activationFunctionName(activation) + "_gradient").str();
  return mapKernel(
      k, name, 2, shape, outputs, outputStride, [&](ArrayRef<Value> v) {
        return k.mulf(v[0],
                      emitDeviceActivationDerivative(k, activation, v[1]));
      });
}

//===----------------------------------------------------------------------===//
// Pooling
//===----------------------------------------------------------------------===//

/// The numbers of the first rows with the largest values, for four columns.
static SmallVector<Value>
emitLargest(GpuBuilder &k, Value first, Value last,
            llvm::function_ref<SmallVector<Value>(Value)> row) {
  SmallVector<Value> best = row(first);
  best.append(vectorWidth, first);
  best =
      k.forLoop(k.add(first, 1), last, k.index(1), best,
                [&](Value number, ValueRange carried) {
                  SmallVector<Value> next(carried);
                  for (auto [j, value] : llvm::enumerate(row(number))) {
                    Value larger = arith::CmpFOp::create(
                        k.b, k.loc, arith::CmpFPredicate::OGT, value, next[j]);
                    next[j] = k.select(larger, value, next[j]);
                    Value &place = next[j + vectorWidth];
                    place = k.select(larger, number, place);
                  }
                  return next;
                });
  return SmallVector<Value>(ArrayRef(best).drop_front(vectorWidth));
}

DeviceKernel bertc::poolGradientKernel(GpuBuilder &k, Pooling mode,
                                       DeviceRows shape, DeviceForms outputs,
                                       int64_t dyStride) {
  int64_t inputs = mode == Pooling::Max ? 3 : 2;
  RowWriter writer(k, outputs, shape.stride);
  SmallVector<Type> types(inputs, k.global());
  writer.addTypes(types);
  auto body = [&](ValueRange v, Value sequence, Value column) {
    ValueRange rest = v.drop_front(inputs);
    writer.take(rest);
    auto offset = [&](Value at) {
      return k.load(k.at(v[0], at, k.i32()), k.i32());
    };
    Value first = offset(sequence), last = offset(k.add(sequence, 1));
    SmallVector<Value> dy =
        loadFour(k, v[inputs - 1], sequence, dyStride, column);
    SmallVector<Value> takers(vectorWidth, first);
    if (mode == Pooling::Max)
      takers = emitLargest(k, first, last, [&](Value number) {
        return loadFour(k, v[1], number, shape.stride, column);
      });
    bool shared = mode == Pooling::Mean || mode == Pooling::MeanSqrtLen;
    if (shared) {
      Value divisor = k.toFloat(k.sub(last, first));
      if (mode == Pooling::MeanSqrtLen)
        divisor = math::SqrtOp::create(k.b, k.loc, divisor);
      for (Value &value : dy)
        value = k.divf(value, divisor);
    }
    Value begin = k.add(first, k.mul(k.blockId(2), rowsOfPoolGradient));
    Value end = k.min(last, k.add(begin, rowsOfPoolGradient));
    k.forLoop(begin, end, 1, [&](Value row) {
      SmallVector<Value> dx = dy;
      if (!shared)
        for (auto [value, taker] : llvm::zip(dx, takers))
          value = k.select(k.equal(row, taker), value, k.scalar(0));
      writer.write(row, column, dx);
    });
  };
  std::string name =
      llvm::formatv("pool_{0}_gradient_{1}_ld{2}_{3}_ld{4}", poolingName(mode),
                    shape.width, dyStride, outputs.name(), shape.stride);
  return columnKernel(k, name, roundUp(shape.width, lanes), vectorWidth, types,
                      body);
}

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

static Value loadId(GpuBuilder &k, Value ids, Value row) {
  return k.load(k.at(ids, row, k.i32()), k.i32());
}

static DeviceKernel fewRowsKernel(GpuBuilder &k, DeviceRows shape,
                                  TypeRange types) {
  std::string name = llvm::formatv("embed_gradient_few_rows_{0}_ld{1}",
                                   shape.width, shape.stride);
  auto body = [&](ValueRange v) {
    Value own = k.mul(k.blockId(), columnsOfSums), tableRow = k.blockId(1);
    Value target =
        elementAt(k, v[2], tableRow, roundUp(shape.width, lanes), own, k.f32());
    auto add = [&](Value row, Value exists, Value column, ValueRange sums) {
      Value has = k.both(exists, k.equal(loadId(k, v[0], row), tableRow));
      SmallVector<Value> next;
      for (auto [sum, dy] : llvm::zip(
               sums, loadFour(k, v[1], row, shape.stride, k.add(own, column))))
        next.push_back(k.addf(sum, k.select(has, dy, k.scalar(0))));
      return next;
    };
    emitColumnSums(k, target, v[3], add);
  };
  return k.kernel(name, sumThreads, columnSumBytes(1), types, body);
}

/// Whether no row before `row` has the same id; the same in all lanes.
static Value emitIsFirst(GpuBuilder &k, Value ids, Value row, Value id) {
  Value none = k.less(row, row);
  SmallVector<Value> found =
      k.forLoop(k.laneId(), row, k.index(warpSize), none,
                [&](Value other, ValueRange soFar) -> SmallVector<Value> {
                  Value same = k.equal(loadId(k, ids, other), id);
                  return {arith::OrIOp::create(k.b, k.loc, soFar[0], same)};
                });
  return k.equal(k.ballot(found[0]), k.index(0));
}

/// Adds row after row of dy with the id, from `row` on, to what `sums` has.
static void addRowsWithId(GpuBuilder &k, ValueRange v, Value row, Value id,
                          WarpRow &sums, DeviceRows shape) {
  Value rows = v[3], last = k.sub(rows, k.index(1));
  sums.values = k.forLoop(
      row, rows, k.index(warpSize), sums.values,
      [&](Value first, ValueRange carried) {
        Value other = k.add(first, k.laneId());
        Value same = k.equal(loadId(k, v[0], k.min(other, last)), id);
        Value mask = k.ballot(k.both(k.less(other, rows), same));
        SmallVector<Value> state = {mask};
        llvm::append_range(state, carried);
        Value count = math::CtPopOp::create(k.b, k.loc, mask);
        state = k.forLoop(
            k.index(0), count, k.index(1), state, [&](Value, ValueRange inner) {
              Value left = inner[0];
              Value lane = math::CountTrailingZerosOp::create(k.b, k.loc, left);
              WarpRow dy(k, shape);
              dy.load(v[1], k.add(first, lane), shape.stride);
              SmallVector<Value> next = {arith::AndIOp::create(
                  k.b, k.loc, left, k.sub(left, k.index(1)))};
              for (auto [sum, value] : llvm::zip(inner.drop_front(), dy.values))
                next.push_back(k.addf(sum, value));
              return next;
            });
        return SmallVector<Value>(ArrayRef(state).drop_front());
      });
}

DeviceKernel bertc::embedGradientKernel(GpuBuilder &k, DeviceRows shape,
                                        int64_t tableRows) {
  SmallVector<Type> types(3, k.global());
  types.push_back(k.i32());
  if (tableRows <= fewTableRows)
    return fewRowsKernel(k, shape, types);
  std::string name =
      llvm::formatv("embed_gradient_{0}_ld{1}", shape.width, shape.stride);
  int64_t tableStride = roundUp(shape.width, lanes);
  auto body = [&](ValueRange v) {
    Value row = k.add(k.mul(k.blockId(), rowsOfBlock), k.warpId());
    k.ifThen(k.less(row, v[3]), [&] {
      Value id = loadId(k, v[0], row);
      k.ifThen(emitIsFirst(k, v[0], row, id), [&] {
        WarpRow sums(k, shape);
        sums.load(v[2], id, tableStride);
        addRowsWithId(k, v, row, id, sums, shape);
        sums.forVectors([&](int64_t i, Value column) {
          k.store(k.vectorFrom(sums.vector(i)),
                  elementAt(k, v[2], id, tableStride, column, k.f32()));
        });
      });
    });
  };
  // A row in registers, as many as it takes.
  return k.kernel(name, rowsOfBlock * warpSize, 0, types, body, /*resident=*/1);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/RowLoops.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/GPU/Rows.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

Value bertc::loadVector(GpuBuilder &k, Value pointer) {
  return k.load(pointer, k.vectorOf(k.f32(), vectorWidth));
}

SmallVector<Value> bertc::loadFour(GpuBuilder &k, Value rows, Value row,
                                   int64_t stride, Value column) {
  Value vector =
      loadVector(k, elementAt(k, rows, row, stride, column, k.f32()));
  SmallVector<Value> values;
  for (int64_t j = 0; j < vectorWidth; ++j)
    values.push_back(k.element(vector, j));
  return values;
}

//===----------------------------------------------------------------------===//
// Rows of warps
//===----------------------------------------------------------------------===//

int64_t WarpRow::columns() const { return roundUp(shape.width, lanes); }
int64_t WarpRow::vectors() const { return (columns() + step - 1) / step; }

void WarpRow::forVectors(llvm::function_ref<void(int64_t, Value)> body) const {
  Value first = k.mul(k.laneId(), vectorWidth);
  for (int64_t i = 0; i < vectors(); ++i) {
    Value column = k.add(first, i * step);
    if ((i + 1) * step <= columns())
      body(i, column);
    else
      k.ifThen(k.less(column, k.index(columns())), [&] { body(i, column); });
  }
}

void WarpRow::fill(
    llvm::function_ref<SmallVector<Value>(int64_t, Value)> source) {
  Value first = k.mul(k.laneId(), vectorWidth);
  for (int64_t i = 0; i < vectors(); ++i) {
    Value column = k.add(first, i * step);
    auto read = [&] { return source(i, column); };
    auto zeros = [&] { return SmallVector<Value>(vectorWidth, k.scalar(0)); };
    values.append(
        (i + 1) * step <= columns()
            ? read()
            : k.ifElse(k.less(column, k.index(columns())), read, zeros));
  }
}

void WarpRow::fill(llvm::function_ref<Value(Value)> source) {
  fill([&](int64_t, Value column) {
    Value vector = source(column);
    SmallVector<Value> four;
    for (int64_t j = 0; j < vectorWidth; ++j)
      four.push_back(k.element(vector, j));
    return four;
  });
}

void WarpRow::load(Value rows, Value number, int64_t stride) {
  fill([&](Value column) {
    return loadVector(k, elementAt(k, rows, number, stride, column, k.f32()));
  });
}

Value WarpRow::realOnly(int64_t n, Value value) {
  int64_t i = n / vectorWidth, j = n % vectorWidth;
  if ((i + 1) * step <= shape.width)
    return value;
  Value column = k.add(k.mul(k.laneId(), vectorWidth), i * step + j);
  return k.select(k.less(column, k.index(shape.width)), value, k.scalar(0));
}

Value WarpRow::sum(llvm::function_ref<Value(int64_t, Value)> map) {
  SmallVector<Value> sums(vectorWidth, k.scalar(0));
  for (auto [n, value] : llvm::enumerate(values)) {
    Value &sum = sums[n % vectorWidth];
    sum = k.addf(sum, realOnly(n, map(n, value)));
  }
  return k.warpAdd(k.addf(k.addf(sums[0], sums[1]), k.addf(sums[2], sums[3])));
}

DeviceKernel bertc::rowKernel(GpuBuilder &k, llvm::StringRef what,
                              DeviceRows shape, DeviceForms outputs,
                              int64_t inputs, TypeRange more,
                              llvm::function_ref<void(const WarpWork &)> body) {
  RowWriter writer(k, outputs, shape.stride);
  SmallVector<Type> types(inputs, k.global());
  writer.addTypes(types);
  llvm::append_range(types, more);
  types.push_back(k.i32());
  std::string name = llvm::formatv("{0}_{1}_ld{2}_{3}", what, shape.width,
                                   shape.stride, outputs.name());
  return k.kernel(name, rowsOfBlock * warpSize, 0, types, [&](ValueRange v) {
    Value row = k.add(k.mul(k.blockId(), rowsOfBlock), k.warpId());
    k.ifThen(k.less(row, v.back()), [&] {
      ValueRange rest = v.drop_front(inputs);
      writer.take(rest);
      body({v.take_front(inputs), rest.drop_back(), row, writer});
    });
  });
}

//===----------------------------------------------------------------------===//
// Columns of threads
//===----------------------------------------------------------------------===//

DeviceKernel
bertc::columnKernel(GpuBuilder &k, llvm::StringRef name, int64_t columns,
                    int64_t perThread, TypeRange types,
                    llvm::function_ref<void(ValueRange, Value, Value)> body) {
  return k.kernel(name, columnsOfBlock / perThread, 0, types,
                  [&](ValueRange v) {
                    Value column = k.add(k.mul(k.blockId(1), columnsOfBlock),
                                         k.mul(k.threadId(), perThread));
                    k.ifThen(k.less(column, k.index(columns)),
                             [&] { body(v, k.blockId(0), column); });
                  });
}

DeviceKernel bertc::mapKernel(GpuBuilder &k, llvm::StringRef name,
                              int64_t inputs, DeviceRows shape,
                              DeviceForms outputs, int64_t outputStride,
                              llvm::function_ref<Value(ArrayRef<Value>)> map) {
  RowWriter writer(k, outputs, outputStride);
  SmallVector<Type> types(inputs, k.global());
  writer.addTypes(types);
  auto body = [&](ValueRange v, Value row, Value column) {
    ValueRange rest = v.drop_front(inputs);
    writer.take(rest);
    SmallVector<SmallVector<Value>> read;
    for (Value input : v.take_front(inputs))
      read.push_back(loadFour(k, input, row, shape.stride, column));
    SmallVector<Value> y;
    for (int64_t j = 0; j < vectorWidth; ++j) {
      SmallVector<Value> values;
      for (const SmallVector<Value> &four : read)
        values.push_back(four[j]);
      y.push_back(map(values));
    }
    writer.write(row, column, y);
  };
  std::string full = llvm::formatv("{0}_{1}_ld{2}_{3}_ld{4}", name, shape.width,
                                   shape.stride, outputs.name(), outputStride);
  return columnKernel(k, full, roundUp(shape.width, lanes), vectorWidth, types,
                      body);
}

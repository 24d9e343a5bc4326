//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Rows.h"
#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

DeviceKernel bertc::addKernel(GpuBuilder &k, DeviceRows shape,
                              DeviceForms outputs) {
  return mapKernel(k, "add", 2, shape, outputs, shape.stride,
                   [&](ArrayRef<Value> v) { return k.addf(v[0], v[1]); });
}

DeviceKernel bertc::activationKernel(GpuBuilder &k,
                                     ActivationFunction activation,
                                     DeviceRows shape, DeviceForms outputs,
                                     int64_t outputStride) {
  llvm::StringRef name = activation == ActivationFunction::None
                             ? "copy"
                             : activationFunctionName(activation);
  return mapKernel(k, name, 1, shape, outputs, outputStride,
                   [&](ArrayRef<Value> v) {
                     return emitDeviceActivation(k, activation, v[0], outputs);
                   });
}

DeviceKernel bertc::poolKernel(GpuBuilder &k, Pooling mode, DeviceRows shape,
                               DeviceForms outputs, int64_t outputStride) {
  RowWriter writer(k, outputs, outputStride);
  SmallVector<Type> types(2, k.global());
  writer.addTypes(types);
  auto body = [&](ValueRange v, Value sequence, Value column) {
    ValueRange rest = v.drop_front(2);
    writer.take(rest);
    auto offset = [&](Value at) {
      return k.load(k.at(v[0], at, k.i32()), k.i32());
    };
    Value first = offset(sequence), last = offset(k.add(sequence, 1));
    Value count = k.sub(last, first);
    if (mode == Pooling::Cls)
      last = k.add(first, 1);
    auto row = [&](Value number) {
      return loadFour(k, v[1], number, shape.stride, column);
    };
    auto join = [&](Value soFar, Value next) {
      return mode == Pooling::Max ? k.maxf(next, soFar) : k.addf(soFar, next);
    };
    SmallVector<Value> pooled =
        k.forLoop(k.add(first, 1), last, k.index(1), row(first),
                  [&](Value number, ValueRange carried) {
                    SmallVector<Value> result;
                    for (auto [soFar, next] : llvm::zip(carried, row(number)))
                      result.push_back(join(soFar, next));
                    return result;
                  });
    if (mode == Pooling::Mean || mode == Pooling::MeanSqrtLen) {
      Value divisor = k.toFloat(count);
      if (mode == Pooling::MeanSqrtLen)
        divisor = math::SqrtOp::create(k.b, k.loc, divisor);
      for (Value &value : pooled)
        value = k.divf(value, divisor);
    }
    writer.write(sequence, column, pooled);
  };
  std::string name =
      llvm::formatv("pool_{0}_{1}_ld{2}_{3}_ld{4}", poolingName(mode),
                    shape.width, shape.stride, outputs.name(), outputStride);
  return columnKernel(k, name, roundUp(shape.width, lanes), vectorWidth, types,
                      body);
}

DeviceKernel bertc::outputKernel(GpuBuilder &k, DeviceRows shape, bool mapped) {
  SmallVector<Type> types(mapped ? 3 : 2, k.global());
  auto body = [&](ValueRange v, Value row, Value column) {
    Value value =
        k.load(elementAt(k, v[0], row, shape.stride, column, k.f32()), k.f32());
    Value to = mapped ? k.load(k.at(v[1], row, k.i32()), k.i32()) : row;
    k.store(value, elementAt(k, v.back(), to, shape.width, column, k.f32()));
  };
  std::string name = llvm::formatv("output_{0}_ld{1}{2}", shape.width,
                                   shape.stride, mapped ? "_mapped" : "");
  return columnKernel(k, name, shape.width, 1, types, body);
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each kernel is a loop over rows with a loop over vectors inside.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Rows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

llvm::StringRef bertc::poolingName(Pooling mode) {
  switch (mode) {
  case Pooling::Cls:
    return "cls";
  case Pooling::Mean:
    return "mean";
  case Pooling::Max:
    return "max";
  case Pooling::MeanSqrtLen:
    return "mean_sqrt_len";
  }
  return "";
}

Value bertc::poolDivisor(KernelBuilder &k, Pooling mode, Value count) {
  if (mode == Pooling::Cls || mode == Pooling::Max)
    return {};
  Value integer =
      arith::IndexCastOp::create(k.b, k.loc, k.b.getI32Type(), count);
  Value divisor =
      arith::SIToFPOp::create(k.b, k.loc, k.b.getF32Type(), integer);
  if (mode == Pooling::MeanSqrtLen)
    divisor = math::SqrtOp::create(k.b, k.loc, divisor);
  return k.broadcast(divisor);
}

void bertc::callPool(KernelBuilder &k, RowShape xShape, RowShape yShape,
                     Pooling mode, Value offsets, Place x, Place y, Value begin,
                     Value end) {
  std::string name = llvm::formatv("pool_{0}_{1}_ld{2}_{3}", poolingName(mode),
                                   xShape.width, xShape.stride, yShape.stride);
  Type buffer = k.bufferType(), index = k.indexType();
  auto body = [&](ValueRange v) {
    k.forLoop(v[5], v[6], 1, [&](Value sequence) {
      Value first = k.loadIndex(v[0], sequence);
      Value last = k.loadIndex(v[0], k.add(sequence, 1));
      Value count = k.sub(last, first);
      if (mode == Pooling::Cls)
        last = k.add(first, 1);
      Value divisor = poolDivisor(k, mode, count);
      Place rows{v[1], v[2]},
          out = k.at({v[3], v[4]}, k.mul(sequence, yShape.stride));
      k.forLoop(k.index(0), k.index(xShape.vectors() * lanes), lanes,
                [&](Value column) {
                  auto row = [&](Value r) {
                    return k.load(
                        k.at(k.at(rows, k.mul(r, xShape.stride)), column));
                  };
                  Value pooled =
                      k.forLoop(k.add(first, 1), last, 1, {row(first)},
                                [&](Value r, ValueRange acc) {
                                  Value next = mode == Pooling::Max
                                                   ? k.maxf(row(r), acc[0])
                                                   : k.addf(acc[0], row(r));
                                  return SmallVector<Value>{next};
                                })[0];
                  if (divisor)
                    pooled = k.divf(pooled, divisor);
                  k.store(pooled, k.at(out, column));
                });
    });
  };
  auto kernel = k.kernel(
      name, {k.intBufferType(), buffer, index, buffer, index, index, index},
      body);
  k.call(kernel, {offsets, x.buffer, x.offset, y.buffer, y.offset, begin, end});
}

void bertc::callMap(KernelBuilder &k, llvm::StringRef name, RowShape from,
                    RowShape to, ArrayRef<Place> inputs, Place y, Value rows,
                    llvm::function_ref<Value(ArrayRef<Value>)> map) {
  SmallVector<Type> types;
  for (size_t i = 0; i <= inputs.size(); ++i)
    types.append({k.bufferType(), k.indexType()});
  types.push_back(k.indexType());
  auto kernel = k.kernel(name, types, [&](ValueRange v) {
    k.forLoop(k.index(0), v.back(), 1, [&](Value row) {
      k.forLoop(
          k.index(0), k.index(from.vectors() * lanes), lanes,
          [&](Value column) {
            SmallVector<Value> values;
            Value offset = k.add(k.mul(row, from.stride), column);
            for (size_t i = 0; i < inputs.size(); ++i)
              values.push_back(k.load(k.at({v[2 * i], v[2 * i + 1]}, offset)));
            size_t out = 2 * inputs.size();
            k.store(map(values), k.at({v[out], v[out + 1]},
                                      k.add(k.mul(row, to.stride), column)));
          });
    });
  });
  SmallVector<Value> arguments;
  for (Place p : inputs)
    arguments.append({p.buffer, p.offset});
  arguments.append({y.buffer, y.offset, rows});
  k.call(kernel, arguments);
}

void bertc::callAdd(KernelBuilder &k, RowShape shape, Place x, Place z, Place y,
                    Value rows) {
  callMap(k, llvm::formatv("add_{0}_ld{1}", shape.width, shape.stride).str(),
          shape, shape, {x, z}, y, rows,
          [&](ArrayRef<Value> v) { return k.addf(v[0], v[1]); });
}

void bertc::callActivation(KernelBuilder &k, RowShape shape,
                           ActivationFunction activation, Place x, Place y,
                           Value rows) {
  callMap(k,
          llvm::formatv("{0}_{1}_ld{2}", activationFunctionName(activation),
                        shape.width, shape.stride)
              .str(),
          shape, shape, {x}, y, rows, [&](ArrayRef<Value> v) {
            return emitActivation(k.b, k.loc, activation, v[0]);
          });
}

void bertc::callCopy(KernelBuilder &k, RowShape from, RowShape to, Place x,
                     Place y, Value rows) {
  callMap(
      k,
      llvm::formatv("copy_{0}_ld{1}_{2}", from.width, from.stride, to.stride)
          .str(),
      from, to, {x}, y, rows, [](ArrayRef<Value> v) { return v[0]; });
}

void bertc::callWriteOutput(KernelBuilder &k, RowShape shape, Place x,
                            Value out, Value map, Value begin, Value end) {
  std::string name = llvm::formatv("write_output_{0}_ld{1}{2}", shape.width,
                                   shape.stride, map ? "_mapped" : "");
  Type buffer = k.bufferType(), index = k.indexType();
  SmallVector<Type> types = {buffer, index, buffer, index, index};
  SmallVector<Value> arguments = {x.buffer, x.offset, out, begin, end};
  if (map) {
    types.push_back(k.intBufferType());
    arguments.push_back(map);
  }
  auto kernel = k.kernel(name, types, [&](ValueRange v) {
    int64_t full = shape.width / lanes * lanes;
    k.forLoop(v[3], v[4], 1, [&](Value row) {
      Value target = map ? k.loadIndex(v[5], row) : row;
      Place from = k.at({v[0], v[1]}, k.mul(row, shape.stride));
      Place to{v[2], k.mul(target, shape.width)};
      k.forLoop(k.index(0), k.index(full), lanes, [&](Value column) {
        k.store(k.load(k.at(from, column)), k.at(to, column));
      });
      k.forLoop(k.index(full), k.index(shape.width), 1, [&](Value column) {
        k.storeScalar(k.loadScalar(k.at(from, column)), k.at(to, column));
      });
    });
  });
  k.call(kernel, arguments);
}

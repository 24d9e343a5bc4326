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
#include "compiler/Kernels/CPU/Isa.h"
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

std::string bertc::rowsName(RowShape shape) {
  return llvm::formatv("{0}ld{1}", shape.bf16 ? "bf16_" : "", shape.stride);
}

/// The elements [column, column + 16 * vectors) of a row, 16 by 16.
static SmallVector<Value> loadVectors(KernelBuilder &k, MapRows rows, Value row,
                                      Value column, int64_t vectors) {
  Place at = k.at(rows.place, k.mul(row, rows.shape.stride));
  SmallVector<Value> values;
  if (rows.shape.bf16) {
    auto [low, high] = emitFromBF16Words(k, k.load(k.at(at, k.div(column, 2))));
    return {low, high};
  }
  for (int64_t v = 0; v < vectors; ++v)
    values.push_back(k.load(k.at(k.at(at, column), v * lanes)));
  return values;
}

static void storeVectors(KernelBuilder &k, ArrayRef<Value> values, MapRows rows,
                         Value row, Value column) {
  Place at = k.at(rows.place, k.mul(row, rows.shape.stride));
  if (rows.shape.bf16)
    return k.store(emitBF16Words(k, values[0], values[1]),
                   k.at(at, k.div(column, 2)));
  for (auto [v, value] : llvm::enumerate(values))
    k.store(value, k.at(k.at(at, column), int64_t(v) * lanes));
}

void bertc::callMap(KernelBuilder &k, llvm::StringRef name,
                    ArrayRef<MapRows> inputs, MapRows y, Value rows,
                    llvm::function_ref<Value(ArrayRef<Value>)> map) {
  SmallVector<MapRows> all(inputs);
  all.push_back(y);
  SmallVector<Value *> slots;
  bool narrow = false;
  for (MapRows &r : all) {
    slots.append({&r.place.buffer, &r.place.offset});
    narrow |= r.shape.bf16;
  }
  slots.push_back(&rows);
  int64_t columns = inputs.front().shape.vectors() * lanes;
  int64_t vectors = narrow ? 2 : 1; // at a time
  assert(columns % (vectors * lanes) == 0 && "rows of whole vectors of words");
  k.callKernel(name, slots, [&] {
    k.forLoop(k.index(0), rows, 1, [&](Value row) {
      k.forLoop(k.index(0), k.index(columns), vectors * lanes,
                [&](Value column) {
                  SmallVector<SmallVector<Value>> read;
                  for (const MapRows &r : ArrayRef(all).drop_back())
                    read.push_back(loadVectors(k, r, row, column, vectors));
                  SmallVector<Value> results;
                  for (int64_t v = 0; v < vectors; ++v) {
                    SmallVector<Value> values;
                    for (const SmallVector<Value> &own : read)
                      values.push_back(own[v]);
                    results.push_back(map(values));
                  }
                  storeVectors(k, results, all.back(), row, column);
                });
    });
  });
}

void bertc::callAdd(KernelBuilder &k, RowShape shape, Place x, Place z, Place y,
                    Value rows) {
  callMap(k, llvm::formatv("add_{0}_ld{1}", shape.width, shape.stride).str(),
          {{x, shape}, {z, shape}}, {y, shape}, rows,
          [&](ArrayRef<Value> v) { return k.addf(v[0], v[1]); });
}

void bertc::callActivation(KernelBuilder &k, ActivationFunction activation,
                           MapRows x, MapRows y, Value rows) {
  std::string name =
      llvm::formatv("{0}_{1}_{2}", activationFunctionName(activation),
                    x.shape.width, rowsName(x.shape));
  if (rowsName(y.shape) != rowsName(x.shape))
    name += "_" + rowsName(y.shape);
  callMap(k, name, {x}, y, rows, [&](ArrayRef<Value> v) {
    return emitActivation(k.b, k.loc, activation, v[0]);
  });
}

void bertc::callCopy(KernelBuilder &k, RowShape from, RowShape to, Place x,
                     Place y, Value rows) {
  callMap(
      k,
      llvm::formatv("copy_{0}_ld{1}_{2}", from.width, from.stride, to.stride)
          .str(),
      {{x, from}}, {y, to}, rows, [](ArrayRef<Value> v) { return v[0]; });
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

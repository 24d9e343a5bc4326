//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 (Salmon et al., SC 2011): a block of four draws is four columns
// of a row, which is what a thread has. 20 wide products for them.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Dropout.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"
#include <array>

using namespace mlir;
using namespace bertc;

void DeviceDropout::addTypes(GpuBuilder &k, SmallVectorImpl<Type> &types) {
  types.append({k.i32(), k.i32(), k.global(), k.i32(), k.i32(), k.f32()});
}

void DeviceDropout::take(ValueRange &arguments) {
  for (Value *slot :
       {&seedLow, &seedHigh, &step, &stream, &threshold, &scale}) {
    *slot = arguments.front();
    arguments = arguments.drop_front();
  }
}

using Draws = std::array<Value, 4>;

static Draws emitPhilox(GpuBuilder &k, Draws c, Value keyLow, Value keyHigh) {
  for (int round = 0; round < 10; ++round) {
    auto a =
        arith::MulUIExtendedOp::create(k.b, k.loc, c[0], k.index(0xD2511F53));
    auto b =
        arith::MulUIExtendedOp::create(k.b, k.loc, c[2], k.index(0xCD9E8D57));
    c = {k.bitXor(k.bitXor(b.getHigh(), c[1]), keyLow), b.getLow(),
         k.bitXor(k.bitXor(a.getHigh(), c[3]), keyHigh), a.getLow()};
    keyLow = k.add(keyLow, 0x9E3779B9);
    keyHigh = k.add(keyHigh, 0xBB67AE85);
  }
  return c;
}

SmallVector<Value> bertc::emitKept(GpuBuilder &k, const DeviceDropout &dropout,
                                   Value row, Value column) {
  // Loaded for each draw: kept, it would take a register of kernels that have
  // none to spare.
  Value step = k.load(dropout.step, k.i32());
  Draws draws = emitPhilox(k, {k.div(column, 4), row, dropout.stream, step},
                           dropout.seedLow, dropout.seedHigh);
  SmallVector<Value> kept;
  for (Value draw : draws)
    kept.push_back(arith::CmpIOp::create(k.b, k.loc, arith::CmpIPredicate::uge,
                                         draw, dropout.threshold));
  return kept;
}

Value bertc::emitKeep(GpuBuilder &k, const DeviceDropout &dropout, Value kept,
                      Value value) {
  return k.select(kept, k.mulf(value, dropout.scale), k.scalar(0));
}

DeviceKernel bertc::dropoutKernel(GpuBuilder &k, DeviceRows shape,
                                  DeviceForms outputs, bool adds) {
  RowWriter writer(k, outputs, shape.stride);
  SmallVector<Type> types(adds ? 2 : 1, k.global());
  writer.addTypes(types);
  DeviceDropout::addTypes(k, types);
  auto body = [&](ValueRange v, Value row, Value column) {
    ValueRange rest = v.drop_front(adds ? 2 : 1);
    writer.take(rest);
    DeviceDropout dropout;
    dropout.take(rest);
    SmallVector<Value> y = loadFour(k, v[0], row, shape.stride, column);
    SmallVector<Value> kept = emitKept(k, dropout, row, column);
    for (int64_t j = 0; j < vectorWidth; ++j)
      y[j] = emitKeep(k, dropout, kept[j], y[j]);
    if (adds)
      for (auto [sum, plus] :
           llvm::zip(y, loadFour(k, v[1], row, shape.stride, column)))
        sum = k.addf(sum, plus);
    writer.write(row, column, y);
  };
  std::string name =
      llvm::formatv("dropout{0}_{1}_ld{2}_{3}", adds ? "_add" : "", shape.width,
                    shape.stride, outputs.name());
  return columnKernel(k, name, roundUp(shape.width, lanes), vectorWidth, types,
                      body);
}

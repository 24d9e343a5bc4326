//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Norm.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/CPU/Math.h"
#include "compiler/Kernels/GPU/Quantize.h"
#include "compiler/Kernels/GPU/RowLoops.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

/// In all forms that are asked for.
static void writeRow(GpuBuilder &k, const WarpRow &row, RowWriter &writer,
                     Value number) {
  if (writer.hasElements())
    row.forVectors([&](int64_t i, Value column) {
      writer.write(number, column, row.vector(i));
    });
  if (writer.hasInt8())
    writeInt8(k, row, writer, number);
}

static void normalizeRow(GpuBuilder &k, DeviceRows shape, WarpRow &row,
                         Value epsilon, Value gain, Value bias,
                         RowWriter &writer, Value number) {
  Value width = k.scalar(static_cast<double>(shape.width));
  Value mean = k.divf(row.sum([](Value v) { return v; }), width);
  Value variance = k.divf(row.sum([&](Value v) {
    Value d = k.subf(v, mean);
    return k.mulf(d, d);
  }),
                          width);
  Value inverse = emitRsqrt(k.b, k.loc, k.addf(variance, epsilon));
  // Padding columns: gain and bias are zero there, so y is zero.
  WarpRow y(k, shape);
  y.fill([&](int64_t i, Value column) {
    Value gains = loadVector(k, k.at(gain, column, k.f32()));
    Value biases = loadVector(k, k.at(bias, column, k.f32()));
    SmallVector<Value> four;
    for (auto [j, v] : llvm::enumerate(row.vector(i)))
      four.push_back(k.fma(k.mulf(k.subf(v, mean), inverse),
                           k.element(gains, j), k.element(biases, j)));
    return four;
  });
  writeRow(k, y, writer, number);
}

DeviceKernel bertc::layerNormKernel(GpuBuilder &k, DeviceRows shape,
                                    DeviceForms outputs) {
  return rowKernel(k, "layer_norm", shape, outputs, 3, k.f32(),
                   [&](const WarpWork &w) {
                     WarpRow row(k, shape);
                     row.load(w.inputs[0], w.number, shape.stride);
                     normalizeRow(k, shape, row, w.more[0], w.inputs[1],
                                  w.inputs[2], w.writer, w.number);
                   });
}

DeviceKernel bertc::embedNormKernel(GpuBuilder &k, DeviceRows shape,
                                    DeviceForms outputs) {
  int64_t tableStride = roundUp(shape.width, lanes);
  return rowKernel(
      k, "embed_norm", shape, outputs, 8, k.f32(), [&](const WarpWork &w) {
        Value ids[3];
        for (int i = 0; i < 3; ++i)
          ids[i] = k.load(k.at(w.inputs[i], w.number, k.i32()), k.i32());
        WarpRow row(k, shape);
        row.fill([&](Value column) {
          auto part = [&](int i) {
            return loadVector(k, elementAt(k, w.inputs[3 + i], ids[i],
                                           tableStride, column, k.f32()));
          };
          return k.addf(k.addf(part(0), part(1)), part(2));
        });
        normalizeRow(k, shape, row, w.more[0], w.inputs[6], w.inputs[7],
                     w.writer, w.number);
      });
}

DeviceKernel bertc::embedKernel(GpuBuilder &k, DeviceRows shape,
                                DeviceForms outputs) {
  return rowKernel(k, "embed", shape, outputs, 2, {}, [&](const WarpWork &w) {
    Value id = k.load(k.at(w.inputs[0], w.number, k.i32()), k.i32());
    WarpRow row(k, shape);
    row.load(w.inputs[1], id, roundUp(shape.width, lanes));
    writeRow(k, row, w.writer, w.number);
  });
}

DeviceKernel bertc::normalizeKernel(GpuBuilder &k, DeviceRows shape,
                                    DeviceForms outputs) {
  return rowKernel(
      k, "normalize", shape, outputs, 1, {}, [&](const WarpWork &w) {
        WarpRow row(k, shape);
        row.load(w.inputs[0], w.number, shape.stride);
        Value square = row.sum([&](Value e) { return k.mulf(e, e); });
        Value length = math::SqrtOp::create(k.b, k.loc, square);
        Value divisor = k.maxf(length, k.scalar(1e-12));
        for (Value &value : row.values)
          value = k.divf(value, divisor);
        writeRow(k, row, w.writer, w.number);
      });
}

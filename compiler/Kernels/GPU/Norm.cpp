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
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

namespace {

constexpr int64_t vectorWidth = 4;

Value loadVector(GpuBuilder &k, Value pointer) {
  return k.load(pointer, k.vectorOf(k.f32(), vectorWidth));
}

/// A row in the registers of a warp: lane l has columns 128 i + 4 l + j.
class WarpRow {
public:
  WarpRow(GpuBuilder &k, DeviceRows shape) : k(k), shape(shape) {}

  int64_t vectors() const {
    int64_t columns = roundUp(shape.width, lanes);
    return (columns + step - 1) / step;
  }
  /// Runs `body(i, column)` for each vector of this lane.
  void forVectors(llvm::function_ref<void(int64_t, Value)> body) {
    Value first = k.mul(k.laneId(), vectorWidth);
    int64_t columns = roundUp(shape.width, lanes);
    for (int64_t i = 0; i < vectors(); ++i) {
      Value column = k.add(first, i * step);
      if ((i + 1) * step <= columns)
        body(i, column);
      else
        k.ifThen(k.less(column, k.index(columns)), [&] { body(i, column); });
    }
  }
  /// Fills the row with what `source` gives for four columns from `column` on;
  /// zero in what lies behind the row.
  void fill(llvm::function_ref<Value(Value)> source) {
    Value first = k.mul(k.laneId(), vectorWidth);
    int64_t columns = roundUp(shape.width, lanes);
    for (int64_t i = 0; i < vectors(); ++i) {
      Value column = k.add(first, i * step);
      auto read = [&] { return source(column); };
      Value vector =
          (i + 1) * step <= columns
              ? read()
              : k.ifElse(k.less(column, k.index(columns)), read, [&] {
                  return k.vectorFrom(SmallVector<Value>(4, k.scalar(0)));
                });
      for (int64_t j = 0; j < vectorWidth; ++j)
        values.push_back(k.element(vector, j));
    }
  }
  /// Fills it with row `number` behind `rows`.
  void load(Value rows, Value number, int64_t stride) {
    fill([&](Value column) {
      return loadVector(k, elementAt(k, rows, number, stride, column, k.f32()));
    });
  }
  /// The sum over the real columns of map(value), in all lanes.
  Value sum(llvm::function_ref<Value(Value)> map) {
    Value zero = k.scalar(0);
    SmallVector<Value> sums(vectorWidth, zero);
    Value first = k.mul(k.laneId(), vectorWidth);
    for (auto [n, value] : llvm::enumerate(values)) {
      int64_t i = n / vectorWidth, j = n % vectorWidth;
      Value term = map(value);
      if ((i + 1) * step > shape.width) {
        Value column = k.add(first, i * step + j);
        term = k.select(k.less(column, k.index(shape.width)), term, zero);
      }
      sums[j] = k.addf(sums[j], term);
    }
    return k.warpAdd(
        k.addf(k.addf(sums[0], sums[1]), k.addf(sums[2], sums[3])));
  }
  /// The four values of vector `i`.
  ValueRange vector(int64_t i) const {
    return ValueRange(values).slice(i * vectorWidth, vectorWidth);
  }

  SmallVector<Value> values;

private:
  static constexpr int64_t step = warpSize * vectorWidth;
  GpuBuilder &k;
  DeviceRows shape;
};

void normalizeRow(GpuBuilder &k, DeviceRows shape, WarpRow &row, Value epsilon,
                  Value gain, Value bias, RowWriter &writer, Value number) {
  Value width = k.scalar(static_cast<double>(shape.width));
  Value mean = k.divf(row.sum([](Value v) { return v; }), width);
  Value variance = k.divf(row.sum([&](Value v) {
    Value d = k.subf(v, mean);
    return k.mulf(d, d);
  }),
                          width);
  Value inverse = emitRsqrt(k.b, k.loc, k.addf(variance, epsilon));
  // Padding columns: gain and bias are zero there, so y is zero.
  row.forVectors([&](int64_t i, Value column) {
    Value gains = loadVector(k, k.at(gain, column, k.f32()));
    Value biases = loadVector(k, k.at(bias, column, k.f32()));
    SmallVector<Value> y;
    for (auto [j, v] : llvm::enumerate(row.vector(i)))
      y.push_back(k.fma(k.mulf(k.subf(v, mean), inverse), k.element(gains, j),
                        k.element(biases, j)));
    writer.write(number, column, y);
  });
}

/// What a warp has: the kernel's inputs, what lies between its outputs and the
/// number of rows, and its own row.
struct WarpWork {
  ValueRange inputs;
  ValueRange more;
  Value number;
  RowWriter &writer;
};

/// The kernel `what` of `inputs` pointers, outputs, arguments of the types
/// `more`, and a number of rows, for each of which a warp runs `body`.
DeviceKernel rowKernel(GpuBuilder &k, llvm::StringRef what, DeviceRows shape,
                       DeviceForms outputs, int64_t inputs, TypeRange more,
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

} // namespace

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
    row.forVectors([&](int64_t i, Value column) {
      w.writer.write(w.number, column, row.vector(i));
    });
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
        row.forVectors([&](int64_t i, Value column) {
          SmallVector<Value> y;
          for (Value value : row.vector(i))
            y.push_back(k.divf(value, divisor));
          w.writer.write(w.number, column, y);
        });
      });
}

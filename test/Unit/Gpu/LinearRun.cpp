//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/LinearRun.h"
#include "tools/gpu-emulator/TensorMap.h"
#include <cmath>
#include <cstring>

using namespace bertc;
using namespace bertc::test;

//===----------------------------------------------------------------------===//
// 16 bits
//===----------------------------------------------------------------------===//

static uint16_t toHalf(float value, HalfType type) {
  uint16_t bits = 0;
  if (type == HalfType::F16) {
    const auto half = static_cast<_Float16>(value);
    std::memcpy(&bits, &half, 2);
    return bits;
  }
  uint32_t word = 0;
  std::memcpy(&word, &value, 4);
  word += 0x7fff + (word >> 16 & 1);
  return static_cast<uint16_t>(word >> 16);
}

static float fromHalf(uint16_t bits, HalfType type) {
  if (type == HalfType::F16) {
    _Float16 half = 0;
    std::memcpy(&half, &bits, 2);
    return static_cast<float>(half);
  }
  const uint32_t word = uint32_t(bits) << 16;
  float value = 0;
  std::memcpy(&value, &word, 4);
  return value;
}

/// Rows of `from` as planes, `stride` and `planeStride` elements apart.
static std::vector<uint16_t> makePlanes(const std::vector<float> &from,
                                        int64_t width, int64_t stride,
                                        int64_t planeStride, int64_t planes,
                                        HalfType type) {
  // NaNs in between: nobody may read them.
  std::vector<uint16_t> result(planeStride * planes, 0x7fff);
  for (size_t i = 0; i < from.size(); ++i) {
    float rest = from[i];
    for (int64_t plane = 0; plane < planes; ++plane) {
      uint16_t half = toHalf(rest, type);
      result[plane * planeStride + i / width * stride + i % width] = half;
      rest -= fromHalf(half, type);
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// The oracle
//===----------------------------------------------------------------------===//

int64_t test::planeStrideOf(int64_t rows, int64_t stride) {
  return (rows + 3) * stride;
}

static double activate(ActivationFunction activation, double v) {
  switch (activation) {
  case ActivationFunction::None:
    return v;
  case ActivationFunction::Gelu:
    return v / 2 * (1 + std::erf(v / std::sqrt(2.0)));
  case ActivationFunction::GeluTanh:
    return v / 2 *
           (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  case ActivationFunction::Relu:
    return std::max(v, 0.0);
  case ActivationFunction::Silu:
    return v / (1 + std::exp(-v));
  case ActivationFunction::Tanh:
    return std::tanh(v);
  }
  return NAN;
}

static std::vector<float> normalFloats(std::mt19937 &random, size_t count,
                                       float factor = 1) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random) * factor;
  return values;
}

double LinearData::finish(double sum, int64_t row, int64_t column) const {
  if (shape.bias)
    sum += bias[column];
  sum = activate(shape.activation, sum);
  if (shape.residual)
    sum += residual[row * shape.residualStride + column];
  return sum;
}

LinearData::LinearData(const DeviceLinearShape &shape, int64_t rows,
                       unsigned seed)
    : shape(shape), rows(rows) {
  std::mt19937 random(seed);
  expected.resize(rows * shape.columns);
  exact.resize(rows * shape.columns);
  before.resize(rows * shape.columns);
  scale.resize(rows * shape.columns);
  shape.int8 ? fillInt8(random) : fillPlanes(random);
}

void LinearData::fillPlanes(std::mt19937 &random) {
  const int64_t depth = shape.depth, columns = shape.columns;
  x = normalFloats(random, rows * depth);
  weights = normalFloats(random, columns * depth, 1 / std::sqrt(float(depth)));
  bias = normalFloats(random, columns);
  if (shape.residual)
    residual = normalFloats(random, rows * shape.residualStride);
  const int64_t planeStride = planeStrideOf(rows, shape.inputStride);
  const int64_t weightStride = columns * depth;
  xPlanes = makePlanes(x, depth, shape.inputStride, planeStride, shape.planes,
                       shape.type);
  weightPlanes =
      makePlanes(weights, depth, depth, weightStride, shape.planes, shape.type);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column) {
      double sum = 0, plain = 0, size = 1;
      for (int64_t i = 0; i < depth; ++i) {
        const double product =
            double(x[row * depth + i]) * weights[column * depth + i];
        plain += product;
        size += std::abs(product);
        for (int64_t p = 0; p < shape.planes; ++p)
          for (int64_t q = 0; p + q < shape.planes; ++q)
            sum += double(fromHalf(
                       xPlanes[p * planeStride + row * shape.inputStride + i],
                       shape.type)) *
                   fromHalf(weightPlanes[q * weightStride + column * depth + i],
                            shape.type);
      }
      const int64_t at = row * columns + column;
      expected[at] = finish(sum, row, column);
      exact[at] = finish(plain, row, column);
      before[at] = shape.bias ? sum + bias[column] : sum;
      scale[at] = size;
    }
}

/// Bytes, two in each element of the result.
static std::vector<uint16_t> pairsOf(const std::vector<int8_t> &bytes) {
  std::vector<uint16_t> pairs(bytes.size() / 2);
  std::memcpy(pairs.data(), bytes.data(), bytes.size());
  return pairs;
}

/// Every byte of x and of the weights, every zero.
void LinearData::fillInt8(std::mt19937 &random) {
  const int64_t depth = shape.depth, columns = shape.columns;
  auto byte = [&](int least) {
    return static_cast<int8_t>(least + int(random() % (128 - least)));
  };
  std::vector<int8_t> xBytes(planeStrideOf(rows, shape.inputStride)),
      weightBytes(columns * depth);
  for (int8_t &value : xBytes)
    value = byte(-128);
  for (int8_t &value : weightBytes)
    value = byte(-127);
  bias = normalFloats(random, columns);
  residual =
      normalFloats(random, shape.residual ? rows * shape.residualStride : 0);
  std::vector<float> steps = normalFloats(random, rows, 0.03f);
  columnScales = normalFloats(random, columns, 0.01f);
  columnSums.resize(columns);
  for (int64_t column = 0; column < columns; ++column)
    for (int64_t i = 0; i < depth; ++i)
      columnSums[column] += weightBytes[column * depth + i];
  for (int64_t row = 0; row < rows; ++row) {
    const int32_t zero = byte(-128);
    rowScales.push_back(steps[row]);
    std::memcpy(&rowScales.emplace_back(), &zero, sizeof(zero));
    for (int64_t column = 0; column < columns; ++column) {
      int32_t sum = 0;
      double size = 1;
      for (int64_t i = 0; i < depth; ++i) {
        const int32_t product = (xBytes[row * shape.inputStride + i] - zero) *
                                weightBytes[column * depth + i];
        sum += product;
        size += std::abs(double(product) * steps[row] * columnScales[column]);
      }
      const float worth = float(sum) * (steps[row] * columnScales[column]);
      const int64_t at = row * columns + column;
      expected[at] = exact[at] = finish(worth, row, column);
      scale[at] = size;
      const float biased = shape.bias ? worth + bias[column] : worth;
      bits.push_back(shape.residual
                         ? biased +
                               residual[row * shape.residualStride + column]
                         : biased);
    }
  }
  xPlanes = pairsOf(xBytes);
  weightPlanes = pairsOf(weightBytes);
}

double test::worstError(const std::vector<float> &y,
                        const std::vector<double> &expected,
                        const std::vector<double> &scale) {
  if (y.size() != expected.size())
    return INFINITY;
  double worst = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const double error = std::abs(y[i] - expected[i]) / scale[i];
    if (!(error <= worst))
      worst = std::isnan(error) ? INFINITY : error;
  }
  return worst;
}

//===----------------------------------------------------------------------===//
// Runs
//===----------------------------------------------------------------------===//

DeviceLinearPlan test::makePlan(int64_t rows, int64_t columns, int64_t depth,
                                int64_t warpRows, int64_t warpColumns,
                                int64_t stages, int64_t splits) {
  DeviceLinearPlan plan;
  plan.blockRows = rows;
  plan.blockColumns = columns;
  plan.blockDepth = depth;
  plan.warpRows = warpRows;
  plan.warpColumns = warpColumns;
  plan.stages = stages;
  plan.splits = splits;
  return plan;
}

DeviceLinearShape test::makeShape(int64_t depth, int64_t columns,
                                  int64_t planes, HalfType type) {
  DeviceLinearShape shape;
  shape.depth = depth;
  shape.columns = columns;
  shape.inputStride = depth + 16;
  shape.planes = planes;
  shape.type = type;
  shape.residualStride = columns + 32;
  shape.outputs.f32 = true;
  shape.outputs.type = type;
  shape.outputStride = columns + 16;
  return shape;
}

LinearProgram::LinearProgram(const DeviceLinearShape &shape,
                             const DeviceLinearPlan &plan,
                             const GpuProgram::Change &change)
    : shape(shape), plan(plan) {
  program = std::make_unique<GpuProgram>(
      [&](mlir::ModuleOp module) {
        GpuBuilder k(module);
        kernel = linearKernel(k, shape, plan);
      },
      change);
}

namespace {
/// Arguments of a launch whose number is known at run time only: every kernel
/// has the first three and the rows.
struct Buffers {
  Buffers(const LinearData &data, const DeviceLinearShape &shape,
          const DeviceLinearPlan &plan)
      : x(data.xPlanes, "x", false),
        weights(data.weightPlanes, "weights", false),
        rowScales(data.rowScales, "scales of x", false),
        columnScales(data.columnScales, "scales of the weights", false),
        columnSums(data.columnSums, "sums of columns", false),
        bias(shape.bias ? data.bias : std::vector<float>(), "bias", false),
        residual(data.residual, "residual", false),
        f32(shape.outputs.f32 ? data.rows * shape.outputStride : 0, NAN, "y"),
        planes(shape.outputs.planes *
                   planeStrideOf(data.rows, shape.outputStride),
               0x7fff, "y planes"),
        before(shape.before.f32 ? data.rows * shape.beforeStride : 0, NAN,
               "before"),
        beforePlanes(shape.before.planes *
                         planeStrideOf(data.rows, shape.beforeStride),
                     0x7fff, "planes before"),
        partials(linearPartialBytes(shape, plan, data.rows) / 4, NAN,
                 "partials"),
        tickets(linearTickets(shape, plan, data.rows), 0, "tickets") {}
  DeviceArray<uint16_t> x, weights;
  DeviceArray<float> rowScales, columnScales;
  DeviceArray<int32_t> columnSums;
  DeviceArray<float> bias, residual, f32;
  DeviceArray<uint16_t> planes;
  DeviceArray<float> before;
  DeviceArray<uint16_t> beforePlanes;
  DeviceArray<float> partials;
  DeviceArray<int32_t> tickets;
};
/// One kernel argument; the largest are tensor maps.
struct alignas(64) Argument {
  char bytes[128] = {};
};
} // namespace

/// Rows of `depth` elements of 16 bits for copies of 64 x boxRows, permuted as
/// wgmma reads them.
static emulator::TensorMap makeMap(const uint16_t *data, int64_t depth,
                                   int64_t rows, int64_t stride,
                                   int64_t boxRows) {
  emulator::TensorMap map;
  map.address = reinterpret_cast<uintptr_t>(data);
  map.rank = 2;
  map.elementBytes = 2;
  map.sizes[0] = depth;
  map.sizes[1] = rows;
  map.strides[0] = stride * 2;
  map.box[0] = 64;
  map.box[1] = boxRows;
  map.swizzle = emulator::Swizzle::Bytes128;
  EXPECT_EQ(emulator::problemOf(map), "");
  return map;
}

LinearResult LinearProgram::run(const LinearData &data) {
  LinearResult result;
  Buffers buffers(data, shape, plan);
  const int64_t outputPlane = planeStrideOf(data.rows, shape.outputStride);
  std::vector<Argument> values;
  std::vector<uint32_t> sizes;
  auto pass = [&](auto value) {
    values.emplace_back();
    std::memcpy(&values.back(), &value, sizeof(value));
    sizes.push_back(sizeof(value));
  };
  auto passOperand = [&](const uint16_t *rows, int64_t count, int64_t stride,
                         int64_t boxRows) {
    if (!plan.wgmma)
      return pass(rows);
    pass(makeMap(rows, shape.depth, count, stride, boxRows));
    sizes.back() = sizeof(Argument);
  };
  const int64_t inputPlane = planeStrideOf(data.rows, shape.inputStride);
  passOperand(buffers.x.data(), inputPlane * shape.planes / shape.inputStride,
              shape.inputStride, linearBoxRows(plan).first);
  pass(inputPlane);
  passOperand(buffers.weights.data(), shape.columns * shape.planes, shape.depth,
              linearBoxRows(plan).second);
  if (shape.int8) {
    pass(buffers.rowScales.data());
    pass(buffers.columnScales.data());
    pass(buffers.columnSums.data());
  }
  if (shape.bias)
    pass(buffers.bias.data());
  if (shape.residual)
    pass(buffers.residual.data());
  if (shape.outputs.f32)
    pass(buffers.f32.data());
  if (shape.outputs.planes) {
    pass(buffers.planes.data());
    pass(outputPlane);
  }
  const int64_t beforePlane = planeStrideOf(data.rows, shape.beforeStride);
  if (shape.before.f32)
    pass(buffers.before.data());
  if (shape.before.planes) {
    pass(buffers.beforePlanes.data());
    pass(beforePlane);
  }
  if (plan.splits > 1) {
    pass(buffers.partials.data());
    pass(buffers.tickets.data());
  }
  pass(static_cast<int32_t>(data.rows));
  std::vector<void *> params;
  for (Argument &value : values)
    params.push_back(&value);

  DeviceGrid grid = linearGrid(shape, plan, data.rows);
  if (rowBlocks)
    grid.y = rowBlocks;
  // Those of a cluster run together.
  const uint64_t blocks = grid.x * grid.y * grid.z / plan.cluster;
  program->order = {};
  if (reversed)
    program->order = [blocks](uint64_t n) { return blocks - 1 - n; };
  result.report = program->launchWith(kernel.name, Grid(grid.x, grid.y, grid.z),
                                      kernel.sharedBytes, sizes, params.data());
  result.tickets = buffers.tickets.values();
  for (int64_t row = 0; row < data.rows; ++row)
    for (int64_t column = 0; column < shape.columns; ++column) {
      const int64_t at = row * shape.outputStride + column;
      if (shape.outputs.f32)
        result.f32.push_back(buffers.f32[at]);
      auto sumOf = [&](const DeviceArray<uint16_t> &planes, DeviceForms forms,
                       int64_t planeStride, int64_t place) {
        float sum = 0;
        for (int64_t plane = forms.planes; plane-- > 0;)
          sum += fromHalf(planes[plane * planeStride + place], forms.type);
        return sum;
      };
      if (shape.outputs.planes)
        result.planes.push_back(
            sumOf(buffers.planes, shape.outputs, outputPlane, at));
      const int64_t place = row * shape.beforeStride + column;
      if (shape.before.f32)
        result.before.push_back(buffers.before[place]);
      else if (shape.before.planes)
        result.before.push_back(
            sumOf(buffers.beforePlanes, shape.before, beforePlane, place));
    }
  return result;
}

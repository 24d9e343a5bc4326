//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Linear.h"
#include "compiler/Kernels/GPU/LinearParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

DeviceLinearFacts DeviceLinearShape::facts() const {
  DeviceLinearFacts facts;
  facts.depth = depth;
  facts.columns = columns;
  facts.planes = planes;
  facts.outputBytes = (outputs.f32 ? 4 : 0) + 2 * outputs.planes;
  facts.residual = residual;
  return facts;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LinearArguments::LinearArguments(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan)
    : writer(k, shape.outputs, shape.outputStride), shape(shape), plan(plan) {
  types = {k.global(), k.i64(), k.global()};
  types.append(shape.bias + shape.residual, k.global());
  writer.addTypes(types);
  if (plan.splits > 1)
    types.append(2, k.global());
  types.push_back(k.i32());
}

void LinearArguments::take(ValueRange arguments) {
  auto next = [&] {
    Value value = arguments.front();
    arguments = arguments.drop_front();
    return value;
  };
  x = next();
  xPlane = next();
  weights = next();
  if (shape.bias)
    bias = next();
  if (shape.residual)
    residual = next();
  writer.take(arguments);
  if (plan.splits > 1) {
    partials = next();
    tickets = next();
  }
  rows = next();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

int64_t bertc::linearDepthSteps(const DeviceLinearShape &shape,
                                const DeviceLinearPlan &plan) {
  return llvm::divideCeil(shape.depth, plan.blockDepth);
}
int64_t bertc::linearSteps(const DeviceLinearShape &shape,
                           const DeviceLinearPlan &plan) {
  return linearDepthSteps(shape, plan) * shape.facts().products();
}

// The planes of a product are digits of a constant.
static constexpr int64_t bitsOfPlane = 2;

LinearStep bertc::emitLinearStep(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan, Value step,
                                 Value xPlane) {
  if (shape.planes == 1) {
    Value depth = k.mul(step, plan.blockDepth);
    return {k.wide(depth), k.wide(depth), depth};
  }
  int64_t digits[2] = {0, 0};
  for (auto [i, product] : llvm::enumerate(planeProducts(shape.planes))) {
    digits[0] |= product.first << (bitsOfPlane * i);
    digits[1] |= product.second << (bitsOfPlane * i);
  }
  int64_t depthSteps = linearDepthSteps(shape, plan);
  Value shift = k.mul(k.div(step, depthSteps), bitsOfPlane);
  auto plane = [&](int64_t table) {
    Value digit =
        k.b.createOrFold<arith::ShRUIOp>(k.loc, k.index(table), shift);
    return k.wide(k.bitAnd(digit, (1 << bitsOfPlane) - 1));
  };
  Value weightPlane = arith::ConstantOp::create(
      k.b, k.loc, k.b.getI64IntegerAttr(shape.columns * shape.depth));
  Value depth = k.mul(k.rem(step, depthSteps), plan.blockDepth);
  return {k.add(k.mul(plane(digits[0]), xPlane), k.wide(depth)),
          k.add(k.mul(plane(digits[1]), weightPlane), k.wide(depth)), depth};
}

//===----------------------------------------------------------------------===//
// Complete sums
//===----------------------------------------------------------------------===//

static constexpr int64_t neighbours = 4;

static Value loadNeighbours(GpuBuilder &k, Value pointer) {
  return k.load(pointer, k.vectorOf(k.f32(), neighbours));
}

void bertc::emitLinearEpilogue(GpuBuilder &k, const DeviceLinearShape &shape,
                               const DeviceLinearPlan &plan,
                               LinearArguments &arguments,
                               const LinearSums &sums) {
  bool exact = shape.columns % plan.blockColumns == 0;
  Value columns = k.index(shape.columns);
  SmallVector<Value> biases;
  if (shape.bias)
    for (Value column : sums.columns) {
      Value known =
          exact ? column : k.min(column, k.index(shape.columns - neighbours));
      biases.push_back(loadNeighbours(k, k.at(arguments.bias, known, k.f32())));
    }
  auto write = [&](Value row, size_t group, ValueRange values) {
    Value column = sums.columns[group];
    Value others;
    if (shape.residual)
      others =
          loadNeighbours(k, elementAt(k, arguments.residual, row,
                                      shape.residualStride, column, k.f32()));
    SmallVector<Value> y;
    for (auto [i, value] : llvm::enumerate(values)) {
      Value sum = value;
      if (shape.bias)
        sum = k.addf(sum, k.element(biases[group], i));
      if (shape.activation != ActivationFunction::None)
        sum = emitActivation(k.b, k.loc, shape.activation, sum);
      if (shape.residual)
        sum = k.addf(sum, k.element(others, i));
      y.push_back(sum);
    }
    arguments.writer.write(row, column, y);
  };
  ArrayRef<Value> rest = sums.sums;
  for (Value row : sums.rows) {
    k.ifThen(k.less(row, arguments.rows), [&] {
      for (size_t group = 0; group < sums.columns.size(); ++group) {
        ArrayRef<Value> values = rest.slice(group * neighbours, neighbours);
        if (exact)
          write(row, group, values);
        else
          k.ifThen(k.less(sums.columns[group], columns),
                   [&] { write(row, group, values); });
      }
    });
    rest = rest.drop_front(sums.columns.size() * neighbours);
  }
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

static std::string linearName(const DeviceLinearShape &shape,
                              const DeviceLinearPlan &plan) {
  std::string name = llvm::formatv(
      "linear_{0}x{1}_ld{2}_{3}x{4}", shape.depth, shape.columns,
      shape.inputStride, shape.type == HalfType::BF16 ? "bf16" : "f16",
      shape.planes);
  if (shape.bias)
    name += "_bias";
  if (shape.activation != ActivationFunction::None)
    name += "_" + activationFunctionName(shape.activation).str();
  if (shape.residual)
    name += llvm::formatv("_residual{0}", shape.residualStride);
  return name + "_to_" + shape.outputs.name() +
         llvm::formatv("_ld{0}_{1}", shape.outputStride, plan.name()).str();
}

DeviceKernel bertc::linearKernel(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan) {
  LinearArguments arguments(k, shape, plan);
  return k.kernel(linearName(shape, plan), plan.threads(), plan.sharedBytes(),
                  arguments.types, [&](ValueRange values) {
                    arguments.take(values);
                    emitMmaLinear(k, shape, plan, arguments);
                  });
}

static int64_t rowBlocks(const DeviceLinearPlan &plan, int64_t rows) {
  return llvm::divideCeil(rows, plan.blockRows);
}
static int64_t columnBlocks(const DeviceLinearShape &shape,
                            const DeviceLinearPlan &plan) {
  return llvm::divideCeil(shape.columns, plan.blockColumns);
}

DeviceGrid bertc::linearGrid(const DeviceLinearShape &shape,
                             const DeviceLinearPlan &plan, int64_t rows) {
  return {columnBlocks(shape, plan), rowBlocks(plan, rows), plan.splits};
}

int64_t bertc::linearPartialBytes(const DeviceLinearShape &shape,
                                  const DeviceLinearPlan &plan, int64_t rows) {
  int64_t tile = plan.blockRows * plan.blockColumns * 4;
  return linearTickets(shape, plan, rows) * plan.splits * tile;
}
int64_t bertc::linearTickets(const DeviceLinearShape &shape,
                             const DeviceLinearPlan &plan, int64_t rows) {
  if (plan.splits == 1)
    return 0;
  return columnBlocks(shape, plan) * rowBlocks(plan, rows);
}

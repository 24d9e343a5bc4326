//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Linear.h"
#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "compiler/Kernels/GPU/LinearParts.h"
#include "compiler/Kernels/GPU/SharedTile.h"
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
  facts.int8 = int8;
  facts.outputBytes = outputs.bytes() + before.bytes();
  facts.residual = residual;
  return facts;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LinearArguments::LinearArguments(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan)
    : writer(k, shape.outputs, shape.outputStride),
      before(k, shape.before, shape.beforeStride), shape(shape), plan(plan) {
  Type operand = plan.wgmma ? k.tensorMap() : k.global();
  types = {operand, k.i64(), operand};
  types.append(3 * shape.int8 + shape.bias + shape.residual, k.global());
  writer.addTypes(types);
  before.addTypes(types);
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
  if (shape.int8) {
    rowScales = next();
    columnScales = next();
    columnSums = next();
  }
  if (shape.bias)
    bias = next();
  if (shape.residual)
    residual = next();
  writer.take(arguments);
  before.take(arguments);
  if (plan.splits > 1) {
    partials = next();
    tickets = next();
  }
  rows = next();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

int64_t bertc::linearPieceElements(const DeviceLinearShape &shape) {
  return pieceBytes / shape.facts().elementBytes();
}
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

LinearPlanes bertc::emitLinearPlanes(GpuBuilder &k,
                                     const DeviceLinearShape &shape,
                                     const DeviceLinearPlan &plan, Value step) {
  if (shape.planes == 1)
    return {k.index(0), k.index(0), k.mul(step, plan.blockDepth)};
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
    return k.bitAnd(digit, (1 << bitsOfPlane) - 1);
  };
  return {plane(digits[0]), plane(digits[1]),
          k.mul(k.rem(step, depthSteps), plan.blockDepth)};
}

LinearStep bertc::emitLinearStep(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan, Value step,
                                 Value xPlane) {
  LinearPlanes planes = emitLinearPlanes(k, shape, plan, step);
  Value piece = k.div(planes.depth, linearPieceElements(shape));
  if (shape.planes == 1)
    return {piece, piece, planes.depth};
  int64_t weightPlane = shape.columns * shape.depth / pieceElements;
  return {k.add(k.mul(planes.x, xPlane), piece),
          k.add(k.mul(planes.weights, weightPlane), piece), planes.depth};
}

//===----------------------------------------------------------------------===//
// Complete sums
//===----------------------------------------------------------------------===//

static constexpr int64_t neighbours = 4;

static Value loadNeighbours(GpuBuilder &k, Value pointer) {
  return k.load(pointer, k.vectorOf(k.f32(), neighbours));
}

namespace {
/// From sums of int8 to what they are worth.
class Int8Sums {
public:
  Int8Sums(GpuBuilder &k, const DeviceLinearShape &shape,
           LinearArguments &arguments, const LinearSums &sums)
      : k(k), arguments(arguments) {
    if (!shape.int8)
      return;
    // Rows that do not exist are read as the last one: of each row once, not
    // in a branch for each group of columns.
    Value last = k.sub(arguments.rows, k.index(1));
    for (int64_t row : sums.rows) {
      Value known = k.min(k.add(sums.firstRow, row), last);
      Value both = k.load(elementAt(k, arguments.rowScales, known, int8RowWords,
                                    k.index(0), k.f32()),
                          k.vectorOf(k.f32(), int8RowWords));
      steps.push_back(k.element(both, 0));
      zeros.push_back(k.bitcast(k.element(both, 1), k.i32()));
    }
  }
  /// Goes on with the columns from `column` on, which exist.
  void setColumn(Value column) {
    scales = loadNeighbours(k, k.at(arguments.columnScales, column, k.f32()));
    columnSums = k.load(k.at(arguments.columnSums, column, k.i32()),
                        k.vectorOf(k.i32(), neighbours));
  }
  void convert(size_t row, MutableArrayRef<Value> sums) {
    for (auto [e, sum] : llvm::enumerate(sums)) {
      Value own =
          k.sub(sum, k.mul(zeros[row], k.element(columnSums, int64_t(e))));
      sum = k.mulf(k.signedToFloat(own),
                   k.mulf(steps[row], k.element(scales, int64_t(e))));
    }
  }

private:
  GpuBuilder &k;
  LinearArguments &arguments;
  SmallVector<Value> steps, zeros; // of the rows
  Value scales, columnSums;
};
} // namespace

namespace {
/// What happens to the sums of one thread.
class Epilogue {
public:
  Epilogue(GpuBuilder &k, const DeviceLinearShape &shape,
           const DeviceLinearPlan &plan, LinearArguments &arguments,
           const LinearSums &sums);

  void emit();

private:
  /// Goes on with `count` groups of columns from `group` on.
  void emitColumns(size_t group, size_t count);
  /// One row of them, of existing columns.
  void emitRow(size_t row, size_t group, MutableArrayRef<SmallVector<Value>> y);
  Value column(size_t group) {
    return k.add(sums.firstColumn, sums.columns[group]);
  }
  /// The same, or the last of the layer if there is no such column.
  Value known(size_t group) {
    if (exact)
      return column(group);
    return k.min(column(group), k.index(shape.columns - neighbours));
  }

  GpuBuilder &k;
  const DeviceLinearShape &shape;
  LinearArguments &arguments;
  const LinearSums &sums;
  bool exact; // all columns of the block exist
  RowWriter::Place place, before;
  Value residual, biasStart;
  Int8Sums int8;
  SmallVector<Value> biases; // of the columns that it goes on with
};
} // namespace

Epilogue::Epilogue(GpuBuilder &k, const DeviceLinearShape &shape,
                   const DeviceLinearPlan &plan, LinearArguments &arguments,
                   const LinearSums &sums)
    : k(k), shape(shape), arguments(arguments), sums(sums),
      exact(shape.columns % plan.blockColumns == 0),
      place(arguments.writer.at(sums.firstRow, sums.firstColumn)),
      before(arguments.before.at(sums.firstRow, sums.firstColumn)),
      int8(k, shape, arguments, sums) {
  if (shape.residual)
    residual = elementAt(k, arguments.residual, sums.firstRow,
                         shape.residualStride, sums.firstColumn, k.f32());
  if (shape.bias)
    biasStart = k.at(arguments.bias, sums.firstColumn, k.f32());
}

void Epilogue::emitRow(size_t row, size_t group,
                       MutableArrayRef<SmallVector<Value>> y) {
  int64_t rowsOn = sums.rows[row];
  // All of them before the first is waited for.
  SmallVector<Value> others;
  if (shape.residual)
    for (size_t i = 0; i < y.size(); ++i)
      others.push_back(loadNeighbours(
          k, k.at(residual,
                  rowsOn * shape.residualStride + sums.columns[group + i],
                  k.f32())));
  for (auto [i, values] : llvm::enumerate(y)) {
    int64_t columnsOn = sums.columns[group + i];
    if (shape.int8)
      int8.convert(row, values);
    if (shape.bias)
      for (auto [e, value] : llvm::enumerate(values))
        value = k.addf(value, k.element(biases[i], e));
    arguments.before.write(before, rowsOn, columnsOn, values);
    for (auto [e, value] : llvm::enumerate(values)) {
      value = emitDeviceActivation(k, shape.activation, value, shape.outputs);
      if (shape.residual)
        value = k.addf(value, k.element(others[i], e));
    }
    arguments.writer.write(place, rowsOn, columnsOn, values);
  }
}

void Epilogue::emitColumns(size_t group, size_t count) {
  biases.clear();
  if (shape.bias)
    for (size_t i = group; i < group + count; ++i)
      biases.push_back(
          loadNeighbours(k, exact ? k.at(biasStart, sums.columns[i], k.f32())
                                  : k.at(arguments.bias, known(i), k.f32())));
  assert((!shape.int8 || count == 1) && "scales are those of one group");
  if (shape.int8)
    int8.setColumn(known(group));
  for (size_t row = 0; row < sums.rows.size(); ++row) {
    // All threads of the warp take part in the exchange.
    SmallVector<SmallVector<Value>> y;
    for (size_t i = group; i < group + count; ++i)
      y.push_back(sums.values(row, i));
    Value exists = k.less(k.add(sums.firstRow, sums.rows[row]), arguments.rows);
    if (!exact)
      exists = k.both(exists, k.less(column(group), k.index(shape.columns)));
    k.ifThen(exists, [&] { emitRow(row, group, y); });
  }
}

void Epilogue::emit() {
  // Where some columns do not exist, each group is asked for.
  size_t together = exact ? sums.together : 1;
  for (size_t group = 0; group < sums.columns.size(); group += together)
    emitColumns(group, std::min(together, sums.columns.size() - group));
}

void bertc::emitLinearEpilogue(GpuBuilder &k, const DeviceLinearShape &shape,
                               const DeviceLinearPlan &plan,
                               LinearArguments &arguments,
                               const LinearSums &sums) {
  Epilogue(k, shape, plan, arguments, sums).emit();
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

static std::string linearName(const DeviceLinearShape &shape,
                              const DeviceLinearPlan &plan) {
  std::string name = llvm::formatv("linear_{0}x{1}_ld{2}_{3}x{4}", shape.depth,
                                   shape.columns, shape.inputStride,
                                   shape.int8                     ? "int8"
                                   : shape.type == HalfType::BF16 ? "bf16"
                                                                  : "f16",
                                   shape.planes);
  if (shape.bias)
    name += "_bias";
  if (shape.activation != ActivationFunction::None)
    name += "_" + activationFunctionName(shape.activation).str();
  if (shape.residual)
    name += llvm::formatv("_residual{0}", shape.residualStride);
  if (shape.before.bytes())
    name += llvm::formatv("_before_{0}_ld{1}", shape.before.name(),
                          shape.beforeStride);
  return name + "_to_" + shape.outputs.name() +
         llvm::formatv("_ld{0}_{1}", shape.outputStride, plan.name()).str();
}

DeviceKernel bertc::linearKernel(GpuBuilder &k, const DeviceLinearShape &shape,
                                 const DeviceLinearPlan &plan) {
  LinearArguments arguments(k, shape, plan);
  return k.kernel(
      linearName(shape, plan), plan.threads(), plan.sharedBytes(),
      arguments.types,
      [&](ValueRange values) {
        arguments.take(values);
        if (plan.wgmma)
          emitWgmmaLinear(k, shape, plan, arguments);
        else
          emitMmaLinear(k, shape, plan, arguments);
      },
      plan.wgmma ? 0 : plan.resident());
}

std::pair<int64_t, int64_t> bertc::linearBoxRows(const DeviceLinearPlan &plan) {
  return {plan.blockRows, plan.blockColumns / plan.cluster};
}

static int64_t rowBlocks(const DeviceLinearPlan &plan, int64_t rows) {
  return llvm::divideCeil(rows, plan.blockRows * plan.cluster) * plan.cluster;
}
static int64_t columnBlocks(const DeviceLinearShape &shape,
                            const DeviceLinearPlan &plan) {
  return llvm::divideCeil(shape.columns, plan.blockColumns);
}

DeviceGrid bertc::linearGrid(const DeviceLinearShape &shape,
                             const DeviceLinearPlan &plan, int64_t rows) {
  int64_t columns = columnBlocks(shape, plan);
  if (plan.wgmma)
    return {1, columns * rowBlocks(plan, rows), 1};
  return {columns, rowBlocks(plan, rows), plan.splits};
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

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/LinearGradient.h"
#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Kernels/GPU/ColumnSums.h"
#include "compiler/Kernels/GPU/DeviceActivation.h"
#include "compiler/Kernels/GPU/GradientProduct.h"
#include "compiler/Kernels/GPU/LinearParts.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace bertc;

static std::string formOf(HalfType type, int64_t planes) {
  DeviceForms forms;
  forms.planes = planes;
  forms.type = type;
  return forms.name();
}

static Value loadPair(GpuBuilder &k, Value pointer) {
  return k.load(pointer, k.vectorOf(k.f32(), 2));
}

/// Runs `finish` with a block's sums, or with those of all blocks that share
/// its tile. `columns` of the product are those of the grid's x.
static void withTotal(GpuBuilder &k, const DeviceLinearPlan &plan,
                      ValueRange split, int64_t columns, ValueRange sums,
                      llvm::function_ref<void(ValueRange)> finish) {
  if (plan.splits == 1)
    return finish(sums);
  int64_t columnBlocks = llvm::divideCeil(columns, plan.blockColumns);
  Value tile = k.add(k.mul(k.blockId(1), columnBlocks), k.blockId(0));
  emitSplitSum(k, plan, {split[0], split[1], tile}, sums, finish);
}

int64_t bertc::gradientPartialBytes(const DeviceGrid &grid,
                                    const DeviceLinearPlan &plan) {
  int64_t tile = plan.blockRows * plan.blockColumns * int64_t(sizeof(float));
  return gradientTickets(grid, plan) * plan.splits * tile;
}
int64_t bertc::gradientTickets(const DeviceGrid &grid,
                               const DeviceLinearPlan &plan) {
  return plan.splits > 1 ? grid.x * grid.y : 0;
}

//===----------------------------------------------------------------------===//
// Of the input
//===----------------------------------------------------------------------===//

namespace {
class InputGradient {
public:
  InputGradient(GpuBuilder &k, const DeviceInputGradientShape &shape,
                const DeviceLinearPlan &plan)
      : k(k), shape(shape), plan(plan),
        writer(k, shape.outputs, shape.outputStride),
        activated(k, shape.activated, shape.activatedStride) {}

  DeviceKernel kernel();

private:
  bool hasActivation() const {
    return shape.activation != ActivationFunction::None;
  }
  std::string name() const;
  void emit(ValueRange arguments);
  void writeRow(Value row, ArrayRef<Value> columns, ArrayRef<Value> sums);
  void writePair(Value row, Value column, ArrayRef<Value> sums);
  std::array<Value, 2> loadBefore(Value row, Value column);

  GpuBuilder &k;
  const DeviceInputGradientShape &shape;
  const DeviceLinearPlan &plan;
  RowWriter writer, activated;
  Value plus, before, rows;
};
} // namespace

std::string InputGradient::name() const {
  std::string text = llvm::formatv(
      "input_gradient_{0}x{1}_ld{2}_{3}", shape.columns, shape.depth,
      shape.gradientStride, formOf(shape.type, shape.planes));
  if (shape.plus)
    text += llvm::formatv("_plus{0}", shape.plusStride);
  if (hasActivation())
    text +=
        llvm::formatv("_{0}{1}{2}", activationFunctionName(shape.activation),
                      shape.beforeStride, shape.beforePlane ? "_half" : "");
  text +=
      llvm::formatv("_to_{0}_ld{1}", shape.outputs.name(), shape.outputStride);
  if (hasActivation())
    text += llvm::formatv("_and_{0}_ld{1}", shape.activated.name(),
                          shape.activatedStride);
  return text + "_" + plan.name();
}

DeviceKernel InputGradient::kernel() {
  SmallVector<Type> types = {k.global(), k.i64(), k.global()};
  types.append(shape.plus + hasActivation(), k.global());
  writer.addTypes(types);
  activated.addTypes(types);
  if (plan.splits > 1)
    types.append(2, k.global());
  types.push_back(k.i32());
  return k.kernel(name(), plan.threads(), gradientSharedBytes(plan), types,
                  [&](ValueRange v) { emit(v); });
}

void InputGradient::emit(ValueRange v) {
  ValueRange rest = v.drop_front(3);
  auto next = [&] {
    Value value = rest.front();
    rest = rest.drop_front();
    return value;
  };
  if (shape.plus)
    plus = next();
  if (hasActivation())
    before = next();
  writer.take(rest);
  activated.take(rest);
  ValueRange split = rest.drop_back();
  rows = rest.back();

  GradientOperand dy{v[0], v[1], shape.gradientStride, rows, shape.columns};
  GradientOperand weights{v[2], k.wide(k.index(shape.columns * shape.depth)),
                          shape.depth, k.index(shape.columns), shape.depth};
  Value firstRow = k.mul(k.blockId(1), plan.blockRows);
  Value firstColumn = k.mul(k.blockId(0), plan.blockColumns);
  GradientProduct product(k, plan, shape.type, shape.planes,
                          /*transposed=*/false);
  SmallVector<Value> sums =
      product.sums(dy, weights, firstRow, firstColumn, k.index(shape.columns));
  withTotal(k, plan, split, shape.depth, sums, [&](ValueRange total) {
    product.forRows(
        total, firstRow, firstColumn,
        [&](Value row, ArrayRef<Value> columns, ArrayRef<Value> values) {
          k.ifThen(k.less(row, rows), [&] { writeRow(row, columns, values); });
        });
  });
}

void InputGradient::writeRow(Value row, ArrayRef<Value> columns,
                             ArrayRef<Value> sums) {
  for (auto [i, column] : llvm::enumerate(columns)) {
    ArrayRef<Value> pair = sums.slice(2 * i, 2);
    if (shape.depth % plan.blockColumns == 0)
      writePair(row, column, pair);
    else
      k.ifThen(k.less(column, k.index(shape.depth)),
               [&, column = column] { writePair(row, column, pair); });
  }
}

std::array<Value, 2> InputGradient::loadBefore(Value row, Value column) {
  Type element = shape.beforePlane ? k.half(shape.type) : k.f32();
  Value place = elementAt(k, before, row, shape.beforeStride, column, element);
  if (shape.beforePlane) {
    auto [low, high] = k.widenPair(k.load(place, k.i32()), shape.type);
    return {low, high};
  }
  Value pair = loadPair(k, place);
  return {k.element(pair, 0), k.element(pair, 1)};
}

void InputGradient::writePair(Value row, Value column, ArrayRef<Value> sums) {
  SmallVector<Value> dx(sums), values;
  if (shape.plus) {
    Value more =
        loadPair(k, elementAt(k, plus, row, shape.plusStride, column, k.f32()));
    for (auto [i, value] : llvm::enumerate(dx))
      value = k.addf(value, k.element(more, i));
  }
  if (hasActivation()) {
    auto x = loadBefore(row, column);
    for (auto [i, value] : llvm::enumerate(dx)) {
      Value own = x[i];
      value = k.mulf(value,
                     emitDeviceActivationDerivative(k, shape.activation, own));
      values.push_back(
          emitDeviceActivation(k, shape.activation, own, shape.activated));
    }
    activated.write(row, column, values);
  }
  writer.write(row, column, dx);
}

DeviceLinearFacts DeviceInputGradientShape::facts() const {
  DeviceLinearFacts facts;
  facts.depth = columns;
  facts.columns = depth;
  facts.planes = planes;
  facts.outputBytes = outputs.bytes() + activated.bytes();
  facts.residual = plus || activation != ActivationFunction::None;
  return facts;
}

DeviceKernel bertc::inputGradientKernel(GpuBuilder &k,
                                        const DeviceInputGradientShape &shape,
                                        const DeviceLinearPlan &plan) {
  return InputGradient(k, shape, plan).kernel();
}

DeviceGrid bertc::inputGradientGrid(const DeviceInputGradientShape &shape,
                                    const DeviceLinearPlan &plan,
                                    int64_t rows) {
  return {int64_t(llvm::divideCeil(shape.depth, plan.blockColumns)),
          int64_t(llvm::divideCeil(rows, plan.blockRows)), plan.splits};
}

//===----------------------------------------------------------------------===//
// Of the weights
//===----------------------------------------------------------------------===//

// Rows of the product are columns of x: a thread's two neighbours are those of
// a panel.
static void emitWeightGradient(GpuBuilder &k,
                               const DeviceWeightGradientShape &shape,
                               const DeviceLinearPlan &plan, ValueRange v) {
  ValueRange gradients = v.slice(4, shape.parts);
  Value rows = v.back();
  GradientOperand x{v[0], v[1], shape.inputStride, rows, shape.depth};
  GradientOperand dy{v[2], v[3], shape.gradientStride, rows, shape.columns};
  Value firstRow = k.mul(k.blockId(1), plan.blockRows);
  Value firstColumn = k.mul(k.blockId(0), plan.blockColumns);
  GradientProduct product(k, plan, shape.type, shape.planes,
                          /*transposed=*/true);
  SmallVector<Value> sums = product.sums(x, dy, firstRow, firstColumn, rows);
  int64_t partColumns = shape.columns / shape.parts;
  auto add = [&](Value row, Value column, ArrayRef<Value> pair) {
    Value gradient = partOf(k, gradients, column, partColumns);
    if (shape.parts > 1)
      column = k.rem(column, partColumns);
    Value panel = k.div(column, lanes);
    Value place = k.at(
        gradient, k.mul(k.wide(panel), k.wide(k.index(shape.depth * lanes))),
        k.f32());
    place =
        k.at(place, k.add(k.mul(row, lanes), k.rem(column, lanes)), k.f32());
    Value old = loadPair(k, place);
    k.store(k.vectorFrom({k.addf(k.element(old, 0), pair[0]),
                          k.addf(k.element(old, 1), pair[1])}),
            place);
  };
  auto addRow = [&](Value row, ArrayRef<Value> columns,
                    ArrayRef<Value> values) {
    for (auto [i, column] : llvm::enumerate(columns))
      k.ifThen(k.both(k.less(row, k.index(shape.depth)),
                      k.less(column, k.index(shape.columns))),
               [&, i = i, column = column] {
                 add(row, column, values.slice(2 * i, 2));
               });
  };
  withTotal(k, plan, v.drop_front(4 + shape.parts), shape.columns, sums,
            [&](ValueRange total) {
              product.forRows(total, firstRow, firstColumn, addRow);
            });
}

DeviceKernel bertc::weightGradientKernel(GpuBuilder &k,
                                         const DeviceWeightGradientShape &shape,
                                         const DeviceLinearPlan &plan) {
  std::string name =
      llvm::formatv("weight_gradient_{0}x{1}_ld{2}_{3}_{4}_{5}", shape.depth,
                    shape.columns, shape.inputStride, shape.gradientStride,
                    formOf(shape.type, shape.planes), plan.name());
  if (shape.parts > 1)
    name += llvm::formatv("_{0}parts", shape.parts);
  SmallVector<Type> types = {k.global(), k.i64(), k.global(), k.i64()};
  types.append(shape.parts, k.global());
  if (plan.splits > 1)
    types.append(2, k.global());
  types.push_back(k.i32());
  return k.kernel(name, plan.threads(), gradientSharedBytes(plan), types,
                  [&](ValueRange v) { emitWeightGradient(k, shape, plan, v); });
}

DeviceGrid bertc::weightGradientGrid(const DeviceWeightGradientShape &shape,
                                     const DeviceLinearPlan &plan) {
  return {int64_t(llvm::divideCeil(shape.columns, plan.blockColumns)),
          int64_t(llvm::divideCeil(shape.depth, plan.blockRows)), plan.splits};
}

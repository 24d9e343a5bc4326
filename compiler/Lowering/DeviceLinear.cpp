//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The launch of a linear layer: by the plan that fits the rows, with a tensor
// map of each operand for wgmma, and with room for parts of the sums.
//
//===----------------------------------------------------------------------===//

#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/DevicePlanAttributes.h"
#include "compiler/Plan/DeviceReport.h"

using namespace mlir;
using namespace bertc;

/// Sources side by side, each with the same columns.
static Grouping shareOf(const Grouping &columns, int64_t sources) {
  return {columns.count / sources, columns.size, columns.stride};
}

/// Those of one of the plans, for the rows that it is for.
static std::vector<KernelModel> linearModels(ArrayRef<DeviceLinearEstimate> all,
                                             const DeviceLinearPlan &plan) {
  std::vector<KernelModel> models;
  for (const DeviceLinearEstimate &e : all)
    if (*e.plan == plan)
      models.push_back({e.gpu->name.str(), e.tokens, e.report.flops,
                        e.report.bytes, e.report.occupancy,
                        e.report.rooflineSeconds(), e.report.instructions,
                        e.report.waves, e.report.seconds, e.report.fraction()});
  return models;
}

static uint32_t elementOf(HalfType type) {
  return type == HalfType::F16 ? BERTC_ELEMENT_F16 : BERTC_ELEMENT_BF16;
}

void DeviceProgram::linear(Operation *op, int64_t number, const Buffer &x,
                           const Buffer &y, ArrayRef<StringAttr> matrices,
                           ArrayRef<StringAttr> biases,
                           ActivationFunction activation,
                           std::optional<Residual> residual,
                           const Buffer *before) {
  DeviceLinearShape shape;
  shape.depth = x.columns.padded();
  shape.columns = y.columns.padded();
  shape.inputStride = x.stride;
  shape.planes = planes;
  shape.type = type;
  shape.int8 = int8;
  shape.bias = !biases.empty();
  shape.activation = activation;
  shape.residual = residual.has_value();
  shape.residualStride = residual ? residual->stride : 0;
  shape.outputs = formsOf(y);
  shape.outputStride = y.stride;
  if (before) {
    shape.before = formsOf(*before);
    shape.beforeStride = before->stride;
  }

  int64_t sources = matrices.size();
  Grouping columns = sources == 1 ? y.columns : shareOf(y.columns, sources);
  Values fixed = {int8 ? int8Of(x) : planesOf(x), planeStride(x),
                  matrix(matrices, columns, x.columns)};
  if (int8)
    fixed.append(
        {int8ScalesOf(x),
         ofColumns(PackedWeight::Derived::Scale, matrices, columns, x.columns),
         ofColumns(PackedWeight::Derived::ColumnSum, matrices, columns,
                   x.columns)});
  if (shape.bias)
    fixed.push_back(vector(biases, columns));
  if (residual)
    fixed.push_back(residual->address);
  appendOutputs(y, fixed);
  if (before)
    appendOutputs(*before, fixed);

  // The plan of the most rows has no splits, so what the others need is fixed.
  DeviceLinearPlans plans = planDeviceLinear(target, shape.facts());
  bool isFeedForward = isa<enc::FusedFeedForwardOp>(op);
  writePlan(op, toAttribute(op->getContext(), plans),
            !isFeedForward ? ""
            : number       ? "down"
                           : "up");
  std::vector<DeviceLinearEstimate> estimates =
      estimateDeviceLinear(target, shape.facts(), plans);
  int64_t partials = 0, tickets = 0; // bytes, words
  for (auto [plan, next] : llvm::zip(plans, llvm::drop_begin(plans))) {
    int64_t most = next.first - 1;
    partials = std::max(partials, linearPartialBytes(shape, plan.second, most));
    tickets = std::max(tickets, linearTickets(shape, plan.second, most));
  }
  Value rows = rowsOf(y);
  auto launch = [&](const DeviceLinearPlan &plan) {
    DeviceKernel kernel = linearKernel(*device, shape, plan);
    Values arguments = fixed;
    if (plan.wgmma) {
      auto [inputRows, weightRows] = linearBoxRows(plan);
      auto map = [&](int64_t which, Value address, Value count, int64_t stride,
                     int64_t boxRows) {
        DeviceTensor tensor = {address,         frame->toWide(count),
                               shape.depth,     stride * 2,
                               plan.blockDepth, boxRows,
                               elementOf(type), plan.blockDepth * 2};
        return frame->encodeMap(which, tensor);
      };
      arguments[0] =
          map(0, fixed[0], k->mul(rows, planes), x.stride, inputRows);
      arguments[2] = map(1, fixed[2], k->index(planes * shape.columns),
                         shape.depth, weightRows);
    }
    if (plan.splits > 1)
      appendParts(op, number, partials, tickets, arguments);
    arguments.push_back(frame->toInt(rows));
    // Of one row; what has more is a multiple.
    DeviceGrid grid = linearGrid(shape, plan, 1);
    Value blocks =
        k->mul(k->ceilDiv(rows, plan.blockRows * plan.cluster), grid.y);
    frame->launch(kernel, {k->index(grid.x), blocks, k->index(grid.z)},
                  arguments);
    Work &done = noteWork(kernel, y, shape.depth * shape.columns);
    done.weightBytes =
        weightElementBytes() * uint64_t(planes * shape.depth * shape.columns);
    done.models = linearModels(estimates, plan);
    done.cluster = plan.cluster > 1 ? plan.cluster : 0;
    done.sharesWork = plan.wgmma;
  };

  chooseByRows<DeviceLinearPlan>(*k, plans, rows, launch);
}

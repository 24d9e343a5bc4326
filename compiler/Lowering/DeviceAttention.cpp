//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention keeps no scores, so probabilities that are wanted are computed
// again by a launch of their own, from the log-sum-exp that attention then
// leaves.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/AttentionProbabilities.h"
#include "compiler/Lowering/Attentions.h"
#include "compiler/Lowering/DeviceProgram.h"
#include "compiler/Lowering/ProgramEmission.h"
#include "compiler/Plan/DevicePlanAttributes.h"

using namespace mlir;
using namespace bertc;

LogicalResult DeviceProgram::emitAttention(enc::FusedAttentionOp op) {
  const Buffer &in = bufferOf(op.getQkv()), &out = bufferOf(op.getResult());
  DeviceAttentionShape shape;
  shape.heads = out.columns.count;
  shape.headSize = out.columns.size;
  shape.headStride = out.columns.stride;
  shape.inputStride = in.stride;
  shape.planes = planes;
  shape.type = type;
  shape.scale = op.getScale().convertToDouble();
  shape.outputStride = out.stride;
  AttentionsOutputs outputs = attentionsOutputs(op);
  shape.logSumExp = op.getLogSumExp() || !outputs.empty();
  shape.dropout = bool(op.getRandom());
  Values more;
  Buffer logSumExp;
  if (op.getLogSumExp()) {
    logSumExp = bufferOf(op.getLogSumExp());
  } else if (shape.logSumExp) { // for the probabilities
    logSumExp.columns = plainColumns(shape.heads);
    logSumExp.stride = logSumExp.columns.padded();
    logSumExp.slot = reserved(op, -1, Extent::PerToken, logSumExp.stride);
  }
  if (shape.logSumExp)
    more.push_back(f32Of(logSumExp));
  if (shape.dropout)
    more.append(dropoutArguments(op.getSiteAttr(), op.getRateAttr()));
  auto launch = [&](const DeviceAttentionPlan &plan, const Buffer &direct) {
    shape.outputs = formsOf(direct);
    DeviceKernel kernel = attentionKernel(*device, shape, plan);
    Values arguments = {planesOf(in), planeStride(in), frame->offsets};
    appendOutputs(direct, arguments);
    arguments.append(more);
    arguments.push_back(frame->toInt(frame->longest));
    frame->launch(kernel,
                  {k->ceilDiv(frame->longest, plan.rows), k->index(shape.heads),
                   frame->sequences},
                  arguments);
    Work &done = work[kernel.name];
    done.perPair = 4 * uint64_t(shape.heads) * uint64_t(shape.headStride);
    done.registers = plan.registers(shape.headStride, planes);
  };
  DeviceAttentionPlans plans = planDeviceAttention(
      target, shape.heads, shape.headStride, planes, shape.dropout);
  writePlan(op, toAttribute(op.getContext(), plans));
  withInt8(op, out, [&](const Buffer &direct) {
    chooseByRows<DeviceAttentionPlan>(
        *k, plans, frame->tokens,
        [&](const DeviceAttentionPlan &plan) { launch(plan, direct); });
  });
  for (const AttentionsOutput &output : outputs) {
    auto hand = [&] {
      frame->withOutput(output.number, [&](Value address) {
        probabilities(shape, in, logSumExp, address);
      });
    };
    if (output.layer)
      k->ifThen(k->equal(layer, k->index(*output.layer)), hand);
    else
      hand();
  }
  return success();
}

void DeviceProgram::probabilities(const DeviceAttentionShape &shape,
                                  const Buffer &qkv, const Buffer &logSumExp,
                                  Value address) {
  DeviceKernel kernel = attentionProbabilitiesKernel(*device, shape);
  frame->launch(kernel,
                {k->ceilDiv(frame->longest, attentionProbabilitiesRows),
                 k->index(shape.heads), frame->sequences},
                {planesOf(qkv), planeStride(qkv), frame->offsets,
                 f32Of(logSumExp), address, frame->toInt(frame->longest)});
  work[kernel.name].perPair =
      2 * uint64_t(shape.heads) * uint64_t(shape.headStride);
}

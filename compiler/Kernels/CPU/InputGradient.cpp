//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loops are those of Linear.cpp with n as the depth. The weight exists
// once, as panels for the forward pass: a block of it is transposed into the
// thread's scratch, where it stays in L2 for all row tiles. Blocks of 16 by 16
// are contiguous in both.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/InputGradient.h"
#include "compiler/Kernels/CPU/AttentionPack.h"
#include "compiler/Kernels/CPU/MicroKernel.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

int64_t bertc::inputGradientScratch(const LinearPlan &plan) {
  return plan.group * plan.depthBlock * lanes;
}

namespace {
/// Panels [group, group + panels) of dx from columns [first, first + lines) of
/// dy, for rows [row, row + rows).
struct TransposedBlock {
  Value group, panels;
  Value first, lines;
  Value row, rows;
};
} // namespace

/// Panel by panel, `plan.depthBlock` lines apart.
static void emitTransposedBlock(KernelBuilder &k,
                                const InputGradientShape &shape,
                                const LinearPlan &plan,
                                const InputGradientOperands &o,
                                const TransposedBlock &w) {
  constexpr int64_t square = lanes * lanes;
  Value source = k.div(w.first, lanes);
  k.forLoop(k.index(0), k.div(w.lines, lanes), 1, [&](Value outer) {
    Place from =
        k.at(o.weight, k.mul(k.add(source, outer), shape.depth * lanes));
    from = k.at(from, k.mul(w.group, square));
    k.forLoop(k.index(0), w.panels, 1, [&](Value panel) {
      Place own = k.at(from, k.mul(panel, square));
      Place to = k.at(o.scratch, k.add(k.mul(panel, plan.depthBlock * lanes),
                                       k.mul(outer, square)));
      SmallVector<Value> rows;
      for (int64_t i = 0; i < lanes; ++i)
        rows.push_back(k.load(k.at(own, i * lanes)));
      emitTranspose(k, rows);
      for (int64_t i = 0; i < lanes; ++i)
        k.store(rows[i], k.at(to, i * lanes));
    });
  });
}

static void emitFinish(KernelBuilder &k, const InputGradientShape &shape,
                       const InputGradientOperands &o, Value row, Value column,
                       Value rows, int64_t panels) {
  k.forLoop(k.index(0), rows, 1, [&](Value r) {
    Value at = k.add(row, r);
    for (int64_t p = 0; p < panels; ++p) {
      auto place = [&](Place rows, int64_t stride) {
        return k.at(rows, k.add(k.add(k.mul(at, stride), column), p * lanes));
      };
      Place dx = place(o.dx, shape.inputStride);
      Value v = k.load(dx);
      if (shape.activation != ActivationFunction::None)
        v = k.mulf(v, emitActivationDerivative(
                          k.b, k.loc, shape.activation,
                          k.load(place(o.before, shape.beforeStride))));
      if (shape.plus)
        v = k.addf(v, k.load(place(o.plus, shape.plusStride)));
      k.store(v, dx);
    }
  });
}

static void emitTiles(KernelBuilder &k, const InputGradientShape &shape,
                      const LinearPlan &plan, const InputGradientOperands &o,
                      const TransposedBlock &w) {
  MicroShape micro{Arithmetic::F32, plan.rows, plan.panels, shape.outputStride};
  bool finishes = shape.activation != ActivationFunction::None || shape.plus;
  Value last = k.equal(k.add(w.first, w.lines), k.index(shape.columns));
  forBalancedRows(k, w.rows, plan.rows, [&](Value begin, Value rows) {
    Value row = k.add(w.row, begin);
    MicroOperands m;
    m.a = k.at(k.at(o.dy, k.mul(row, shape.outputStride)), w.first);
    m.panelStride = k.index(plan.depthBlock * lanes);
    m.ldc = k.index(shape.inputStride);
    m.lines = w.lines;
    m.accumulate = k.less(k.index(0), w.first);
    forPanelGroups(
        k, k.index(0), w.panels, plan.panels, [&](Value panel, int64_t panels) {
          Value column = k.mul(k.add(w.group, panel), lanes);
          m.b = k.at(o.scratch, k.mul(panel, m.panelStride));
          m.c = k.at(k.at(o.dx, k.mul(row, shape.inputStride)), column);
          callMicroKernel(k, micro, panels, rows, m);
          if (finishes)
            k.ifThen(last, [&] {
              emitFinish(k, shape, o, row, column, rows, panels);
            });
        });
  });
}

static void emitInputGradient(KernelBuilder &k, const InputGradientShape &shape,
                              const LinearPlan &plan,
                              const InputGradientOperands &o) {
  forBalancedRows(k, o.rows, plan.rowBlock, [&](Value row, Value rows) {
    k.forLoop(o.panelBegin, o.panelEnd, plan.group, [&](Value group) {
      Value panels = k.min(k.index(plan.group), k.sub(o.panelEnd, group));
      k.forLoop(k.index(0), k.index(shape.columns), plan.depthBlock,
                [&](Value first) {
                  Value lines = k.min(k.index(plan.depthBlock),
                                      k.sub(k.index(shape.columns), first));
                  TransposedBlock w{group, panels, first, lines, row, rows};
                  emitTransposedBlock(k, shape, plan, o, w);
                  emitTiles(k, shape, plan, o, w);
                });
    });
  });
}

void bertc::callInputGradient(KernelBuilder &k, const InputGradientShape &shape,
                              const LinearPlan &plan,
                              const InputGradientOperands &operands) {
  bool derivative = shape.activation != ActivationFunction::None;
  std::string name =
      llvm::formatv("input_gradient_f32_{0}x{1}_ld{2}_{3}", shape.columns,
                    shape.depth, shape.outputStride, shape.inputStride);
  if (derivative)
    name += "_" + activationFunctionName(shape.activation).str() +
            std::to_string(shape.beforeStride);
  if (shape.plus)
    name += "_plus" + std::to_string(shape.plusStride);
  InputGradientOperands o = operands;
  SmallVector<Place *> places = {&o.dy, &o.dx, &o.weight, &o.scratch};
  if (derivative)
    places.push_back(&o.before);
  if (shape.plus)
    places.push_back(&o.plus);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append({&o.rows, &o.panelBegin, &o.panelEnd});
  k.callKernel(name, slots, [&] { emitInputGradient(k, shape, plan, o); });
}

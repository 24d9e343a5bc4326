//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop order: row block, panel group, k block (of the group's weights, stays in
// L2), row tile (its k block of x stays in L1), panels. The weights stream from
// L2 through the register tile, which hides that latency easily; holding them
// in L1 instead is as fast on an idle machine and 10 to 20 percent slower when
// a neighbour shares the caches. Partial sums of a k block rest in y; bias,
// activation and residual are applied to a tile right after its last k block.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Linear.h"
#include "compiler/Kernels/CPU/Math.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

llvm::StringRef bertc::activationFunctionName(ActivationFunction activation) {
  switch (activation) {
  case ActivationFunction::None:
    return "none";
  case ActivationFunction::Gelu:
    return "gelu";
  case ActivationFunction::GeluTanh:
    return "gelu_tanh";
  case ActivationFunction::Relu:
    return "relu";
  case ActivationFunction::Silu:
    return "silu";
  case ActivationFunction::Tanh:
    return "tanh";
  }
  return "none";
}

Value bertc::emitActivation(KernelBuilder &k, ActivationFunction activation,
                            Value x) {
  switch (activation) {
  case ActivationFunction::None:
    return x;
  case ActivationFunction::Gelu:
    return emitGelu(k.b, k.loc, x);
  case ActivationFunction::GeluTanh:
    return emitGeluTanh(k.b, k.loc, x);
  case ActivationFunction::Relu:
    return emitRelu(k.b, k.loc, x);
  case ActivationFunction::Silu:
    return emitSilu(k.b, k.loc, x);
  case ActivationFunction::Tanh:
    return emitTanh(k.b, k.loc, x);
  }
  return x;
}

/// bias, activation and residual on a finished tile of y.
static void emitEpilogue(KernelBuilder &k, const LinearShape &shape, Place y,
                         Place residual, Place bias, Value rows,
                         int64_t panels) {
  SmallVector<Value> biases;
  for (int64_t p = 0; shape.bias && p < panels; ++p)
    biases.push_back(k.load(k.at(bias, p * lanes)));
  k.forLoop(k.index(0), rows, 1, [&](Value row) {
    Value offset = k.mul(row, shape.outputStride);
    for (int64_t p = 0; p < panels; ++p) {
      Place target = k.at(k.at(y, offset), p * lanes);
      Value v = k.load(target);
      if (shape.bias)
        v = k.addf(v, biases[p]);
      v = emitActivation(k, shape.activation, v);
      if (shape.residual) {
        Place other = k.at(residual, k.mul(row, shape.residualStride));
        v = k.addf(v, k.load(k.at(other, p * lanes)));
      }
      k.store(v, target);
    }
  });
}

namespace {
/// One k block of one panel group.
struct WeightBlock {
  Value groupBegin, groupEnd; // panels
  Value first, depth;         // k steps
  Value last;                 // i1: the sums are complete after it
  Value distance;             // elements from here to the block that comes next
};
} // namespace

/// Each row tile asks for its share of the k block that comes next, so that
/// weights arrive from memory while arithmetic goes on. Behind the last block
/// this reads ahead into what follows the weight; a prefetch of an address that
/// is not mapped does nothing.
static void emitBlock(KernelBuilder &k, const LinearShape &shape,
                      const LinearPlan &plan, const LinearOperands &o,
                      Value rowBlock, Value blockRows, const WeightBlock &w) {
  Value panelSize = k.index(shape.depth * lanes);
  Value accumulate = k.less(k.index(0), w.first);
  Value tiles = k.ceilDiv(blockRows, plan.rows);
  Value aheadStep = k.ceilDiv(k.index(microSteps * lanes), tiles);
  Value shareAhead = k.mul(k.div(w.depth, microSteps), aheadStep);
  Value least = k.div(blockRows, tiles);
  Value larger = k.sub(blockRows, k.mul(least, tiles)); // tiles of one row more
  k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
    Value begin = k.add(k.mul(tile, least), k.min(tile, larger));
    Value rows = k.select(k.less(tile, larger), k.add(least, 1), least);
    Value row = k.add(rowBlock, begin);
    Place x = k.at(k.at(o.x, k.mul(row, shape.inputStride)), w.first);
    Place yRow = k.at(o.y, k.mul(row, shape.outputStride));
    Place residualRow = k.at(o.residual, k.mul(row, shape.residualStride));
    Value ahead = k.add(w.distance, k.mul(tile, shareAhead));
    forPanelGroups(
        k, w.groupBegin, w.groupEnd, plan.panels,
        [&](Value panel, int64_t panels) {
          Place weight = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                              k.mul(w.first, lanes));
          Value column = k.mul(panel, lanes);
          Place y = k.at(yRow, column);
          callMicroKernel(k, {plan.rows, plan.panels}, panels,
                          shape.inputStride, rows,
                          {x, k.index(shape.inputStride), weight, panelSize, y,
                           k.index(shape.outputStride), w.depth, accumulate,
                           k.at(weight, ahead), aheadStep});
          k.ifThen(w.last, [&] {
            emitEpilogue(k, shape, y, k.at(residualRow, column),
                         k.at(o.bias, column), rows, panels);
          });
        });
  });
}

static void emitLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  Value depth = k.index(shape.depth), block = k.index(plan.depthBlock);
  Value nextGroup = k.index(plan.group * shape.depth * lanes);
  forBalancedRows(k, o.rows, plan.rowBlock, [&](Value row, Value rows) {
    k.forLoop(o.panelBegin, o.panelEnd, plan.group, [&](Value group) {
      k.forLoop(k.index(0), depth, plan.depthBlock, [&](Value first) {
        WeightBlock w;
        w.groupBegin = group;
        w.groupEnd = k.min(k.add(group, plan.group), o.panelEnd);
        w.first = first;
        w.depth = k.min(block, k.sub(depth, first));
        w.last = k.equal(k.add(first, w.depth), depth);
        w.distance = k.select(w.last, k.sub(nextGroup, k.mul(first, lanes)),
                              k.mul(block, lanes));
        emitBlock(k, shape, plan, o, row, rows, w);
      });
    });
  });
}

void bertc::callLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  std::string name =
      llvm::formatv("linear_f32_{0}x{1}{2}{3}_ld{4}_{5}", shape.depth,
                    shape.columns, shape.bias ? "_bias" : "",
                    shape.activation == ActivationFunction::None
                        ? ""
                        : "_" + activationFunctionName(shape.activation).str(),
                    shape.inputStride, shape.outputStride);
  if (shape.residual)
    name += "_residual" + std::to_string(shape.residualStride);
  Type buffer = k.bufferType(), index = k.indexType();
  SmallVector<Type> types;
  for (int i = 0; i < 5; ++i)
    types.append({buffer, index});
  types.append({index, index, index});
  func::FuncOp kernel = k.kernel(name, types, [&](ValueRange v) {
    emitLinear(k, shape, plan,
               {{v[0], v[1]},
                {v[2], v[3]},
                {v[4], v[5]},
                {v[6], v[7]},
                {v[8], v[9]},
                v[10],
                v[11],
                v[12]});
  });
  Place residual = shape.residual ? o.residual : o.y;
  Place bias = shape.bias ? o.bias : o.weight;
  k.call(kernel,
         {o.x.buffer, o.x.offset, o.y.buffer, o.y.offset, residual.buffer,
          residual.offset, o.weight.buffer, o.weight.offset, bias.buffer,
          bias.offset, o.rows, o.panelBegin, o.panelEnd});
}

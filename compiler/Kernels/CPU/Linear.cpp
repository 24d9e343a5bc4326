//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loop order: row block (its slice of x stays in L2), k block, panel group
// (its k block stays in L1), register tile. Partial sums of a k block rest in
// y; bias, activation and residual are applied to a tile right after its last
// k block, while it is in L1.
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

/// Each register tile of a panel group asks for its share of the next group's k
/// block, so that weights arrive from memory while arithmetic goes on. Behind
/// the last group this reads ahead into what follows the weight; a prefetch of
/// an address that is not mapped does nothing.
static void prefetchShare(KernelBuilder &k, Place next, Value panelSize,
                          int64_t panels, Value depth, Value tile,
                          Value tiles) {
  // A line holds one k step of a panel.
  auto [begin, end] = k.share(depth, tile, tiles);
  k.forLoop(begin, end, 1, [&](Value step) {
    Place line = k.at(next, k.mul(step, lanes));
    for (int64_t p = 0; p < panels; ++p)
      k.prefetch(k.at(line, k.mul(panelSize, p)));
  });
}

static void emitLinear(KernelBuilder &k, const LinearShape &shape,
                       const LinearPlan &plan, const LinearOperands &o) {
  int64_t depthBlocks = (shape.depth + plan.depthBlock - 1) / plan.depthBlock;
  Value panelSize = k.index(shape.depth * lanes);
  forBalancedRows(
      k, o.rows, plan.rowBlock, [&](Value rowBlock, Value blockRows) {
        Value tiles = k.ceilDiv(blockRows, plan.rows);
        k.forLoop(k.index(0), k.index(depthBlocks), 1, [&](Value depthBlock) {
          Value first = k.mul(depthBlock, plan.depthBlock);
          Value depth = k.min(k.index(plan.depthBlock),
                              k.sub(k.index(shape.depth), first));
          Value accumulate = k.less(k.index(0), depthBlock);
          Value last = k.equal(depthBlock, k.index(depthBlocks - 1));
          forPanelGroups(
              k, o.panelBegin, o.panelEnd, plan.panels,
              [&](Value panel, int64_t panels) {
                Place weight = k.at(k.at(o.weight, k.mul(panel, panelSize)),
                                    k.mul(first, lanes));
                Value column = k.mul(panel, lanes);
                k.forLoop(k.index(0), tiles, 1, [&](Value tile) {
                  auto [begin, end] = k.share(blockRows, tile, tiles);
                  Value rows = k.sub(end, begin);
                  Value row = k.add(rowBlock, begin);
                  Place y =
                      k.at(k.at(o.y, k.mul(row, shape.outputStride)), column);
                  Place x =
                      k.at(k.at(o.x, k.mul(row, shape.inputStride)), first);
                  prefetchShare(k, k.at(weight, k.mul(panelSize, panels)),
                                panelSize, panels, depth, tile, tiles);
                  callMicroKernel(k, {plan.rows, plan.panels}, panels,
                                  shape.inputStride, rows,
                                  {x, k.index(shape.inputStride), weight,
                                   panelSize, y, k.index(shape.outputStride),
                                   depth, accumulate});
                  k.ifThen(last, [&] {
                    Place residual =
                        k.at(k.at(o.residual, k.mul(row, shape.residualStride)),
                             column);
                    emitEpilogue(k, shape, y, residual, k.at(o.bias, column),
                                 rows, panels);
                  });
                });
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

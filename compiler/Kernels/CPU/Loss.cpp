//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything is scalar: a head has a few columns. The largest logit is
// subtracted before exp, and added to the logarithm again.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/Loss.h"
#include "compiler/Kernels/CPU/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/Support/FormatVariadic.h"
#include <limits>

using namespace mlir;
using namespace bertc;

namespace {
/// `count` logits `stride` words apart, and the one that should be large.
struct Choice {
  Place x;
  Value count;
  int64_t stride;
  Value label;
};
} // namespace

static Value toFloat(KernelBuilder &k, Value index) {
  Value integer =
      arith::IndexCastOp::create(k.b, k.loc, k.b.getI64Type(), index);
  return arith::SIToFPOp::create(k.b, k.loc, k.b.getF32Type(), integer);
}

/// -log softmax(x)[label]; writes `weight` times its gradient.
static Value emitSurprise(KernelBuilder &k, const Choice &c, Place gradient,
                          Value weight) {
  auto logit = [&](Value j) {
    return k.loadScalar(k.at(c.x, k.mul(j, c.stride)));
  };
  Value lowest = k.scalar(-std::numeric_limits<double>::infinity());
  Value largest =
      k.forLoop(k.index(0), c.count, 1, {lowest}, [&](Value j, ValueRange acc) {
        return SmallVector<Value>{k.maxf(logit(j), acc[0])};
      })[0];
  auto exponential = [&](Value j) {
    return emitExp(k.b, k.loc, k.subf(logit(j), largest));
  };
  Value sum = k.forLoop(
      k.index(0), c.count, 1, {k.scalar(0.0)}, [&](Value j, ValueRange acc) {
        return SmallVector<Value>{k.addf(acc[0], exponential(j))};
      })[0];
  k.forLoop(k.index(0), c.count, 1, [&](Value j) {
    Value own = k.select(k.equal(j, c.label), k.scalar(1.0), k.scalar(0.0));
    Value d = k.subf(k.divf(exponential(j), sum), own);
    k.storeScalar(k.mulf(d, weight), k.at(gradient, k.mul(j, c.stride)));
  });
  return k.addf(emitLog(k.b, k.loc, sum), k.subf(largest, logit(c.label)));
}

/// The gradient of rows and columns that do not count is zero.
static void clearRows(KernelBuilder &k, RowShape shape, Place rows,
                      Value count) {
  k.forLoop(k.index(0), k.mul(count, shape.stride), lanes,
            [&](Value at) { k.store(k.splat(0.0), k.at(rows, at)); });
}

/// The kernel `name`: `body` gives the loss.
static void callLoss(KernelBuilder &k, llvm::StringRef name, RowShape shape,
                     const LossOperands &operands,
                     llvm::function_ref<Value(const LossOperands &)> body) {
  LossOperands o = operands;
  SmallVector<Value *> slots;
  for (Value *own :
       {&o.x.buffer, &o.x.offset, &o.loss.buffer, &o.loss.offset,
        &o.gradient.buffer, &o.gradient.offset, &o.labels, &o.targets.buffer,
        &o.targets.offset, &o.rows, &o.offsets, &o.sequences})
    if (*own)
      slots.push_back(own);
  k.callKernel(
      llvm::formatv("{0}_{1}_ld{2}", name, shape.width, shape.stride).str(),
      slots, [&] { k.storeScalar(body(o), o.loss); });
}

/// The sum of term(i) for i in [0, count).
static Value emitSum(KernelBuilder &k, Value count,
                     llvm::function_ref<Value(Value)> term) {
  return k.forLoop(k.index(0), count, 1, {k.scalar(0.0)},
                   [&](Value i, ValueRange acc) {
                     return SmallVector<Value>{k.addf(acc[0], term(i))};
                   })[0];
}

/// The mean of term(i, weight) over those i of [0, total) that count, whose
/// weight in it is given; 0 if there is none.
static Value emitMean(KernelBuilder &k, Value total,
                      llvm::function_ref<Value(Value)> counts,
                      llvm::function_ref<Value(Value, Value)> term) {
  Value one = k.scalar(1.0), zero = k.scalar(0.0);
  Value count = emitSum(
      k, total, [&](Value i) { return k.select(counts(i), one, zero); });
  Value weight = k.divf(one, k.maxf(count, one));
  Value sum =
      k.forLoop(k.index(0), total, 1, {zero}, [&](Value i, ValueRange acc) {
        // A loop of zero or one step: its result needs no join by hand.
        Value steps = k.select(counts(i), k.index(1), k.index(0));
        Value next = k.forLoop(
            k.index(0), steps, 1, {acc[0]}, [&](Value, ValueRange inner) {
              return SmallVector<Value>{k.addf(inner[0], term(i, weight))};
            })[0];
        return SmallVector<Value>{next};
      })[0];
  return k.mulf(sum, weight);
}

void bertc::callCrossEntropy(KernelBuilder &k, RowShape shape,
                             const LossOperands &operands) {
  callLoss(k, "cross_entropy", shape, operands, [&](const LossOperands &o) {
    clearRows(k, shape, o.gradient, o.rows);
    Value classes = k.index(shape.width);
    auto label = [&](Value row) { return k.loadIndex(o.labels, row); };
    // -100 is a huge number without its sign.
    return emitMean(
        k, o.rows, [&](Value row) { return k.less(label(row), classes); },
        [&](Value row, Value weight) {
          Value at = k.mul(row, shape.stride);
          return emitSurprise(k, {k.at(o.x, at), classes, 1, label(row)},
                              k.at(o.gradient, at), weight);
        });
  });
}

void bertc::callSpanLoss(KernelBuilder &k, RowShape shape,
                         const LossOperands &operands) {
  callLoss(k, "span_loss", shape, operands, [&](const LossOperands &o) {
    clearRows(k, shape, o.gradient, o.rows);
    auto first = [&](Value s) { return k.loadIndex(o.offsets, s); };
    auto length = [&](Value s) { return k.sub(first(k.add(s, 1)), first(s)); };
    Value loss = k.scalar(0.0), half = k.scalar(0.5);
    for (int64_t side = 0; side < 2; ++side) {
      auto label = [&](Value s) {
        return k.loadIndex(o.labels, k.add(k.mul(s, 2), side));
      };
      Value mean = emitMean(
          k, o.sequences, [&](Value s) { return k.less(label(s), length(s)); },
          [&](Value s, Value weight) {
            Value at = k.add(k.mul(first(s), shape.stride), side);
            return emitSurprise(
                k, {k.at(o.x, at), length(s), shape.stride, label(s)},
                k.at(o.gradient, at), k.mulf(weight, half));
          });
      loss = k.addf(loss, k.mulf(mean, half));
    }
    return loss;
  });
}

/// The mean over all elements of value(x, target), with derivative(x, target).
static Value emitPointwise(KernelBuilder &k, RowShape shape,
                           const LossOperands &o,
                           llvm::function_ref<Value(Value, Value)> value,
                           llvm::function_ref<Value(Value, Value)> derivative) {
  clearRows(k, shape, o.gradient, o.rows);
  Value columns = k.index(shape.width);
  Value weight = k.divf(k.scalar(1.0), toFloat(k, k.mul(o.rows, columns)));
  Value sum = emitSum(k, o.rows, [&](Value row) {
    return emitSum(k, columns, [&](Value column) {
      Value at = k.add(k.mul(row, shape.stride), column);
      Value x = k.loadScalar(k.at(o.x, at));
      Value target =
          k.loadScalar(k.at(o.targets, k.add(k.mul(row, columns), column)));
      k.storeScalar(k.mulf(derivative(x, target), weight),
                    k.at(o.gradient, at));
      return value(x, target);
    });
  });
  return k.mulf(sum, weight);
}

void bertc::callMeanSquaredError(KernelBuilder &k, RowShape shape,
                                 const LossOperands &operands) {
  callLoss(k, "mse", shape, operands, [&](const LossOperands &o) {
    return emitPointwise(
        k, shape, o,
        [&](Value x, Value target) {
          Value d = k.subf(x, target);
          return k.mulf(d, d);
        },
        [&](Value x, Value target) {
          return k.mulf(k.scalar(2.0), k.subf(x, target));
        });
  });
}

void bertc::callBinaryCrossEntropy(KernelBuilder &k, RowShape shape,
                                   const LossOperands &operands) {
  auto expOfMinusSize = [&](Value x) {
    Value size = math::AbsFOp::create(k.b, k.loc, x);
    return emitExp(k.b, k.loc, k.subf(k.scalar(0.0), size));
  };
  Value one, zero;
  callLoss(
      k, "binary_cross_entropy", shape, operands, [&](const LossOperands &o) {
        one = k.scalar(1.0);
        zero = k.scalar(0.0);
        return emitPointwise(
            k, shape, o,
            [&](Value x, Value target) {
              // max(x, 0) + log(1 + e^-|x|) does not overflow.
              Value rest = emitLog(k.b, k.loc, k.addf(one, expOfMinusSize(x)));
              return k.subf(k.addf(k.maxf(x, zero), rest), k.mulf(target, x));
            },
            [&](Value x, Value target) {
              Value e = expOfMinusSize(x);
              Value above = arith::CmpFOp::create(
                  k.b, k.loc, arith::CmpFPredicate::OGE, x, zero);
              Value likely = k.divf(k.select(above, one, e), k.addf(one, e));
              return k.subf(likely, target);
            });
      });
}

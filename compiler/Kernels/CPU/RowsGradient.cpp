//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Threads share the columns of a table, not its rows: every thread has the same
// work, whichever ids a batch has, and a row's sum has one order.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/RowsGradient.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace bertc;

void bertc::callActivationGradient(KernelBuilder &k, RowShape shape,
                                   ActivationFunction activation, MapRows x,
                                   Place dy, Place dx, Value rows) {
  std::string name = llvm::formatv("{0}_gradient_{1}_ld{2}",
                                   activationFunctionName(activation),
                                   shape.width, shape.stride);
  if (x.shape.bf16)
    name += "_" + rowsName(x.shape);
  callMap(k, name, {x, {dy, shape}}, {dx, shape}, rows, [&](ArrayRef<Value> v) {
    return k.mulf(v[1], emitActivationDerivative(k.b, k.loc, activation, v[0]));
  });
}

namespace {
/// Rows [first, last) of one sequence.
struct SequenceRows {
  RowShape shape;
  Value first, last;
  Place at(KernelBuilder &k, Place rows, Value row, Value column) const {
    return k.at(k.at(rows, k.mul(row, shape.stride)), column);
  }
};
} // namespace

/// The first row with the largest value takes the gradient; nothing is left for
/// those behind it.
static void emitMaxGradient(KernelBuilder &k, const SequenceRows &s, Place x,
                            Place dx, Value gradient, Value column) {
  auto row = [&](Value r) { return k.load(s.at(k, x, r, column)); };
  Value most = k.forLoop(k.add(s.first, 1), s.last, 1, {row(s.first)},
                         [&](Value r, ValueRange acc) {
                           return SmallVector<Value>{k.maxf(row(r), acc[0])};
                         })[0];
  Value zero = k.splat(0.0);
  k.forLoop(s.first, s.last, 1, {gradient}, [&](Value r, ValueRange left) {
    Value taken = arith::CmpFOp::create(k.b, k.loc, arith::CmpFPredicate::OEQ,
                                        row(r), most);
    k.store(k.select(taken, left[0], zero), s.at(k, dx, r, column));
    return SmallVector<Value>{k.select(taken, zero, left[0])};
  });
}

void bertc::callPoolGradient(KernelBuilder &k, RowShape xShape, RowShape yShape,
                             Pooling mode, Value offsets, Place x, Place dy,
                             Place dx, Value begin, Value end) {
  std::string name =
      llvm::formatv("pool_{0}_gradient_{1}_ld{2}_{3}", poolingName(mode),
                    xShape.width, xShape.stride, yShape.stride);
  SmallVector<Place *> places = {&dy, &dx};
  if (mode == Pooling::Max)
    places.push_back(&x);
  SmallVector<Value *> slots = slotsOf(places);
  slots.append({&offsets, &begin, &end});
  k.callKernel(name, slots, [&] {
    k.forLoop(begin, end, 1, [&](Value sequence) {
      SequenceRows s{xShape, k.loadIndex(offsets, sequence),
                     k.loadIndex(offsets, k.add(sequence, 1))};
      Value divisor = poolDivisor(k, mode, k.sub(s.last, s.first));
      Place own = k.at(dy, k.mul(sequence, yShape.stride));
      k.forLoop(k.index(0), k.index(xShape.vectors() * lanes), lanes,
                [&](Value column) {
                  Value gradient = k.load(k.at(own, column));
                  if (mode == Pooling::Max)
                    return emitMaxGradient(k, s, x, dx, gradient, column);
                  if (divisor)
                    gradient = k.divf(gradient, divisor);
                  Value others = mode == Pooling::Cls ? k.splat(0.0) : gradient;
                  k.store(gradient, s.at(k, dx, s.first, column));
                  k.forLoop(k.add(s.first, 1), s.last, 1, [&](Value r) {
                    k.store(others, s.at(k, dx, r, column));
                  });
                });
    });
  });
}

void bertc::callEmbedGradient(KernelBuilder &k, RowShape shape, Value ids,
                              Place dy, Place table, Value rows, Value begin,
                              Value end) {
  std::string name =
      llvm::formatv("embed_gradient_{0}_ld{1}", shape.width, shape.stride);
  int64_t tableStride = shape.vectors() * lanes;
  SmallVector<Value *> slots = {&ids,          &dy.buffer,    &dy.offset,
                                &table.buffer, &table.offset, &rows,
                                &begin,        &end};
  k.callKernel(name, slots, [&] {
    k.forLoop(k.index(0), rows, 1, [&](Value row) {
      Place from = k.at(dy, k.mul(row, shape.stride));
      Place to = k.at(table, k.mul(k.loadIndex(ids, row), tableStride));
      k.forLoop(begin, end, 1, [&](Value vector) {
        Value column = k.mul(vector, lanes);
        Place sum = k.at(to, column);
        k.store(k.addf(k.load(sum), k.load(k.at(from, column))), sum);
      });
    });
  });
}

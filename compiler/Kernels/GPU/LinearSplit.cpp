//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sums of several blocks, added in one order. The blocks of a tile draw
// tickets; whoever draws the last one knows that all partial sums are written.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/LinearParts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace bertc;

static constexpr int64_t quad = 4; // floats that a thread writes together
static constexpr char deviceScope[] = "device";

static void fence(GpuBuilder &k) {
  LLVM::FenceOp::create(k.b, k.loc, LLVM::AtomicOrdering::acq_rel,
                        k.b.getStringAttr(deviceScope));
}

/// The number of blocks that drew a ticket of `counter` before.
static Value drawTicket(GpuBuilder &k, Value counter) {
  return LLVM::AtomicRMWOp::create(k.b, k.loc, LLVM::AtomicBinOp::add, counter,
                                   k.index(1), LLVM::AtomicOrdering::acq_rel,
                                   deviceScope, /*alignment=*/4);
}

void bertc::emitSplitSum(GpuBuilder &k, const DeviceLinearPlan &plan,
                         const SplitSum &split, ValueRange sums,
                         llvm::function_ref<void(ValueRange)> finish) {
  int64_t quads = sums.size() / quad;
  int64_t tileElements = plan.blockRows * plan.blockColumns;
  Value elements = arith::ConstantOp::create(
      k.b, k.loc, k.b.getI64IntegerAttr(tileElements));
  auto part = [&](Value which) {
    Value number = k.add(k.mul(split.tile, plan.splits), which);
    Value start =
        k.at(split.partials, k.mul(k.wide(number), elements), k.f32());
    return k.at(start, k.mul(k.threadId(), quad), k.f32());
  };
  auto place = [&](Value start, int64_t i) {
    return k.at(start, i * plan.threads() * quad, k.f32());
  };
  Value mine = part(k.blockId(2));
  for (int64_t i = 0; i < quads; ++i)
    k.store(k.vectorFrom(sums.slice(i * quad, quad)), place(mine, i));
  fence(k);
  k.barrier();
  Value board = k.sharedMemory();
  Value first = k.equal(k.threadId(), k.index(0));
  k.ifThen(first, [&] {
    Value counter = k.at(split.tickets, split.tile, k.i32());
    Value ticket = drawTicket(k, counter);
    k.store(ticket, board);
    k.ifThen(k.equal(ticket, k.index(plan.splits - 1)),
             [&] { k.store(k.index(0), counter); });
  });
  k.barrier();
  Value ticket = k.load(board, k.i32());
  k.ifThen(k.equal(ticket, k.index(plan.splits - 1)), [&] {
    fence(k);
    Type type = sums[0].getType();
    bool isFloat = isa<FloatType>(type);
    SmallVector<Value> zeros(sums.size(), isFloat ? k.scalar(0) : k.index(0));
    SmallVector<Value> total =
        k.forLoop(k.index(0), k.index(plan.splits), k.index(1), zeros,
                  [&](Value which, ValueRange carried) {
                    Value start = part(which);
                    SmallVector<Value> next(carried);
                    for (int64_t i = 0; i < quads; ++i) {
                      Value values =
                          k.load(place(start, i), k.vectorOf(type, quad));
                      for (int64_t j = 0; j < quad; ++j) {
                        Value &sum = next[i * quad + j];
                        Value part = k.element(values, j);
                        sum = isFloat ? k.addf(sum, part) : k.add(sum, part);
                      }
                    }
                    return next;
                  });
    finish(total);
  });
}

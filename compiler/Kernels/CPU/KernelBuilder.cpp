//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Thin wrappers over the builders of arith, scf, memref and vector.
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace bertc;

KernelBuilder::KernelBuilder(ModuleOp module)
    : b(module.getContext()), loc(module.getLoc()), module(module) {}

VectorType KernelBuilder::vectorType(int64_t n) {
  return VectorType::get({n}, b.getF32Type());
}
MemRefType KernelBuilder::bufferType() {
  return MemRefType::get({ShapedType::kDynamic}, b.getF32Type());
}
MemRefType KernelBuilder::intBufferType() {
  return MemRefType::get({ShapedType::kDynamic}, b.getI32Type());
}

//===----------------------------------------------------------------------===//
// Constants and index arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, loc, value);
}
Value KernelBuilder::boolean(bool value) {
  return arith::ConstantOp::create(b, loc, b.getBoolAttr(value));
}
Value KernelBuilder::scalar(double value) {
  return arith::ConstantOp::create(b, loc, b.getF32FloatAttr(value));
}
Value KernelBuilder::splat(double value, int64_t n) {
  return arith::ConstantOp::create(
      b, loc, DenseElementsAttr::get(vectorType(n), static_cast<float>(value)));
}
Value KernelBuilder::add(Value a, Value c) {
  return b.createOrFold<arith::AddIOp>(loc, a, c);
}
Value KernelBuilder::add(Value a, int64_t c) {
  return c == 0 ? a : add(a, index(c));
}
Value KernelBuilder::sub(Value a, Value c) {
  return b.createOrFold<arith::SubIOp>(loc, a, c);
}
Value KernelBuilder::mul(Value a, Value c) {
  return b.createOrFold<arith::MulIOp>(loc, a, c);
}
Value KernelBuilder::mul(Value a, int64_t c) { return mul(a, index(c)); }
Value KernelBuilder::div(Value a, Value c) {
  return b.createOrFold<arith::DivUIOp>(loc, a, c);
}
Value KernelBuilder::div(Value a, int64_t c) { return div(a, index(c)); }
Value KernelBuilder::ceilDiv(Value a, Value c) {
  return div(add(a, sub(c, index(1))), c);
}
Value KernelBuilder::ceilDiv(Value a, int64_t c) {
  return div(add(a, c - 1), c);
}
Value KernelBuilder::min(Value a, Value c) {
  return arith::MinUIOp::create(b, loc, a, c);
}
Value KernelBuilder::max(Value a, Value c) {
  return arith::MaxUIOp::create(b, loc, a, c);
}
Value KernelBuilder::less(Value a, Value c) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, a, c);
}
Value KernelBuilder::equal(Value a, Value c) {
  return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, a, c);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelBuilder::load(Place p, int64_t n) {
  return vector::LoadOp::create(b, loc, vectorType(n), p.buffer, p.offset);
}
void KernelBuilder::store(Value vector, Place p) {
  vector::StoreOp::create(b, loc, vector, p.buffer, p.offset);
}
Value KernelBuilder::loadScalar(Place p) {
  return memref::LoadOp::create(b, loc, p.buffer, p.offset);
}
void KernelBuilder::storeScalar(Value value, Place p) {
  memref::StoreOp::create(b, loc, value, p.buffer, p.offset);
}
Value KernelBuilder::loadIndex(Value intBuffer, Value at) {
  Value value = memref::LoadOp::create(b, loc, intBuffer, at);
  return arith::IndexCastOp::create(b, loc, b.getIndexType(), value);
}
void KernelBuilder::prefetch(Place p) {
  memref::PrefetchOp::create(b, loc, p.buffer, ValueRange{p.offset},
                             /*isWrite=*/false, /*localityHint=*/2,
                             /*isDataCache=*/true);
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

Value KernelBuilder::addf(Value a, Value c) {
  return arith::AddFOp::create(b, loc, a, c);
}
Value KernelBuilder::subf(Value a, Value c) {
  return arith::SubFOp::create(b, loc, a, c);
}
Value KernelBuilder::mulf(Value a, Value c) {
  return arith::MulFOp::create(b, loc, a, c);
}
Value KernelBuilder::divf(Value a, Value c) {
  return arith::DivFOp::create(b, loc, a, c);
}
// A compare and a select: one vmaxps, and the same result for equal bits on
// every ISA. A NaN in `a` gives `c`.
Value KernelBuilder::maxf(Value a, Value c) {
  Value greater =
      arith::CmpFOp::create(b, loc, arith::CmpFPredicate::OGT, a, c);
  return arith::SelectOp::create(b, loc, greater, a, c);
}
// Not vector.fma: that one becomes llvm.fmuladd, which leaves the choice to
// fuse to the backend.
Value KernelBuilder::fma(Value a, Value c, Value acc) {
  return math::FmaOp::create(b, loc, a, c, acc);
}
Value KernelBuilder::broadcast(Value scalar, int64_t n) {
  return vector::BroadcastOp::create(b, loc, vectorType(n), scalar);
}
Value KernelBuilder::shuffle(Value a, Value c, ArrayRef<int64_t> mask) {
  return vector::ShuffleOp::create(b, loc, a, c, mask);
}
Value KernelBuilder::laneMask(Value count) {
  return vector::CreateMaskOp::create(
      b, loc, VectorType::get({lanes}, b.getI1Type()), ValueRange{count});
}
Value KernelBuilder::select(Value mask, Value a, Value c) {
  return arith::SelectOp::create(b, loc, mask, a, c);
}

static Value reduceTree(KernelBuilder &k, Value v,
                        llvm::function_ref<Value(Value, Value)> combine) {
  for (int64_t half = lanes / 2; half >= 1; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(half + i);
    }
    v = combine(k.shuffle(v, v, low), k.shuffle(v, v, high));
  }
  return vector::ExtractOp::create(k.b, k.loc, v, ArrayRef<int64_t>{0});
}
Value KernelBuilder::reduceAdd(Value vector) {
  return reduceTree(*this, vector,
                    [&](Value a, Value c) { return addf(a, c); });
}
Value KernelBuilder::reduceMax(Value vector) {
  return reduceTree(*this, vector,
                    [&](Value a, Value c) { return maxf(a, c); });
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

void KernelBuilder::forLoop(Value lo, Value hi, int64_t step,
                            llvm::function_ref<void(Value)> body) {
  forLoop(lo, hi, step, {}, [&](Value iv, ValueRange) {
    body(iv);
    return SmallVector<Value>();
  });
}

SmallVector<Value> KernelBuilder::forLoop(
    Value lo, Value hi, int64_t step, ValueRange init,
    llvm::function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop =
      scf::ForOp::create(b, loc, lo, hi, index(step), init,
                         [&](OpBuilder &, Location, Value, ValueRange) {});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  SmallVector<Value> next =
      body(loop.getInductionVar(), loop.getRegionIterArgs());
  scf::YieldOp::create(b, loc, next);
  return SmallVector<Value>(loop.getResults());
}

void KernelBuilder::ifThen(Value condition, llvm::function_ref<void()> body,
                           llvm::function_ref<void()> otherwise) {
  auto op = scf::IfOp::create(b, loc, TypeRange(), condition,
                              /*withElseRegion=*/bool(otherwise));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
  if (otherwise) {
    b.setInsertionPointToStart(op.elseBlock());
    otherwise();
  }
}

void KernelBuilder::switchOn(Value value, int64_t count,
                             llvm::function_ref<void(int64_t)> body) {
  SmallVector<int64_t> cases;
  for (int64_t i = 1; i <= count; ++i)
    cases.push_back(i);
  auto op = scf::IndexSwitchOp::create(b, loc, TypeRange(), value, cases,
                                       cases.size());
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Region &region, int64_t which) {
    b.setInsertionPointToStart(&region.emplaceBlock());
    if (which)
      body(which);
    scf::YieldOp::create(b, loc);
  };
  fill(op.getDefaultRegion(), 0);
  for (auto [region, which] : llvm::zip(op.getCaseRegions(), cases))
    fill(region, which);
}

std::pair<Value, Value> KernelBuilder::share(Value total, Value tid,
                                             Value threads) {
  Value begin = div(mul(total, tid), threads);
  Value end = div(mul(total, add(tid, 1)), threads);
  return {begin, end};
}

func::FuncOp KernelBuilder::kernel(StringRef name, TypeRange arguments,
                                   llvm::function_ref<void(ValueRange)> body) {
  if (auto existing = module.lookupSymbol<func::FuncOp>(name))
    return existing;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(module.getBody());
  auto function =
      func::FuncOp::create(b, loc, name, b.getFunctionType(arguments, {}));
  function.setPrivate();
  function->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(b.getContext(), LLVM::Linkage::Internal));
  function->setAttr("passthrough", b.getStrArrayAttr({"noinline"}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToStart(entry);
  body(entry->getArguments());
  func::ReturnOp::create(b, loc);
  return function;
}

void KernelBuilder::call(func::FuncOp callee, ValueRange arguments) {
  func::CallOp::create(b, loc, callee, arguments);
}

SmallVector<Value *> bertc::slotsOf(ArrayRef<Place *> places) {
  SmallVector<Value *> slots;
  for (Place *place : places)
    slots.append({&place->buffer, &place->offset});
  return slots;
}

void KernelBuilder::callKernel(StringRef name, ArrayRef<Value *> slots,
                               llvm::function_ref<void()> body) {
  SmallVector<Value> arguments;
  SmallVector<Type> types;
  for (Value *slot : slots) {
    arguments.push_back(*slot);
    types.push_back(slot->getType());
  }
  call(kernel(name, types,
              [&](ValueRange values) {
                for (auto [slot, value] : llvm::zip_equal(slots, values))
                  *slot = value;
                body();
              }),
       arguments);
}

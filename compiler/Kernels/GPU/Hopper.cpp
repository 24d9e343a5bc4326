//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "compiler/Kernels/GPU/Hopper.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace bertc;

//===----------------------------------------------------------------------===//
// Barriers and copies
//===----------------------------------------------------------------------===//

void Hopper::initBarrier(Value barrier, int64_t arrivals) {
  NVVM::MBarrierInitOp::create(k.b, k.loc, barrier, k.index(arrivals), Value());
}
void Hopper::publishBarriers() {
  NVVM::FenceMbarrierInitOp::create(k.b, k.loc);
}
void Hopper::arrive(Value barrier) {
  NVVM::MBarrierArriveOp::create(
      k.b, k.loc, k.i64(), barrier, Value(),
      NVVM::MemScopeKindAttr::get(k.b.getContext(), NVVM::MemScopeKind::CTA));
}
void Hopper::arriveExpecting(Value barrier, int64_t bytes) {
  NVVM::MBarrierArriveExpectTxOp::create(
      k.b, k.loc, Type(), barrier, k.index(bytes),
      NVVM::MemScopeKindAttr::get(k.b.getContext(), NVVM::MemScopeKind::CTA),
      k.b.getBoolAttr(false), Value());
}
void Hopper::wait(Value barrier, Value parity) {
  constexpr int64_t ticks = 10000000; // ns to sleep before the next look
  NVVM::MBarrierTryWaitParityOp::create(k.b, k.loc, barrier, parity,
                                        k.index(ticks));
}

static constexpr unsigned clusterSpace = 7;

void Hopper::copyBox(Value to, Value map, Value column, Value row,
                     Value barrier, int64_t blocks) {
  Value mask;
  if (blocks)
    mask = arith::ConstantOp::create(k.b, k.loc, k.b.getI16IntegerAttr(blocks));
  Type cluster = LLVM::LLVMPointerType::get(k.b.getContext(), clusterSpace);
  Value target = LLVM::AddrSpaceCastOp::create(k.b, k.loc, cluster, to);
  NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp::create(
      k.b, k.loc, target, map, ValueRange{column, row}, barrier, ValueRange(),
      mask, /*l2CacheHint=*/Value(),
      NVVM::TMALoadModeAttr::get(k.b.getContext(), NVVM::TMALoadMode::TILE),
      /*isCTAOnly=*/k.b.getBoolAttr(false),
      /*group=*/NVVM::CTAGroupKindAttr(), /*predicate=*/Value());
}

void Hopper::setCluster(int64_t blocks) {
  Operation *kernel = k.b.getInsertionBlock()->getParentOp();
  kernel->setAttr(
      NVVM::NVVMDialect::getClusterDimAttrName(),
      k.b.getDenseI32ArrayAttr({1, static_cast<int32_t>(blocks), 1}));
}
Value Hopper::blockOfCluster() {
  return NVVM::ClusterId::create(k.b, k.loc, k.i32());
}
void Hopper::clusterBarrier() {
  NVVM::ClusterArriveOp::create(k.b, k.loc, UnitAttr());
  NVVM::ClusterWaitOp::create(k.b, k.loc, UnitAttr());
}
// What it tells is that the tensor cores have read a stage, which no fence of
// the thread orders: one of the whole cluster would be one of the whole GPU,
// and take longer than the products of a stage.
void Hopper::arriveAt(Value barrier, Value block) {
  MLIRContext *context = k.b.getContext();
  Type cluster = LLVM::LLVMPointerType::get(context, clusterSpace);
  Value there = NVVM::MapaOp::create(k.b, k.loc, cluster, barrier, block);
  NVVM::MBarrierArriveOp::create(
      k.b, k.loc, Type(), there, Value(),
      NVVM::MemScopeKindAttr::get(context, NVVM::MemScopeKind::CTA));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Value Hopper::zeros(int64_t count) {
  SmallVector<Type> types(count, k.f32());
  Type type = LLVM::LLVMStructType::getLiteral(k.b.getContext(), types);
  Value record = LLVM::UndefOp::create(k.b, k.loc, type), zero = k.scalar(0);
  for (int64_t i = 0; i < count; ++i)
    record = LLVM::InsertValueOp::create(k.b, k.loc, record, zero, i);
  return record;
}
SmallVector<Value> Hopper::members(Value record) {
  SmallVector<Value> result;
  auto type = cast<LLVM::LLVMStructType>(record.getType());
  for (size_t i = 0; i < type.getBody().size(); ++i)
    result.push_back(LLVM::ExtractValueOp::create(k.b, k.loc, record, i));
  return result;
}

// Fields of a matrix descriptor, in units of 16 bytes where they are sizes.
static constexpr int64_t addressMask = 0x3fff;
static constexpr int64_t groupOfRows = 8 * 128 / 16; // to the next 8 rows
static constexpr int64_t swizzle128 = int64_t(1) << 62;
static constexpr int64_t fixedFields =
    int64_t(1) << 16 | groupOfRows << 32 | swizzle128;

static Value wideConstant(GpuBuilder &k, int64_t value) {
  return arith::ConstantOp::create(k.b, k.loc, k.b.getI64IntegerAttr(value));
}

Value Hopper::describe(Value pointer) {
  Value address = LLVM::PtrToIntOp::create(k.b, k.loc, k.i32(), pointer);
  Value field = k.wide(k.bitAnd(k.shiftRight(address, 4), addressMask));
  return arith::OrIOp::create(k.b, k.loc, field, wideConstant(k, fixedFields));
}
// The hardware permutes addresses, so a step within the row is a plain one.
Value Hopper::nextStep(Value descriptor) {
  constexpr int64_t step = 16 * 2 / 16;
  return k.add(descriptor, wideConstant(k, step));
}

Value Hopper::multiply(HalfType type, Value sums, Value a, Value b) {
  MLIRContext *context = k.b.getContext();
  auto record = cast<LLVM::LLVMStructType>(sums.getType());
  int64_t columns = static_cast<int64_t>(record.getBody().size()) * 2;
  auto element = NVVM::WGMMATypesAttr::get(
      context,
      type == HalfType::BF16 ? NVVM::WGMMATypes::bf16 : NVVM::WGMMATypes::f16);
  auto one = NVVM::WGMMAScaleInAttr::get(context, NVVM::WGMMAScaleIn::one);
  auto layout = [&](NVVM::MMALayout value) {
    return NVVM::MMALayoutAttr::get(context, value);
  };

  return NVVM::WgmmaMmaAsyncOp::create(
      k.b, k.loc, record, sums, a, b,
      NVVM::MMAShapeAttr::get(context, 64, columns, 16), element, element,
      NVVM::WGMMATypesAttr::get(context, NVVM::WGMMATypes::f32),
      NVVM::WGMMAScaleOutAttr::get(context, NVVM::WGMMAScaleOut::one), one, one,
      layout(NVVM::MMALayout::row), layout(NVVM::MMALayout::col),
      NVVM::MMAIntOverflowAttr());
}
void Hopper::beginProducts() { NVVM::WgmmaFenceAlignedOp::create(k.b, k.loc); }
void Hopper::commitProducts() {
  NVVM::WgmmaGroupSyncAlignedOp::create(k.b, k.loc);
}
void Hopper::waitProducts(int64_t pending) {
  NVVM::WgmmaWaitGroupSyncOp::create(k.b, k.loc, pending);
}

void Hopper::setRegisters(int64_t count, bool more) {
  auto action = more ? NVVM::SetMaxRegisterAction::increase
                     : NVVM::SetMaxRegisterAction::decrease;
  NVVM::SetMaxRegisterOp::create(
      k.b, k.loc, k.b.getI32IntegerAttr(count),
      NVVM::SetMaxRegisterActionAttr::get(k.b.getContext(), action));
}

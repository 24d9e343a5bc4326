//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each fault has a function that changes an op if it can have the fault; asked
// not to, it only says whether it could.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Gpu/Mutate.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace bertc::test;

static bool erase(Operation *op, bool does) {
  if (does)
    op->erase();
  return true;
}

static bool dropBarrier(Operation *op, bool does) {
  return isa<NVVM::Barrier0Op, NVVM::BarrierOp, NVVM::SyncWarpOp>(op) &&
         erase(op, does);
}

static bool dropWait(Operation *op, bool does) {
  return isa<NVVM::CpAsyncWaitGroupOp, NVVM::MBarrierTryWaitParityOp,
             NVVM::WgmmaWaitGroupSyncOp>(op) &&
         erase(op, does);
}

static bool raiseWait(Operation *op, bool does) {
  auto wait = dyn_cast<NVVM::CpAsyncWaitGroupOp>(op);
  if (wait && does)
    wait.setN(wait.getN() + 1);
  return bool(wait);
}

static bool dropCommit(Operation *op, bool does) {
  return isa<NVVM::CpAsyncCommitGroupOp>(op) && erase(op, does);
}

static bool dropSwizzle(Operation *op, bool does) {
  auto exclusive = dyn_cast<LLVM::XOrOp>(op);
  if (!exclusive)
    return false;
  if (does) {
    exclusive.replaceAllUsesWith(exclusive.getLhs());
    exclusive.erase();
  }
  return true;
}

static bool shiftIndex(Operation *op, bool does) {
  if (auto address = dyn_cast<LLVM::GEPOp>(op)) {
    SmallVector<int32_t> indices(address.getRawConstantIndices());
    for (int32_t &index : indices)
      if (index != LLVM::GEPOp::kDynamicIndex) {
        ++index;
        if (does)
          address.setRawConstantIndices(indices);
        return true;
      }
    return false;
  }
  auto add = dyn_cast<LLVM::AddOp>(op);
  // What is only compared is a bound, which often has room.
  if (!add || !add.getType().isInteger(32) ||
      llvm::all_of(add->getUsers(),
                   [](Operation *user) { return isa<LLVM::ICmpOp>(user); }))
    return false;
  auto constant = add.getRhs().getDefiningOp<LLVM::ConstantOp>();
  if (!constant)
    return false;
  if (does) {
    OpBuilder b(op);
    const int64_t value = cast<IntegerAttr>(constant.getValue()).getInt();
    add.setOperand(1,
                   LLVM::ConstantOp::create(
                       b, op->getLoc(), add.getType(),
                       b.getI32IntegerAttr(static_cast<int32_t>(value + 1))));
  }
  return true;
}

static bool swapOperands(Operation *op, bool does) {
  auto product = dyn_cast<NVVM::MmaOp>(op);
  if (!product || product.getOperandA().size() < 3)
    return false;
  if (does) {
    const Value second = product->getOperand(1), third = product->getOperand(2);
    product->setOperand(1, third);
    product->setOperand(2, second);
  }
  return true;
}

static constexpr struct {
  Fault fault;
  const char *name;
  bool (*change)(Operation *, bool does);
} faults[] = {
    {Fault::DropBarrier, "drop barrier", dropBarrier},
    {Fault::DropWait, "drop wait", dropWait},
    {Fault::RaiseWait, "raise wait", raiseWait},
    {Fault::DropCommit, "drop commit", dropCommit},
    {Fault::DropSwizzle, "drop swizzle", dropSwizzle},
    {Fault::ShiftIndex, "shift index", shiftIndex},
    {Fault::SwapOperands, "swap operands", swapOperands},
};

std::string Mutation::text() const {
  for (const auto &row : faults)
    if (row.fault == fault)
      return std::string(row.name) + " " + std::to_string(n) + ": " + op;
  return "";
}

static SmallVector<Operation *> candidates(ModuleOp module,
                                           bool (*change)(Operation *, bool)) {
  SmallVector<Operation *> found;
  module.walk([&](Operation *op) {
    if (change(op, false))
      found.push_back(op);
  });
  return found;
}

std::vector<Mutation> bertc::test::listMutations(ModuleOp module) {
  std::vector<Mutation> all;
  for (const auto &row : faults)
    for (Operation *op : candidates(module, row.change)) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      op->print(stream, OpPrintingFlags().useLocalScope());
      const bool isFirst = all.empty() || all.back().fault != row.fault;
      all.push_back({row.fault, isFirst ? 0 : all.back().n + 1, text});
    }
  return all;
}

bool bertc::test::mutate(ModuleOp module, const Mutation &mutation) {
  for (const auto &row : faults) {
    if (row.fault != mutation.fault)
      continue;
    SmallVector<Operation *> found = candidates(module, row.change);
    return mutation.n < found.size() && row.change(found[mutation.n], true);
  }
  return false;
}

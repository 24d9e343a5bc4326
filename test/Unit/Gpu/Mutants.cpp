//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/Unit/Gpu/Mutants.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

std::vector<Mutant> bertc::test::ticketMutants() {
  return {
      {"writes of others do not come before the ticket",
       [](ModuleOp m) {
         // The barrier before the last.
         return drop<NVVM::Barrier0Op>(m, -2);
       }},
      {"a ticket that orders nothing",
       [](ModuleOp m) {
         auto ticket = find<LLVM::AtomicRMWOp>(m, 0);
         if (ticket)
           ticket.setOrdering(LLVM::AtomicOrdering::monotonic);
         m.walk([](LLVM::FenceOp fence) { fence.erase(); });
         return bool(ticket);
       }},
      {"no barrier behind the ticket",
       [](ModuleOp m) { return drop<NVVM::Barrier0Op>(m, -1); }},
      {"no block adds",
       [](ModuleOp m) {
         bool any = false;
         Value ticket = {};
         m.walk([&](LLVM::AtomicRMWOp op) { ticket = op.getRes(); });
         m.walk([&](LLVM::StoreOp op) {
           if (ticket && op.getValue() == ticket) {
             OpBuilder b(op);
             op->setOperand(0, LLVM::ConstantOp::create(
                                   b, op.getLoc(), b.getI32IntegerAttr(0)));
             any = true;
           }
         });
         return any;
       }},
      {"tickets not returned",
       [](ModuleOp m) {
         // The store of 0, behind the ticket's own.
         auto store = find<LLVM::StoreOp>(m, 0, [](LLVM::StoreOp op) {
           auto constant = op.getValue().getDefiningOp<LLVM::ConstantOp>();
           return constant && op.getValue().getType().isInteger(32);
         });
         if (store)
           store->erase();
         return bool(store);
       }},
  };
}

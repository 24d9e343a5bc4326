//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults that are seeded into a linear kernel at the nvvm level, one at a time.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include "test/Unit/Gpu/LinearRun.h"
#include "test/Unit/Gpu/Mutants.h"

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

namespace {

/// Makes the result of an op its operand `which`.
template <typename Op>
bool shortCut(
    ModuleOp module, int n, unsigned which,
    llvm::function_ref<bool(Op)> fits = [](Op) { return true; }) {
  Op op = find<Op>(module, n, fits);
  if (op)
    op->replaceAllUsesWith(ValueRange{op->getOperand(which)});
  return bool(op);
}

/// Adds `more` to operand `which`, an integer.
bool addTo(Operation *op, unsigned which, int32_t more) {
  if (!op)
    return false;
  OpBuilder b(op);
  Value c = LLVM::ConstantOp::create(
      b, op->getLoc(), b.getIntegerAttr(op->getOperand(which).getType(), more));
  op->setOperand(
      which, LLVM::AddOp::create(b, op->getLoc(), op->getOperand(which), c));
  return true;
}

bool isUnsignedLess(LLVM::ICmpOp op) {
  return op.getPredicate() == LLVM::ICmpPredicate::ult;
}
bool readsLane(Operation *op) {
  return llvm::any_of(op->getOperands(), [](Value value) {
    return value.getDefiningOp<LLVM::URemOp>() ||
           value.getDefiningOp<LLVM::UDivOp>();
  });
}

std::vector<Mutant> mutants() {
  using Barrier = NVVM::Barrier0Op;
  using Wait = NVVM::CpAsyncWaitGroupOp;
  using Commit = NVVM::CpAsyncCommitGroupOp;
  auto waitFor = [](int n, uint32_t more) {
    return [=](ModuleOp module) {
      Wait wait = find<Wait>(module, n);
      if (wait)
        wait.setN(wait.getN() + more);
      return bool(wait);
    };
  };
  return {
      {"no barrier before the loop",
       [](ModuleOp m) { return drop<Barrier>(m, 0); }},
      {"no barrier in the loop",
       [](ModuleOp m) { return drop<Barrier>(m, 1); }},
      {"no wait before the loop", [](ModuleOp m) { return drop<Wait>(m, 0); }},
      {"no wait in the loop", [](ModuleOp m) { return drop<Wait>(m, 1); }},
      {"waits for one group less before the loop", waitFor(0, 1)},
      {"waits for one group less in the loop", waitFor(1, 1)},
      {"first stage not committed",
       [](ModuleOp m) { return drop<Commit>(m, 0); }},
      {"stages of the loop not committed",
       [](ModuleOp m) { return drop<Commit>(m, -1); }},
      {"copy not permuted",
       [](ModuleOp m) {
         return shortCut<LLVM::XOrOp>(
             m, -1, 0, [](LLVM::XOrOp op) { return readsLane(op); });
       }},
      {"fragments not permuted",
       [](ModuleOp m) {
         return shortCut<LLVM::XOrOp>(
             m, 0, 0, [](LLVM::XOrOp op) { return readsLane(op); });
       }},
      {"fragments of the first k step twice",
       [](ModuleOp m) {
         return shortCut<LLVM::XOrOp>(
             m, 0, 0, [](LLVM::XOrOp op) { return !readsLane(op); });
       }},
      {"a matrix transposed",
       [](ModuleOp m) {
         auto load = find<NVVM::LdMatrixOp>(m, 1);
         if (load)
           load.setLayout(NVVM::MMALayout::col);
         return bool(load);
       }},
      {"sums of another tile",
       [](ModuleOp m) {
         auto first = find<NVVM::MmaOp>(m, 0), second = find<NVVM::MmaOp>(m, 1);
         if (!first || !second)
           return false;
         second->setOperands(first->getOperands());
         return true;
       }},
      {"rows of x not limited",
       [](ModuleOp m) { return shortCut<LLVM::UMinOp>(m, 0, 0); }},
      {"columns of the weights not limited",
       [](ModuleOp m) { return shortCut<LLVM::UMinOp>(m, 7, 0); }},
      {"one row too many written",
       [](ModuleOp m) {
         bool any = false;
         m.walk([&](LLVM::ICmpOp op) {
           // Rows are compared with the last argument.
           auto argument = dyn_cast<BlockArgument>(op.getRhs());
           if (argument && isUnsignedLess(op)) {
             op.setPredicate(LLVM::ICmpPredicate::ule);
             any = true;
           }
         });
         return any;
       }},
      {"no zeros behind the depth",
       [](ModuleOp m) {
         bool any = false;
         m.walk([&](NVVM::CpAsyncOp op) {
           if (op.getCpSize()) {
             op.getCpSizeMutable().clear();
             any = true;
           }
         });
         return any;
       }},
      {"copies one piece further",
       [](ModuleOp m) {
         auto copy = find<NVVM::CpAsyncOp>(m, 0);
         auto gep = copy ? copy.getSrc().getDefiningOp<LLVM::GEPOp>() : nullptr;
         auto pieces =
             gep ? gep.getDynamicIndices()[0].getDefiningOp<LLVM::ZExtOp>()
                 : nullptr;
         return pieces && addTo(pieces, 0, 1);
       }},
      {"bias of the next column",
       [](ModuleOp m) {
         auto load = find<LLVM::LoadOp>(m, 0);
         auto gep =
             load ? load.getAddr().getDefiningOp<LLVM::GEPOp>() : nullptr;
         return gep && addTo(gep, 1, 4);
       }},
      {"stages wrap too late",
       [](ModuleOp m) {
         auto compare = find<LLVM::ICmpOp>(m, 0, [](LLVM::ICmpOp op) {
           return op.getPredicate() == LLVM::ICmpPredicate::eq;
         });
         return compare && addTo(compare, 0, 1);
       }},
  };
}

/// Of the program with wgmma.
std::vector<Mutant> hopperMutants() {
  using Wait = NVVM::MBarrierTryWaitParityOp;
  using Expect = NVVM::MBarrierArriveExpectTxOp;
  using Copy = NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp;
  return {
      {"copies do not wait for empty stages",
       [](ModuleOp m) { return drop<Wait>(m, 0); }},
      {"products do not wait for full stages",
       [](ModuleOp m) { return drop<Wait>(m, 1); }},
      {"too few bytes are announced",
       [](ModuleOp m) { return addTo(find<Expect>(m, 0), 1, -64); }},
      {"stages are not given back",
       [](ModuleOp m) { return drop<NVVM::MBarrierArriveOp>(m, 0); }},
      {"the weights of other columns",
       [](ModuleOp m) {
         auto copy = find<Copy>(m, 1);
         return copy && addTo(copy, 3, 8);
       }},
      {"no barrier behind the first phase",
       [](ModuleOp m) { return drop<NVVM::Barrier0Op>(m, 0); }},
      {"a product less",
       [](ModuleOp m) { return shortCut<NVVM::WgmmaMmaAsyncOp>(m, 0, 0); }},
      {"sums are read before the last wait",
       [](ModuleOp m) { return drop<NVVM::WgmmaWaitGroupSyncOp>(m, -1); }},
      {"the last products may be on their way",
       [](ModuleOp m) {
         auto wait = find<NVVM::WgmmaWaitGroupSyncOp>(m, -1);
         if (wait)
           wait.setGroup(1);
         return bool(wait);
       }},
      {"products are not committed",
       [](ModuleOp m) { return drop<NVVM::WgmmaGroupSyncAlignedOp>(m, 0); }},
      {"no fence before products",
       [](ModuleOp m) { return drop<NVVM::WgmmaFenceAlignedOp>(m, 0); }},
      {"copies may not see the mbarriers",
       [](ModuleOp m) { return drop<NVVM::FenceMbarrierInitOp>(m, 0); }},
      {"sums are not exchanged",
       [](ModuleOp m) { return shortCut<NVVM::ShflOp>(m, 0, 1); }},
  };
}

/// Of warp groups that take turns.
std::vector<Mutant> pingPongMutants() {
  return {
      {"groups do not wait for their turn",
       [](ModuleOp m) { return drop<NVVM::MBarrierTryWaitParityOp>(m, 1); }},
      {"turns are not given on",
       [](ModuleOp m) { return drop<NVVM::MBarrierArriveOp>(m, 1); }},
      {"the other half of the rows again",
       [](ModuleOp m) {
         // Products of the lower rows read what those of the upper do.
         auto upper = find<NVVM::WgmmaMmaAsyncOp>(m, 0);
         auto lower = find<NVVM::WgmmaMmaAsyncOp>(m, 1);
         if (lower)
           lower.getDescriptorAMutable().assign(upper.getDescriptorA());
         return bool(lower);
       }},
  };
}

/// Of blocks in clusters.
std::vector<Mutant> clusterMutants() {
  using Arrive = NVVM::ClusterArriveOp;
  using Wait = NVVM::ClusterWaitOp;
  using Copy = NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp;
  return {
      {"blocks do not wait for each other's barriers",
       [](ModuleOp m) { return drop<Arrive>(m, 0) && drop<Wait>(m, 0); }},
      {"blocks leave while others arrive at their barriers",
       [](ModuleOp m) { return drop<Arrive>(m, -1) && drop<Wait>(m, -1); }},
      {"weights go to one block",
       [](ModuleOp m) {
         auto copy = find<Copy>(m, 1);
         if (copy)
           copy.getMulticastMaskMutable().clear();
         return bool(copy);
       }},
      {"x goes to all blocks",
       [](ModuleOp m) {
         auto first = find<Copy>(m, 0), second = find<Copy>(m, 1);
         if (!second)
           return false;
         OpBuilder b(first);
         first.getMulticastMaskMutable().assign(LLVM::ConstantOp::create(
             b, first.getLoc(), b.getI16IntegerAttr(3)));
         return true;
       }},
      {"stages are given back to the own block only",
       [](ModuleOp m) {
         auto map = find<NVVM::MapaOp>(m, 0);
         if (!map)
           return false;
         OpBuilder b(map);
         map.replaceAllUsesWith(LLVM::AddrSpaceCastOp::create(
                                    b, map.getLoc(), map.getType(), map.getA())
                                    .getResult());
         return true;
       }},
      {"stages are empty when one block has read them",
       [](ModuleOp m) {
         // The second barrier of a stage waits for the warps of all blocks.
         bool any = false;
         m.walk([&](NVVM::MBarrierInitOp init) {
           auto count = init.getCount().getDefiningOp<LLVM::ConstantOp>();
           if (!count)
             return;
           auto value = cast<IntegerAttr>(count.getValue()).getInt();
           if (value == 1)
             return;
           OpBuilder b(init);
           init.getCountMutable().assign(LLVM::ConstantOp::create(
               b, init.getLoc(),
               b.getI32IntegerAttr(static_cast<int32_t>(value / 2))));
           any = true;
         });
         return any;
       }},
  };
}

// Tails in rows, columns and depth, and more steps than stages.
const DeviceLinearShape usualShape = makeShape(304, 80);

void expectSeen(const std::vector<Mutant> &mutants,
                const DeviceLinearPlan &plan,
                const DeviceLinearShape &shape = usualShape,
                int64_t rows = 70) {
  LinearData data(shape, rows);
  for (const Mutant &mutant : mutants) {
    SCOPED_TRACE(mutant.name);
    bool changed = false;
    LinearProgram program(
        shape, plan, [&](ModuleOp module) { changed = mutant.change(module); });
    EXPECT_TRUE(changed);
    // A block of groups that take turns has a tile for each.
    program.rowBlocks = plan.pingPong ? 1 : 0;
    LinearResult result = program.run(data);
    bool wrong = worstError(result.f32, data.expected, data.scale) > 1e-4;
    bool tickets = llvm::any_of(result.tickets, [](int t) { return t != 0; });
    EXPECT_TRUE(!result.report.ok() || result.report.bankConflicts > 0 ||
                wrong || tickets);
    testing::Test::RecordProperty(
        mutant.name, !result.report.ok() ? result.report.errors.front()
                     : result.report.bankConflicts > 0 ? "bank conflicts"
                     : wrong                           ? "wrong numbers"
                     : tickets                         ? "tickets"
                                                       : "not seen");
  }
}

TEST(DeviceLinearMutants, AreSeen) {
  expectSeen(mutants(), makePlan(64, 64, 64, 2, 2, 3));
  expectSeen(ticketMutants(), makePlan(64, 64, 64, 2, 2, 3, /*splits=*/2));
}

/// Of the end of an int8 layer.
std::vector<Mutant> int8Mutants() {
  auto load = [](int n, int64_t elements, int32_t more) {
    return [=](ModuleOp m) {
      auto op = find<LLVM::LoadOp>(m, n, [&](LLVM::LoadOp op) {
        auto vector = dyn_cast<VectorType>(op.getType());
        return vector && vector.getNumElements() == elements;
      });
      auto gep = op ? op.getAddr().getDefiningOp<LLVM::GEPOp>() : nullptr;
      return gep && addTo(gep, 1, more);
    };
  };
  return {
      {"scales of the next row", load(0, 2, 2)},
      {"scales of the first columns one further", load(1, 4, 4)},
      {"sums of the first columns one further", load(2, 4, 4)},
      {"zeros left out",
       [](ModuleOp m) { return shortCut<LLVM::SubOp>(m, -1, 0); }},
      {"sums not negative",
       [](ModuleOp m) {
         auto cast = find<LLVM::SIToFPOp>(m, 0);
         if (!cast)
           return false;
         OpBuilder b(cast);
         cast.replaceAllUsesWith(LLVM::UIToFPOp::create(b, cast.getLoc(),
                                                        cast.getType(),
                                                        cast.getArg())
                                     .getResult());
         return true;
       }},
      {"products without the scale of the row",
       [](ModuleOp m) { return shortCut<LLVM::FMulOp>(m, 0, 1); }},
  };
}

TEST(DeviceLinearMutants, OfInt8AreSeen) {
  DeviceLinearShape shape = makeShape(624, 80);
  shape.int8 = true;
  DeviceLinearPlan plan = makePlan(64, 64, 128, 2, 2, 3);
  plan.elementBytes = 1;
  expectSeen(int8Mutants(), plan, shape);
  plan.splits = 2;
  expectSeen(ticketMutants(), plan, shape);
}

TEST(DeviceLinearMutants, OfWarpGroupsAreSeen) {
  DeviceLinearPlan plan = makePlan(64, 64, 64, 1, 1, 2);
  plan.wgmma = true;
  expectSeen(hopperMutants(), plan);
}

TEST(DeviceLinearMutants, OfPingPongAreSeen) {
  DeviceLinearPlan plan = makePlan(128, 64, 64, 2, 1, 2);
  plan.wgmma = plan.pingPong = true;
  expectSeen(pingPongMutants(), plan, usualShape, /*rows=*/520);
}

TEST(DeviceLinearMutants, OfClustersAreSeen) {
  DeviceLinearPlan plan = makePlan(64, 64, 64, 1, 1, 2);
  plan.wgmma = true;
  plan.cluster = 2;
  expectSeen(clusterMutants(), plan);
}

} // namespace

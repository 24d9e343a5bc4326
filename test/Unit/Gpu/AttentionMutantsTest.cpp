//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults put into the attention kernel, each of which must be noticed: by a
// report of the emulator, a bank conflict or a wrong result.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "test/Unit/Gpu/AttentionCase.h"
#include "test/Unit/Gpu/Mutate.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

namespace {

/// Runs `change` on the `n`-th op of its type for which `where` is true.
template <typename Op>
GpuProgram::Change nth(
    int n, llvm::function_ref<void(Op)> change,
    llvm::function_ref<bool(Op)> where = [](Op) { return true; }) {
  return [=](ModuleOp module) {
    SmallVector<Op> ops;
    module.walk([&](Op op) {
      if (where(op))
        ops.push_back(op);
    });
    ASSERT_LT(size_t(n), ops.size());
    change(ops[n]);
  };
}

template <typename Op> void drop(Op op) { op.erase(); }

/// The op is worth its `i`-th operand.
template <typename Op, int i = 0> void becomeOperand(Op op) {
  op->getResult(0).replaceAllUsesWith(op->getOperand(i));
  op->erase();
}

template <int i, int j> void swapOperands(NVVM::MmaOp op) {
  Value a = op->getOperand(i);
  op->setOperand(i, op->getOperand(j));
  op->setOperand(j, a);
}

class GpuAttentionMutants : public testing::Test {
protected:
  GpuAttentionMutants() {
    c.plan = {/*rows=*/32, /*keys=*/32, /*warps=*/2, /*stages=*/2};
  }
  void expectFound(const GpuProgram::Change &change) {
    EXPECT_FALSE(runAttention(c, change).isGood(c));
  }
  AttentionCase c{1, 64, {70, 100}};
};

} // namespace

TEST_F(GpuAttentionMutants, NoneIsNotFound) {
  EXPECT_TRUE(runAttention(c, [](ModuleOp) {}).isGood(c));
}

TEST_F(GpuAttentionMutants, NoBarrier) {
  expectFound(nth<NVVM::Barrier0Op>(0, drop<NVVM::Barrier0Op>));
}

TEST_F(GpuAttentionMutants, NoWait) {
  expectFound(nth<NVVM::CpAsyncWaitGroupOp>(0, drop<NVVM::CpAsyncWaitGroupOp>));
}

TEST_F(GpuAttentionMutants, WaitsForOneGroupLess) {
  expectFound(nth<NVVM::CpAsyncWaitGroupOp>(
      0, [](NVVM::CpAsyncWaitGroupOp op) { op.setN(op.getN() + 1); }));
}

TEST_F(GpuAttentionMutants, NoCommit) {
  for (int n : {0, 1})
    expectFound(
        nth<NVVM::CpAsyncCommitGroupOp>(n, drop<NVVM::CpAsyncCommitGroupOp>));
}

TEST_F(GpuAttentionMutants, NoPermutation) {
  // Whoever writes or reads alone without it finds something else.
  for (int n : {0, 1, 2})
    expectFound(nth<LLVM::XOrOp>(n, becomeOperand<LLVM::XOrOp>));
}

TEST_F(GpuAttentionMutants, NoPermutationAnywhere) {
  // All agree then, and meet in banks.
  AttentionResult result = runAttention(c, [](ModuleOp module) {
    module.walk([](LLVM::XOrOp op) {
      op->getResult(0).replaceAllUsesWith(op.getLhs());
    });
  });
  EXPECT_LE(result.error, attentionTolerance(c));
  EXPECT_GT(result.report.bankConflicts, 0u);
}

TEST_F(GpuAttentionMutants, OperandsOfProductsChanged) {
  // The first is of scores, the last of the context.
  for (int n : {0, 31}) {
    expectFound(nth<NVVM::MmaOp>(n, swapOperands<1, 2>));
    expectFound(nth<NVVM::MmaOp>(n, swapOperands<4, 5>));
  }
  expectFound(nth<NVVM::MmaOp>(31, swapOperands<6, 8>));
}

TEST_F(GpuAttentionMutants, ValuesNotTransposed) {
  expectFound(nth<NVVM::LdMatrixOp>(
      0, [](NVVM::LdMatrixOp op) { op.setLayout(NVVM::MMALayout::row); },
      [](NVVM::LdMatrixOp op) {
        return op.getLayout() == NVVM::MMALayout::col;
      }));
}

TEST_F(GpuAttentionMutants, NoMask) {
  expectFound([](ModuleOp module) {
    module.walk([](LLVM::SelectOp op) {
      if (op.getType().isF32())
        op->getResult(0).replaceAllUsesWith(op.getTrueValue());
    });
  });
}

TEST_F(GpuAttentionMutants, CopiesBehindTheSequence) {
  expectFound([](ModuleOp module) {
    module.walk([](NVVM::CpAsyncOp op) { op.getCpSizeMutable().clear(); });
  });
}

TEST_F(GpuAttentionMutants, LanesDoNotMeet) {
  // Two of each row's maximum, two of each row's sum.
  for (int n = 0; n < 8; ++n)
    expectFound(nth<NVVM::ShflOp>(n, [](NVVM::ShflOp op) {
      op->getResult(0).replaceAllUsesWith(op.getVal());
    }));
}

TEST_F(GpuAttentionMutants, NoRescaling) {
  // Sums of earlier steps keep the weights of the old maximum.
  expectFound([](ModuleOp module) {
    module.walk([](LLVM::FMAOp op) {
      // Of a block argument: what goes from step to step.
      if (!isa<BlockArgument>(op.getA()))
        return;
      OpBuilder b(op);
      op->setOperand(
          1, LLVM::ConstantOp::create(b, op.getLoc(), b.getF32FloatAttr(1)));
    });
  });
}

TEST_F(GpuAttentionMutants, OneStepLess) {
  expectFound(nth<LLVM::UDivOp>(
      0,
      [](LLVM::UDivOp op) {
        OpBuilder b(op);
        op->getResult(0).replaceAllUsesWith(
            LLVM::ConstantOp::create(b, op.getLoc(), b.getI32IntegerAttr(2)));
      },
      [](LLVM::UDivOp op) { return !op->use_empty(); }));
}

TEST_F(GpuAttentionMutants, WritesBehindTheSequence) {
  // The guards of both halves of the rows.
  int n = 0;
  GpuProgram::Change change = [&](ModuleOp module) {
    SmallVector<LLVM::ICmpOp> guards;
    module.walk([&](LLVM::ICmpOp op) {
      if (op.getPredicate() == LLVM::ICmpPredicate::ult)
        guards.push_back(op);
    });
    ASSERT_GE(guards.size(), 2u);
    LLVM::ICmpOp op = guards[guards.size() - 1 - n];
    OpBuilder b(op);
    op->getResult(0).replaceAllUsesWith(
        LLVM::ConstantOp::create(b, op.getLoc(), b.getBoolAttr(true)));
  };
  for (n = 0; n < 2; ++n)
    expectFound(change);
}

/// The faults that are not found, of all that can be seeded.
static std::vector<std::string> missedFaults(const AttentionCase &small) {
  std::vector<Mutation> all;
  EXPECT_TRUE(runAttention(small, [&](ModuleOp module) {
                all = listMutations(module);
              }).isGood(small));
  EXPECT_GE(all.size(), 20u);
  std::vector<std::string> missed;
  for (const Mutation &one : all) {
    AttentionResult result =
        runAttention(small, [&](ModuleOp module) { mutate(module, one); });
    if (result.isGood(small))
      missed.push_back(one.text());
  }
  return missed;
}

// Everything that can be seeded into a small kernel. Of 16 keys, the last step
// has 4, 11 or 12, so that each column of a lane is the first that is masked.
TEST_F(GpuAttentionMutants, SeededFaults) {
  AttentionCase small(1, 16, {20, 27, 44});
  small.plan = {/*rows=*/16, /*keys=*/16, /*warps=*/1, /*stages=*/2};
  std::vector<std::string> missed = missedFaults(small);
  // One is no fault: full steps may be masked, too.
  EXPECT_LE(missed.size(), 1u) << llvm::join(missed, "\n");
}

// The same where warps share the keys, in one round to three.
TEST_F(GpuAttentionMutants, SeededFaultsOfSplitKeys) {
  AttentionCase small(1, 16, {20, 27, 76});
  small.plan = {/*rows=*/16, /*keys=*/16, /*warps=*/2, /*stages=*/1};
  small.plan.splitKeys = true;
  std::vector<std::string> missed = missedFaults(small);
  EXPECT_LE(missed.size(), 1u) << llvm::join(missed, "\n");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults put into the kernels for the gradient of attention, each of which must
// be noticed: by a report of the emulator, a bank conflict or a wrong result.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "test/Unit/Gpu/AttentionGradientCase.h"
#include "test/Unit/Gpu/Mutate.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

namespace {

/// Everything that can be seeded into kernels of `c`; how many are missed.
void expectAllFound(const AttentionGradientCase &c, size_t least,
                    size_t harmless) {
  SCOPED_TRACE(c.name());
  std::vector<Mutation> all;
  ASSERT_TRUE(runAttentionGradient(c, [&](ModuleOp module) {
                all = listMutations(module);
              }).isGood(c));
  EXPECT_GE(all.size(), least);
  std::vector<std::string> missed;
  for (const Mutation &one : all)
    if (runAttentionGradient(c, [&](ModuleOp module) {
          mutate(module, one);
        }).isGood(c))
      missed.push_back(one.text());
  EXPECT_LE(missed.size(), harmless) << llvm::join(missed, "\n");
}

/// A small case and its faults that no Mutation is.
class GpuAttentionGradientMutants : public testing::Test {
protected:
  GpuAttentionGradientMutants() {
    c.plans.queries = c.plans.keys = {/*rows=*/16, /*columns=*/16, /*warps=*/1,
                                      /*stages=*/2};
  }
  void expectFound(const GpuProgram::Change &change) {
    EXPECT_FALSE(runAttentionGradient(c, change).isGood(c));
  }
  AttentionGradientCase c{1, 16, {20, 27, 44}};
};

} // namespace

// Of 16 keys or queries, the last step has 4, 11 or 12, so that each column of
// a lane is the first that is masked.
TEST_F(GpuAttentionGradientMutants, SeededFaults) { expectAllFound(c, 40, 0); }

TEST_F(GpuAttentionGradientMutants, SeededFaultsWithOwnRowsInSharedMemory) {
  c = AttentionGradientCase(1, 32, {45, 33});
  c.plans.queries = c.plans.keys = {/*rows=*/32, /*columns=*/16, /*warps=*/2,
                                    /*stages=*/2, /*resident=*/false};
  expectAllFound(c, 40, 0);
}

TEST_F(GpuAttentionGradientMutants, NoMask) {
  // Keys behind the sequence meet zeros. What they weigh is only seen where it
  // is infinite.
  c = AttentionGradientCase(1, 16, {20, 27, 44}, /*planes=*/3);
  c.lowScores = true;
  EXPECT_TRUE(runAttentionGradient(c).isGood(c));
  expectFound([](ModuleOp module) {
    int masks = 0;
    module.walk([&](LLVM::SelectOp op) {
      if (!op.getType().isF32())
        return;
      ++masks;
      op->getResult(0).replaceAllUsesWith(op.getTrueValue());
    });
    ASSERT_GT(masks, 0);
  });
}

TEST_F(GpuAttentionGradientMutants, CopiesBehindTheSequence) {
  expectFound([](ModuleOp module) {
    module.walk([](NVVM::CpAsyncOp op) { op.getCpSizeMutable().clear(); });
  });
}

TEST_F(GpuAttentionGradientMutants, WritesBehindTheSequence) {
  // Rows behind the last sequence are out of bounds, in both halves.
  c.lengths.back() = 34;
  // In each function, the guards of both halves of the rows are its last.
  for (int function : {1, 2})
    for (int n : {0, 1})
      expectFound([&](ModuleOp module) {
        SmallVector<SmallVector<LLVM::ICmpOp>> guards;
        module.walk([&](LLVM::LLVMFuncOp kernel) {
          guards.emplace_back();
          kernel.walk([&](LLVM::ICmpOp op) {
            if (op.getPredicate() == LLVM::ICmpPredicate::ult)
              guards.back().push_back(op);
          });
        });
        ASSERT_EQ(guards.size(), 3u);
        ASSERT_GE(guards[function].size(), 2u);
        LLVM::ICmpOp op = *(guards[function].end() - 1 - n);
        OpBuilder b(op);
        op->getResult(0).replaceAllUsesWith(
            LLVM::ConstantOp::create(b, op.getLoc(), b.getBoolAttr(true)));
      });
}

TEST_F(GpuAttentionGradientMutants, LanesDoNotMeet) {
  // One of the sums, one of each tile of queries, two of each of keys.
  c.shape.dropout = true;
  c.dropout.rate = 0.5;
  EXPECT_TRUE(runAttentionGradient(c).isGood(c));
  for (int n = 0; n < 7; ++n)
    expectFound([&](ModuleOp module) {
      SmallVector<NVVM::ShflOp> shuffles;
      module.walk([&](NVVM::ShflOp op) { shuffles.push_back(op); });
      ASSERT_EQ(shuffles.size(), 7u);
      shuffles[n]->getResult(0).replaceAllUsesWith(shuffles[n].getVal());
    });
}

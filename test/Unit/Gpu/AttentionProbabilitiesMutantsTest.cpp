//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults put into the kernel for the weights of attention, each of which must
// be noticed: by a report of the emulator, a bank conflict or a wrong result.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "test/Unit/Gpu/AttentionProbabilitiesCase.h"
#include "test/Unit/Gpu/Mutate.h"
#include "llvm/ADT/StringExtras.h"

using namespace bertc;
using namespace bertc::test;
using namespace mlir;

using Case = AttentionProbabilitiesCase;

static bool isGood(const Case &c, const GpuProgram::Change &change) {
  return runAttentionProbabilities(c, change).isGood(c);
}

/// What can be seeded into the kernel, of indices and products each `every`-th.
/// One of `cases` at least must notice each.
static void expectAllFound(const std::vector<Case> &cases, size_t least,
                           unsigned every = 1) {
  std::vector<Mutation> all;
  for (const Case &c : cases)
    ASSERT_TRUE(isGood(c, [&](ModuleOp m) { all = listMutations(m); }))
        << c.name();
  llvm::erase_if(all, [&](const Mutation &one) {
    bool isMany =
        one.fault == Fault::ShiftIndex || one.fault == Fault::SwapOperands;
    return isMany && one.n % every;
  });
  EXPECT_GE(all.size(), least);
  for (const Mutation &one : all)
    EXPECT_TRUE(llvm::any_of(cases, [&](const Case &c) {
      return !isGood(c, [&](ModuleOp m) { mutate(m, one); });
    })) << one.text();
}

// Three steps, of which the last has one column of each lane or all but one;
// rows that are aligned to pairs of floats and rows that are not.
TEST(GpuAttentionProbabilitiesMutants, SeededFaults) {
  expectAllFound({{1, 16, {4, 133}}, {1, 16, {140, 27}}}, 40);
}

TEST(GpuAttentionProbabilitiesMutants, SeededFaultsWithQueriesInSharedMemory) {
  expectAllFound({{1, 272, {20, 45}, 2}, {1, 272, {46, 20}, 2}}, 30,
                 /*every=*/7);
}

TEST(GpuAttentionProbabilitiesMutants, CopiesBehindTheSequence) {
  Case c(1, 16, {20, 27});
  EXPECT_FALSE(isGood(c, [](ModuleOp module) {
    module.walk([](NVVM::CpAsyncOp op) { op.getCpSizeMutable().clear(); });
  }));
}

/// Makes comparisons true, each by itself, of those that `fits` is true for
/// each `every`-th. One of `cases` at least must notice each.
static void
expectComparisonsFound(const std::vector<Case> &cases, size_t least,
                       size_t every,
                       llvm::function_ref<bool(LLVM::ICmpOp)> fits) {
  auto list = [&](ModuleOp module) {
    std::vector<LLVM::ICmpOp> found;
    module.walk([&](LLVM::ICmpOp op) {
      if (fits(op))
        found.push_back(op);
    });
    return found;
  };
  size_t count = 0;
  for (const Case &c : cases)
    ASSERT_TRUE(isGood(c, [&](ModuleOp m) { count = list(m).size(); }))
        << c.name();
  EXPECT_GE(count, least);
  for (size_t n = 0; n < count; n += every) {
    GpuProgram::Change change = [&](ModuleOp module) {
      LLVM::ICmpOp op = list(module)[n];
      OpBuilder b(op);
      op->getResult(0).replaceAllUsesWith(
          LLVM::ConstantOp::create(b, op.getLoc(), b.getBoolAttr(true)));
    };
    EXPECT_TRUE(llvm::any_of(cases, [&](const Case &c) {
      return !isGood(c, change);
    })) << n;
  }
}

// Keys behind the sequence, and queries instead of which the last one is read.
TEST(GpuAttentionProbabilitiesMutants, NoMask) {
  expectComparisonsFound({{1, 16, {4, 129}}}, 18, 1, [](LLVM::ICmpOp op) {
    return llvm::any_of(op->getUsers(),
                        [](Operation *user) { return isa<LLVM::AndOp>(user); });
  });
}

/// Of a row or column with the last argument.
static bool isGuard(LLVM::ICmpOp op) {
  auto argument = dyn_cast<BlockArgument>(op.getRhs());
  return op.getPredicate() == LLVM::ICmpPredicate::ult && argument &&
         argument.getOwner()->isEntryBlock();
}

// What is written too far to the right lies in the next row, what is written
// too far down in the next matrix or, of the last one, nowhere. Each of the two
// sequences comes last once: the one has the last step of products, the other
// zeros from the second on.
TEST(GpuAttentionProbabilitiesMutants, WritesBehindTheLongest) {
  std::vector<Case> cases = {{1, 16, {65, 64}}, {1, 16, {64, 65}}};
  for (size_t i = 0; i < 2; ++i) {
    cases.push_back({1, 16, {66, 66}});
    cases.back().lengths[i] = 64;
  }
  expectComparisonsFound(cases, 96, 3, isGuard);
}

TEST(GpuAttentionProbabilitiesMutants, PairsAtOddPlaces) {
  expectComparisonsFound({{1, 16, {4, 133}}}, 2, 1, [](LLVM::ICmpOp op) {
    auto constant = op.getRhs().getDefiningOp<LLVM::ConstantOp>();
    return op.getPredicate() == LLVM::ICmpPredicate::eq && constant &&
           cast<IntegerAttr>(constant.getValue()).getInt() == 0;
  });
}

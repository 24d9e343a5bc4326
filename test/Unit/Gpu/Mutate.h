//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Seeded faults: what a kernel at nvvm level can be made to do wrong, one thing
// at a time. A test that a kernel passes should fail with each of them.
//
//   std::vector<Mutation> all;
//   GpuProgram good(fill, [&](mlir::ModuleOp m) { all = listMutations(m); });
//   for (const Mutation &one : all)
//     GpuProgram bad(fill, [&](mlir::ModuleOp m) { mutate(m, one); });
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_MUTATE_H
#define BERTC_TEST_UNIT_GPU_MUTATE_H

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace bertc::test {

enum class Fault {
  DropBarrier,  ///< Of the block or the warp.
  DropWait,     ///< For groups of asynchronous copies, or at an mbarrier.
  RaiseWait,    ///< One group more may be on its way.
  DropCommit,   ///< Of a group of copies.
  DropSwizzle,  ///< An exclusive or becomes its first operand.
  ShiftIndex,   ///< A constant in an address becomes one larger.
  SwapOperands, ///< The second and third register of an operand of a product.
};

struct Mutation {
  Fault fault = Fault::DropBarrier;
  unsigned n = 0; ///< The n-th op in the module that can have it, from 0.
  std::string op; ///< Its text, for messages.
  std::string text() const;
};

/// All that can be done to `module`.
std::vector<Mutation> listMutations(mlir::ModuleOp module);

/// Does it. False if there is no such op.
bool mutate(mlir::ModuleOp module, const Mutation &mutation);

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_MUTATE_H

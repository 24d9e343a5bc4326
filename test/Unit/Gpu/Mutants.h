//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Faults that are seeded by hand into a kernel at the nvvm level, beside those
// of Mutate.h: each must be seen by a report of the emulator, by bank conflicts
// or by the numbers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_MUTANTS_H
#define BERTC_TEST_UNIT_GPU_MUTANTS_H

#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <vector>

namespace bertc::test {

struct Mutant {
  const char *name;
  /// False: found nothing to change.
  std::function<bool(mlir::ModuleOp)> change;
};

/// Op number `n` of a kind; from the end if negative. Null if there is none.
template <typename Op>
Op find(
    mlir::ModuleOp module, int n,
    llvm::function_ref<bool(Op)> fits = [](Op) { return true; }) {
  llvm::SmallVector<Op> ops;
  module.walk([&](Op op) {
    if (fits(op))
      ops.push_back(op);
  });
  const int at = n < 0 ? n + static_cast<int>(ops.size()) : n;
  return at >= 0 && at < static_cast<int>(ops.size()) ? ops[at] : Op();
}

template <typename Op> bool drop(mlir::ModuleOp module, int n) {
  Op op = find<Op>(module, n);
  if (op)
    op->erase();
  return bool(op);
}

/// Of blocks that leave parts of a sum to the last one. Not here is what blocks
/// that run one after another cannot show: fences of the device and the barrier
/// before a ticket is drawn.
std::vector<Mutant> ticketMutants();

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_MUTANTS_H

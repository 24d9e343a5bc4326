//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loops over one row: the only order in which sums over a row are taken.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_CPU_ROWLOOPS_H
#define BERTC_COMPILER_KERNELS_CPU_ROWLOOPS_H

#include "compiler/Kernels/CPU/Norm.h"

namespace bertc {

/// Sum over a row of term(column), a vector of 16 columns from `column` on;
/// what it has beyond the real columns does not count.
mlir::Value sumRow(KernelBuilder &k, RowShape shape,
                   llvm::function_ref<mlir::Value(mlir::Value)> term);

/// Runs body(column) for each vector of a row.
void mapRow(KernelBuilder &k, RowShape shape,
            llvm::function_ref<void(mlir::Value)> body);

/// A row's mean and 1 / sqrt(variance + epsilon), scalars.
struct Moments {
  mlir::Value mean, inverse;
};
Moments momentsOf(KernelBuilder &k, RowShape shape, mlir::Value epsilon,
                  Place x);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_CPU_ROWLOOPS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Seeded arguments for any function of `enc` types, so that IR can be run
// without a model. Ids stay within the tables that they index.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_RANDOMARGUMENTS_H
#define BERTC_DIALECTS_ENC_REFERENCE_RANDOMARGUMENTS_H

#include "dialects/Enc/Reference/Tensor.h"
#include "mlir/Support/LLVM.h"

namespace mlir::func {
class FuncOp;
} // namespace mlir::func

namespace mlir::enc::reference {

/// `lengths` are the tokens of each sequence. Arguments of other types than
/// those of `enc` are left empty, for `interpret` to complain about.
std::vector<Tensor> randomArguments(func::FuncOp function,
                                    ArrayRef<int64_t> lengths, uint64_t seed);

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_RANDOMARGUMENTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a training function leaves behind: the gradient of each weight that it
// accumulates into, under the weight's name in the checkpoint, as weights are
// read, so that programs with other symbols can be compared.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_REFERENCE_WEIGHTGRADIENTS_H
#define BERTC_DIALECTS_ENC_REFERENCE_WEIGHTGRADIENTS_H

#include "dialects/Enc/Reference/Tensor.h"
#include <map>
#include <string>

namespace mlir::enc::reference {

/// By tensor name; one that nothing was added to has no entry.
using WeightGradients = std::map<std::string, Tensor>;

} // namespace mlir::enc::reference

#endif // BERTC_DIALECTS_ENC_REFERENCE_WEIGHTGRADIENTS_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One run of a compiled model on padded inputs, with results as tensors.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_RUNMODEL_H
#define BERTC_TOOLS_BERTC_RUNMODEL_H

#include "tools/bertc/Inputs.h"
#include "tools/bertc/Model.h"

namespace bertc::tool {

/// Computes the outputs `names` (all, if empty). `subject` names the inputs in
/// errors.
llvm::Expected<std::vector<FloatTensor>>
runModel(const Model &model, const Session &session, const Inputs &inputs,
         llvm::ArrayRef<std::string> names, llvm::StringRef subject);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_RUNMODEL_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model directory run by the reference interpreter: the same inputs and
// outputs as a compiled model, slowly and in double precision.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_INTERPRET_H
#define BERTC_TOOLS_BERTC_INTERPRET_H

#include "tools/bertc/Inputs.h"

namespace bertc::tool {

/// `outputs` as of --outputs of compile. `subject` names the inputs in errors.
llvm::Expected<std::vector<FloatTensor>>
interpretModel(llvm::StringRef directory, llvm::StringRef outputs,
               const Inputs &inputs, llvm::StringRef subject);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_INTERPRET_H

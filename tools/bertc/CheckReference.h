//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `bertc check` compares with when no tensors are stored: the model
// directory, run by the reference interpreter.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_CHECKREFERENCE_H
#define BERTC_TOOLS_BERTC_CHECKREFERENCE_H

#include "tools/bertc/Model.h"
#include "tools/bertc/TensorFile.h"

namespace bertc::tool {

/// Inputs and all outputs of `model`, under their Hugging Face names, as if
/// they had been read from a file. Without `texts`, of a few sequences of
/// generated ids.
llvm::Expected<TensorFile>
interpretReference(const Model &model, llvm::StringRef directory,
                   llvm::ArrayRef<std::string> texts);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_CHECKREFERENCE_H

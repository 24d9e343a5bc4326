//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The inputs of an encoder from a tensor file, under their Hugging Face names.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_INPUTS_H
#define BERTC_TOOLS_BERTC_INPUTS_H

#include "runtime/include/bertc.h"
#include "tools/bertc/TensorFile.h"

namespace bertc::tool {

struct Inputs {
  int64_t batch = 0, seq = 0;
  const IntTensor *ids = nullptr;
  const IntTensor *mask = nullptr;      ///< Null: all 1.
  const IntTensor *types = nullptr;     ///< Null: all 0.
  const IntTensor *positions = nullptr; ///< Null: the column.

  bertc_padded_inputs padded() const;
};

/// Whether `name` is an input's name.
bool isInput(llvm::StringRef name);

/// Finds the inputs in `file`, which is kept, and checks their shapes. With
/// `only`, a tensor that is no input is an error.
llvm::Expected<Inputs> findInputs(const TensorFile &file, bool only);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_INPUTS_H

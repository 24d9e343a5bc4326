//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Safetensors files as the commands read and write them: whole, in memory, with
// errors of the category of bad input.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_TENSORFILE_H
#define BERTC_TOOLS_BERTC_TENSORFILE_H

#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/SmallVector.h"
#include <map>

namespace bertc::tool {

struct FloatTensor {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
  std::vector<float> data;
};

struct IntTensor {
  std::string name;
  llvm::SmallVector<int64_t, 4> shape;
  std::vector<int64_t> data;
};

struct TensorFile {
  std::string path;
  std::vector<FloatTensor> floats; ///< In the order of their names.
  std::vector<IntTensor> integers; ///< I64 and I32.
  std::vector<std::string> others; ///< Names of tensors of other types.

  const IntTensor *findInteger(llvm::StringRef name) const;
  const FloatTensor *findFloat(llvm::StringRef name) const;
};

llvm::Expected<TensorFile> readTensors(llvm::StringRef path);

/// Writes float32 tensors; the file appears complete or not at all.
llvm::Error writeTensors(llvm::StringRef path,
                         llvm::ArrayRef<FloatTensor> tensors);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_TENSORFILE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tensors a BERT encoder has, as a table: the checkpoint is checked against
// it and the enc.weight symbols are made from it, so the two cannot disagree.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_BERTWEIGHTS_H
#define BERTC_COMPILER_IMPORT_BERTWEIGHTS_H

#include "compiler/Import/ModelConfig.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace bertc {

struct WeightSpec {
  llvm::StringRef symbol; ///< Name of the enc.weight; static storage.
  /// Hugging Face name without the "bert." prefix; "{layer}" stands for the
  /// layer's number in a layered weight.
  llvm::StringRef tensor;
  llvm::SmallVector<int64_t, 2> shape; ///< As in the checkpoint: [out, in].
  bool layered = false;

  std::string tensorName(int64_t layer = 0) const;
};

/// `pattern` with "{layer}" replaced.
std::string substituteLayer(llvm::StringRef pattern, int64_t layer);

std::vector<WeightSpec> bertWeights(const ModelConfig &config, bool pooler);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_BERTWEIGHTS_H

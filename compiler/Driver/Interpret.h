//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model directory run by the reference interpreter, on padded batches as
// `bertc run` takes them: the oracle's answer to the same question that a
// compiled library is asked. Slow, and in double precision to the end.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_DRIVER_INTERPRET_H
#define BERTC_COMPILER_DRIVER_INTERPRET_H

#include "compiler/Import/ModelDirectory.h"

namespace bertc {

/// [batch, seq] integers under their Hugging Face names. An empty mask means
/// that all tokens are real, empty types that all are 0.
struct PaddedBatch {
  int64_t batch = 0;
  int64_t seq = 0;
  std::vector<int64_t> inputIds;
  std::vector<int64_t> attentionMask;
  std::vector<int64_t> tokenTypeIds;
};

/// [batch, seq, width] with zeros for padding, or [batch, width].
struct ReferenceOutput {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<double> data;
};

struct ReferenceOptions {
  std::string outputs; ///< As of --outputs; empty: the default ones.
  bool fuse = false;   ///< Run the fusion passes first.
};

llvm::Expected<std::vector<ReferenceOutput>>
interpretModel(const ModelDirectory &model, const PaddedBatch &batch,
               const ReferenceOptions &options = {});

} // namespace bertc

#endif // BERTC_COMPILER_DRIVER_INTERPRET_H

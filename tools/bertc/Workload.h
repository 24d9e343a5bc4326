//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `bertc bench` computes: a batch of sequences with fixed, arbitrary ids,
// and how many operations that takes.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_WORKLOAD_H
#define BERTC_TOOLS_BERTC_WORKLOAD_H

#include "tools/bertc/Model.h"

namespace bertc::tool {

class Workload {
public:
  /// Sequences of these lengths, each within the model's limit.
  static llvm::Expected<Workload> create(const Model &model,
                                         llvm::ArrayRef<int64_t> lengths,
                                         llvm::StringRef output);

  /// One run; its time in milliseconds.
  llvm::Expected<double> run(const Session &session);

  int64_t tokens() const { return int64_t(ids.size()); }
  int64_t sequences() const { return int64_t(offsets.size()) - 1; }
  /// Of matrix products: 2 for each multiplication and addition.
  double flops() const;
  /// The sum of the squared lengths.
  double pairs() const;

private:
  explicit Workload(const Model &model) : model(&model) {}
  const Model *model;
  std::vector<int32_t> ids, offsets;
  std::string output;
  std::vector<float> result;
};

/// Whole numbers, one a line.
llvm::Expected<std::vector<int64_t>> readLengths(llvm::StringRef path);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_WORKLOAD_H

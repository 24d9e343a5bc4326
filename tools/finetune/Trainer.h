//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the loop needs of a model that learns. A compiled library is one
// (tools/bertc/LibraryTrainer.h); tests have others.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_TRAINER_H
#define BERTC_TOOLS_FINETUNE_TRAINER_H

#include "tools/finetune/Batches.h"

namespace bertc::finetune {

class Trainer {
public:
  struct Loss {
    double value = 0;
    bool finite = true; ///< If not, gradients that wait were dropped.
  };
  struct Update {
    double gradNorm = 0, learningRate = 0;
    int64_t globalStep = 0; ///< Updates so far.
    bool finite = true;     ///< If not, nothing was changed.
  };

  virtual ~Trainer() = default;
  virtual int64_t globalStep() const = 0;
  /// Adds the gradients of the batch's mean loss to those that wait.
  virtual llvm::Expected<Loss> backward(const Batch &batch) = 0;
  /// Changes the parameters by the mean of the gradients that wait.
  virtual llvm::Expected<Update> update() = 0;
  /// Without dropout; a row for each sequence, or for each token.
  virtual llvm::Expected<std::vector<float>> logits(const Batch &batch) = 0;

  virtual llvm::Error saveModel(llvm::StringRef directory) = 0;
  /// With bytes of the caller's.
  virtual llvm::Error saveCheckpoint(llvm::StringRef directory,
                                     llvm::StringRef user) = 0;
  /// The caller's bytes.
  virtual llvm::Expected<std::string>
  loadCheckpoint(llvm::StringRef directory) = 0;
  /// The path of the newest checkpoint in a folder that is whole, or "".
  virtual llvm::Expected<std::string>
  findCheckpoint(llvm::StringRef folder) = 0;
};

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_TRAINER_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled library as the trainer of the fine-tuning loop.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_LIBRARYTRAINER_H
#define BERTC_TOOLS_BERTC_LIBRARYTRAINER_H

#include "tools/bertc/Model.h"
#include "tools/finetune/FrozenCache.h"
#include "tools/finetune/Trainer.h"

namespace bertc::tool {

class LibraryTrainer : public finetune::Trainer {
public:
  /// The model must outlive it, and have a training API.
  static llvm::Expected<std::unique_ptr<LibraryTrainer>>
  create(const Model &model, const bertc_trainer_options &options);
  ~LibraryTrainer() override;
  LibraryTrainer(const LibraryTrainer &) = delete;

  int64_t globalStep() const override { return info().global_step; }
  bertc_trainer_info info() const;
  /// "2 threads", "on cuda:0 (NVIDIA H100)".
  std::string place() const;
  llvm::Expected<Loss> backward(const finetune::Batch &batch) override;
  llvm::Expected<Update> update() override;
  /// From here on the frozen layers' rows of `examples`, which batches are made
  /// of, are those of a file in `folder`, which is made if it is not there.
  llvm::Error cacheFrozen(llvm::StringRef folder,
                          const finetune::ExampleSet &examples,
                          const finetune::Task &task);
  /// Null without a call of cacheFrozen.
  const finetune::FrozenCache *cache() const { return frozen.get(); }
  llvm::Expected<std::vector<float>>
  logits(const finetune::Batch &batch) override;
  llvm::Error saveModel(llvm::StringRef directory) override;
  llvm::Error saveCheckpoint(llvm::StringRef directory,
                             llvm::StringRef user) override;
  llvm::Expected<std::string>
  loadCheckpoint(llvm::StringRef directory) override;
  llvm::Expected<std::string> findCheckpoint(llvm::StringRef folder) override;

private:
  LibraryTrainer(const Model &model, bertc_trainer *trainer)
      : model(model), api(*model.trainApi()), trainer(trainer) {}
  llvm::Expected<std::vector<float>> evaluate(const finetune::Batch &batch,
                                              const char *output, size_t count);
  const Model &model;
  const bertc_train_api &api;
  bertc_trainer *trainer;
  size_t numLabels = 0;
  bool perToken = false;
  std::unique_ptr<finetune::FrozenCache> frozen;
};

/// The head of a model, or an error if it cannot be trained.
llvm::Expected<finetune::Task> trainedTask(const Model &model);
/// The names of its labels in its config.json; empty if there are none.
llvm::Expected<std::vector<std::string>> configLabels(const Model &model);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_LIBRARYTRAINER_H

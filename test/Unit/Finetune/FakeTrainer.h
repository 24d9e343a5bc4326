//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A trainer without a model: logistic regression on the counts of token ids, by
// plain gradient descent in double precision. It keeps a diary of the batches.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_FINETUNE_FAKETRAINER_H
#define BERTC_TEST_UNIT_FINETUNE_FAKETRAINER_H

#include "tools/finetune/Trainer.h"
#include <map>

namespace bertc::finetune::test {

class FakeTrainer : public Trainer {
public:
  static constexpr double rate = 0.5;

  int64_t globalStep() const override { return step; }
  llvm::Expected<Loss> backward(const Batch &batch) override;
  llvm::Expected<Update> update() override;
  llvm::Expected<std::vector<float>> logits(const Batch &batch) override;
  llvm::Error saveModel(llvm::StringRef) override { return success(); }
  llvm::Error saveCheckpoint(llvm::StringRef directory,
                             llvm::StringRef user) override;
  llvm::Expected<std::string>
  loadCheckpoint(llvm::StringRef directory) override;
  llvm::Expected<std::string> findCheckpoint(llvm::StringRef) override {
    return std::string();
  }

  /// Of a token id: for label 1 against label 0.
  std::map<int32_t, double> weights;
  std::map<int32_t, double> gradients;
  unsigned waiting = 0;
  int64_t step = 0;
  std::vector<size_t> diary;  ///< Sequences of each batch.
  int64_t nanLossAt = -1;     ///< The loss of this step is not finite.
  int64_t nanGradientAt = -1; ///< Its gradients are not.
  std::function<void()> afterUpdate;

private:
  static llvm::Error success() { return llvm::Error::success(); }
  double logit(const Batch &batch, size_t sequence) const;
};

} // namespace bertc::finetune::test

#endif // BERTC_TEST_UNIT_FINETUNE_FAKETRAINER_H

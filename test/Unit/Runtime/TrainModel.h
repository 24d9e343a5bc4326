//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A hand-written model that can be trained, in the layouts of packed memory
// with padding in every axis. test/Golden/make-trainer-golden.py has the same
// model in PyTorch:
//   x       = mean of the rows of the table over the tokens of a sequence, or
//             the row of a token if labels are of tokens
//   x       = x + W_l x + b_l for each layer l; layer 0 is frozen
//   logits  = C x + c
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_RUNTIME_TRAINMODEL_H
#define BERTC_TEST_UNIT_RUNTIME_TRAINMODEL_H

#include "FakeModel.h"
#include "runtime/include/bertc_train.h"

#include <filesystem>
#include <map>
#include <memory>

namespace bertc::test {

constexpr int trainVocab = 11, trainHidden = 6, trainLayers = 3;

inline const bertc_train_api &trainApi() {
  return *bertc_get_train_api(BERTC_TRAIN_API_VERSION);
}

/// The description of such a model, which a test may change before it opens it.
class TrainModel {
public:
  explicit TrainModel(uint32_t labelKind = BERTC_LABEL_CLASS,
                      uint32_t labels = 3);
  TrainModel(const TrainModel &) = delete;
  TrainModel &operator=(const TrainModel &) = delete;
  ~TrainModel();

  /// Opens the model once.
  bertc_model *open();

  bertc_model_desc desc;
  bertc_train_desc train;
  std::vector<bertc_parameter_desc> parameters;
  std::vector<bertc_file_desc> files;

private:
  std::vector<uint8_t> weights;
  std::vector<bertc_variant> variants;
  std::vector<bertc_train_variant> trainVariants;
  bertc_output_desc output;
  bertc_model *model = nullptr;
};

/// Makes the losses of training functions not a number while it is set, or adds
/// an infinite gradient.
extern std::atomic<bool> spoilLoss, spoilGradient;

/// Options of a training: learning rate 0.05, 20 steps, seed 7.
bertc_trainer_options trainOptions();

/// A trainer on a model of its own.
struct Training {
  explicit Training(const bertc_trainer_options &options = trainOptions(),
                    uint32_t labelKind = BERTC_LABEL_CLASS,
                    uint32_t labels = 3);
  explicit Training(TrainModel &model,
                    const bertc_trainer_options &options = trainOptions());
  Training(const Training &) = delete;
  Training &operator=(const Training &) = delete;
  ~Training();

  bertc_trainer *operator*() const { return trainer; }

  /// Step `number` of the golden training.
  bertc_step_result step(int number, bertc_code expected = BERTC_OK);

  bertc_trainer_info info() const;

  /// All parts of all parameters, by name, gradients excepted.
  std::map<std::string, std::vector<float>> everything() const;
  std::vector<float> read(const std::string &name, uint32_t part) const;

  std::unique_ptr<TrainModel> owned;
  bertc_trainer *trainer = nullptr;
  bertc_status status = {};
  uint32_t labelKind;
};

/// The batch of golden step `number`: packed, int64.
struct TrainBatch {
  TrainBatch(int number, uint32_t labelKind);
  bertc_train_batch batch;
  bertc_packed_inputs inputs;
  std::vector<int64_t> ids, offsets, classes;
  std::vector<float> numbers;
};

/// A directory that lives as long as this.
struct ScratchFolder {
  ScratchFolder();
  ~ScratchFolder();
  std::string operator/(const std::string &name) const {
    return (path / name).string();
  }
  std::filesystem::path path;
};

} // namespace bertc::test

#endif

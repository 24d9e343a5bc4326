//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A trainer: the parameters of a model in memory of their own, with gradients
// and moments, and a session for threads and activations.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_TRAINER_H
#define BERTC_RUNTIME_TRAIN_TRAINER_H

#include "runtime/core/Session.h"
#include "runtime/train/Parameters.h"

namespace bertc::rt {

struct DeviceTrainer;

} // namespace bertc::rt

struct bertc_trainer {
  uint32_t magic; // tells a trainer from other memory
  uint32_t busy;  // 1 while a caller is inside
  bertc_session *session;
  const bertc_train_desc *desc;
  bertc_trainer_options options; // resolved
  bertc::rt::Parameters parameters;
  bertc::rt::TrainMemory memory;
  uint64_t weightsSize;             // bytes
  bertc::rt::DeviceTrainer *device; // null on the processor
  /// Pieces of the packed ranges of parameters. Sums are formed by chunk and
  /// then over the chunks, so that they do not depend on who computes which.
  bertc::rt::Buffer<bertc_parameter_chunk> chunks;
  bertc::rt::Buffer<double> sums;    // one for each chunk
  bertc::rt::Buffer<uint8_t> labels; // of a batch, packed
  bertc::rt::Buffer<float> frozen;   // of a batch, rows with padding
  int64_t globalStep;                // updates
  int64_t batches;                   // for dropout, which each has its own of
  uint32_t accumulated;              // batches that wait for an update
};

namespace bertc::rt {

bertc_code createTrainer(bertc_model *model,
                         const bertc_trainer_options *options,
                         bertc_trainer **trainer, bertc_status *status);
void destroyTrainer(bertc_trainer *trainer);
bertc_code trainerInfo(const bertc_trainer *trainer, bertc_trainer_info *info,
                       bertc_status *status);

bertc_code trainInfo(const bertc_model *model, bertc_train_info *info,
                     bertc_status *status);
bertc_code fileInfo(const bertc_model *model, uint32_t index,
                    bertc_file_info *info, bertc_status *status);

/// The output that training can begin with, or null.
const bertc_output_desc *frozenOutput(const bertc_model_desc &desc);

/// An error unless `model` is open and can be trained.
bertc_code checkTrainable(const bertc_model *model, bertc_status *status);
/// An error unless `trainer` is a trainer of this process.
bertc_code checkTrainer(const bertc_trainer *trainer, bertc_status *status);

/// Keeps other callers out of a trainer during one call.
class TrainerLock {
public:
  /// Check code() before use.
  TrainerLock(bertc_trainer *trainer, bertc_status *status);
  ~TrainerLock();
  TrainerLock(const TrainerLock &) = delete;
  TrainerLock &operator=(const TrainerLock &) = delete;

  bertc_code code() const { return result; }

private:
  bertc_trainer *trainer;
  bertc_code result;
};

/// Of training code on processors. On a device they are kernels.
struct TrainPhases {
  const bertc_phase_desc *list;
  uint64_t count;
};
TrainPhases trainPhases(const bertc_trainer &trainer);

/// Clears the gradients that wait, and forgets their batches.
bertc_code dropGradients(bertc_trainer &trainer, bertc_status *status);

/// Before trainer.memory is read, and before a part of it is written.
bertc_code updateHost(bertc_trainer &trainer, bertc_status *status);
/// After it was written.
void noteHostChange(bertc_trainer &trainer);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_TRAINER_H

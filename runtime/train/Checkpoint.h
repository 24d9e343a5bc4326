//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Checkpoints: whole or not there.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_CHECKPOINT_H
#define BERTC_RUNTIME_TRAIN_CHECKPOINT_H

#include "runtime/train/Trainer.h"

namespace bertc::rt {

bertc_code saveCheckpoint(bertc_trainer *trainer, const char *directory,
                          const void *userData, size_t userSize,
                          bertc_status *status);
bertc_code loadCheckpoint(bertc_trainer *trainer, const char *directory,
                          void *userData, size_t capacity, size_t *userSize,
                          bertc_status *status);
bertc_code findCheckpoint(const char *directory, char *path, size_t capacity,
                          int64_t *step, bertc_status *status);

/// Whether all files of the checkpoint have the sizes and hashes that its state
/// says.
bertc_code verifyCheckpoint(const char *directory, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_CHECKPOINT_H

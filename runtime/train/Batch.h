//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The labels of a batch, from the caller's layout to that of generated code.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_BATCH_H
#define BERTC_RUNTIME_TRAIN_BATCH_H

#include "runtime/core/Run.h"
#include "runtime/train/Trainer.h"

namespace bertc::rt {

/// Checks the labels that go with a prepared run, and packs them into
/// trainer.labels. `seq` is the number of columns of padded inputs, or 0.
bertc_code packLabels(bertc_trainer &trainer, const Run &run,
                      const bertc_train_batch &batch, uint32_t dtype,
                      int64_t seq, bertc_status *status);

/// Checks the rows of the frozen output, if there are any, and copies them into
/// trainer.frozen as generated code reads them.
bertc_code packFrozen(bertc_trainer &trainer, const Run &run,
                      const bertc_train_batch &batch, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_BATCH_H

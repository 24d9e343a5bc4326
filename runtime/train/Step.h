//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a trainer does with batches.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_STEP_H
#define BERTC_RUNTIME_TRAIN_STEP_H

#include "runtime/train/Trainer.h"

namespace bertc::rt {

bertc_code step(bertc_trainer *trainer, const bertc_train_batch *batch,
                bertc_step_result *result, bertc_status *status);
bertc_code backward(bertc_trainer *trainer, const bertc_train_batch *batch,
                    double *loss, bertc_status *status);
bertc_code update(bertc_trainer *trainer, bertc_step_result *result,
                  bertc_status *status);
bertc_code zeroGradients(bertc_trainer *trainer, bertc_status *status);

/// Inputs are bertc_padded_inputs or bertc_packed_inputs.
template <typename Inputs>
bertc_code evaluate(bertc_trainer *trainer, const Inputs *inputs,
                    const bertc_output *outputs, size_t outputCount,
                    bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_STEP_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The learning rate of each update.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_SCHEDULE_H
#define BERTC_RUNTIME_TRAIN_SCHEDULE_H

#include "runtime/include/bertc_train.h"

namespace bertc::rt {

/// The rate of update `step` (0: the first), of options that were checked.
double learningRate(const bertc_trainer_options &options, int64_t step);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_SCHEDULE_H

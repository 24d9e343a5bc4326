//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The options of a trainer with their defaults.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_OPTIONS_H
#define BERTC_RUNTIME_TRAIN_OPTIONS_H

#include "runtime/core/Status.h"
#include "runtime/include/bertc_train.h"

namespace bertc::rt {

/// Puts defaults for zeros, and checks the result.
bertc_code resolveOptions(bertc_trainer_options &options, bertc_status *status);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_OPTIONS_H

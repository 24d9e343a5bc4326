//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The formulas of transformers/optimization.py:
// get_linear_schedule_with_warmup, get_cosine_schedule_with_warmup (half a
// wave), get_constant_schedule and get_constant_schedule_with_warmup, in their
// order of operations.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Schedule.h"
#include "runtime/train/Real.h"

namespace bertc::rt {

static double factor(const bertc_trainer_options &options, int64_t step) {
  int64_t warmup = options.warmup_steps, most = options.max_steps;
  if (options.lr_scheduler_type == BERTC_SCHEDULE_CONSTANT)
    return 1;
  if (step < warmup)
    return double(step) / double(warmup);
  if (options.lr_scheduler_type == BERTC_SCHEDULE_CONSTANT_WITH_WARMUP)
    return 1;
  if (step >= most)
    return 0;
  double whole = double(most - warmup > 1 ? most - warmup : 1);
  if (options.lr_scheduler_type == BERTC_SCHEDULE_LINEAR)
    return double(most - step) / whole;
  return 0.5 * (1 + cosPi(double(step - warmup) / whole));
}

double learningRate(const bertc_trainer_options &options, int64_t step) {
  return options.learning_rate * factor(options, step);
}

} // namespace bertc::rt

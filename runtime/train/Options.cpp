//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is not a number fails every comparison, so each check is written as what
// must hold.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Options.h"
#include "runtime/train/Real.h"

namespace bertc::rt {

namespace {
struct Range {
  const char *name;
  double *value;
  double preset;     // instead of 0
  double end;        // the value is below it
  const char *words; // what is expected
};
} // namespace

static bertc_code checkSteps(const bertc_trainer_options &options,
                             bertc_status *status) {
  constexpr int64_t most = int64_t(1) << 53; // exact as float64
  const struct {
    const char *name;
    int64_t value;
  } counts[] = {{"warmup_steps", options.warmup_steps},
                {"max_steps", options.max_steps}};
  for (const auto &count : counts)
    if (count.value < 0 || count.value > most)
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "bertc_trainer_options.%s is %lld, expected 0 to 2^53",
                  count.name, static_cast<long long>(count.value));
  bool falls = options.lr_scheduler_type == BERTC_SCHEDULE_LINEAR ||
               options.lr_scheduler_type == BERTC_SCHEDULE_COSINE;
  if (falls && options.max_steps == 0)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_trainer_options.max_steps is 0, expected the number of "
                "updates, at which the learning rate reaches 0\n"
                "help: or set lr_scheduler_type to BERTC_SCHEDULE_CONSTANT");
  return ok(status);
}

bertc_code resolveOptions(bertc_trainer_options &options,
                          bertc_status *status) {
  constexpr double infinity = __builtin_inf();
  const Range ranges[] = {
      {"learning_rate", &options.learning_rate, 5e-5, infinity,
       "a positive number"},
      {"adam_beta1", &options.adam_beta1, 0.9, 1, "above 0 and below 1"},
      {"adam_beta2", &options.adam_beta2, 0.999, 1, "above 0 and below 1"},
      {"adam_epsilon", &options.adam_epsilon, 1e-8, infinity,
       "a positive number"},
      {"weight_decay", &options.weight_decay, 0, infinity, "at least 0"},
      {"max_grad_norm", &options.max_grad_norm, 0, infinity, "at least 0"},
  };
  for (const Range &range : ranges) {
    if (*range.value == 0)
      *range.value = range.preset;
    if (!(*range.value >= 0 && *range.value < range.end))
      return fail(status, BERTC_INVALID_ARGUMENT,
                  "bertc_trainer_options.%s is %g, expected %s", range.name,
                  *range.value, range.words);
  }
  if (options.flags & ~uint32_t(BERTC_SESSION_PROFILE))
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_trainer_options.flags is 0x%x, expected 0 or "
                "BERTC_SESSION_PROFILE",
                options.flags);
  if (options.lr_scheduler_type > BERTC_SCHEDULE_CONSTANT_WITH_WARMUP)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_trainer_options.lr_scheduler_type is %u, expected a "
                "bertc_schedule",
                options.lr_scheduler_type);
  if (options.gradient_accumulation_steps == 0)
    options.gradient_accumulation_steps = 1;
  return checkSteps(options, status);
}

} // namespace bertc::rt

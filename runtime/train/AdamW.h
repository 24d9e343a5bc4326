//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an update does to a stretch of packed floats. There is a version of each
// function for every width of vector registers, and all give the same bits.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_ADAMW_H
#define BERTC_RUNTIME_TRAIN_ADAMW_H

#include <cstddef>
#include <cstdint>

namespace bertc::rt {

/// The numbers of one update.
struct AdamWStep {
  float gradientScale; // 1 / number of accumulated calls
  float clip;          // factor of clipping, at most 1
  float decay;         // 1 - rate * weight decay
  float beta1Rest;     // 1 - beta1
  float beta2, beta2Rest;
  float correction2; // sqrt(1 - beta2^t)
  float epsilon;
  float stepSize; // rate / (1 - beta1^t), negative
};

/// The step number `t` (1: the first).
AdamWStep makeAdamWStep(double rate, double beta1, double beta2, double epsilon,
                        double weightDecay, uint64_t t, uint32_t accumulated,
                        double clip);

struct OptimizerCode {
  /// Sum of the squares, in 16 sums of float64 by index modulo 16, which are
  /// then added pairwise.
  double (*sumOfSquares)(const float *gradients, size_t count);
  /// One step for `count` weights; clears the gradients.
  void (*adamW)(const AdamWStep &step, bool decays, float *weights,
                float *gradients, float *firstMoments, float *secondMoments,
                size_t count);
};

/// The fastest for a processor with these BERTC_CPU_* bits.
const OptimizerCode &optimizerCode(uint64_t cpuBits);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_ADAMW_H

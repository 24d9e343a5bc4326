//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// AdamW as torch.optim.AdamW computes it, operation by operation, so that both
// go the same way (Loshchilov and Hutter, Decoupled Weight Decay
// Regularization, ICLR 2019). The bodies are plain loops; a version for each
// set of instructions is made by inlining them into functions with another
// target. Nothing is contracted to fused multiplications (see CMakeLists.txt),
// so the width of the registers changes no bit. Memory is the limit: AVX-512
// and stores around the caches gain nothing, but processors stop looking ahead
// at the end of a page (4 KiB), which costs a fifth of the time of AdamW and a
// third of that of the sums, so the loops ask for what comes next themselves.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/AdamW.h"
#include "runtime/abi/abi.h"
#include "runtime/train/Real.h"

namespace bertc::rt {

AdamWStep makeAdamWStep(double rate, double beta1, double beta2, double epsilon,
                        double weightDecay, uint64_t t, uint32_t accumulated,
                        double clip) {
  double correction1 = 1 - power(beta1, t);
  double correction2 = 1 - power(beta2, t);
  AdamWStep step;
  step.gradientScale = float(1.0 / accumulated);
  step.clip = float(clip);
  step.decay = float(1 - rate * weightDecay);
  step.beta1Rest = float(1 - beta1);
  step.beta2 = float(beta2);
  step.beta2Rest = float(1 - beta2);
  step.correction2 = float(squareRoot(correction2));
  step.epsilon = float(epsilon);
  step.stepSize = float(-(rate / correction1));
  return step;
}

#define BERTC_INLINE static inline __attribute__((always_inline))

/// Floats between what is computed and what is asked for; 256 to 1024 are
/// equally good.
static constexpr size_t ahead = 512;
/// Floats of a cache line.
static constexpr size_t line = 16;

BERTC_INLINE double sumBody(const float *gradients, size_t count) {
  double sums[16] = {};
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    // Behind the end is the next chunk, or nothing, which does not matter.
    __builtin_prefetch(gradients + i + ahead);
    for (int lane = 0; lane < 16; ++lane) {
      double g = gradients[i + lane];
      sums[lane] += g * g;
    }
  }
  for (int lane = 0; i < count; ++i, ++lane) {
    double g = gradients[i];
    sums[lane] += g * g;
  }
  for (int width = 8; width > 0; width /= 2)
    for (int lane = 0; lane < width; ++lane)
      sums[lane] += sums[lane + width];
  return sums[0];
}

BERTC_INLINE void adamWRange(const AdamWStep &s, float decay,
                             float *__restrict w, float *__restrict g,
                             float *__restrict m, float *__restrict v,
                             size_t count) {
  for (size_t i = 0; i < count; ++i) {
    float gradient = g[i] * s.gradientScale * s.clip;
    g[i] = 0;
    float first = m[i] + s.beta1Rest * (gradient - m[i]);
    float second = v[i] * s.beta2 + s.beta2Rest * gradient * gradient;
    m[i] = first;
    v[i] = second;
    float below = __builtin_sqrtf(second) / s.correction2 + s.epsilon;
    w[i] = w[i] * decay + s.stepSize * first / below;
  }
}

BERTC_INLINE void adamWBody(const AdamWStep &given, bool decays,
                            float *__restrict w, float *__restrict g,
                            float *__restrict m, float *__restrict v,
                            size_t count) {
  const AdamWStep s = given;
  float decay = decays ? s.decay : 1.0f;
  size_t i = 0;
  for (; i + line <= count; i += line) {
    __builtin_prefetch(w + i + ahead, /*rw=*/1);
    __builtin_prefetch(g + i + ahead, 1);
    __builtin_prefetch(m + i + ahead, 1);
    __builtin_prefetch(v + i + ahead, 1);
    adamWRange(s, decay, w + i, g + i, m + i, v + i, line);
  }
  adamWRange(s, decay, w + i, g + i, m + i, v + i, count - i);
}

#define BERTC_VERSION(NAME, ...)                                               \
  __VA_ARGS__ static double sumOfSquares##NAME(const float *gradients,         \
                                               size_t count) {                 \
    return sumBody(gradients, count);                                          \
  }                                                                            \
  __VA_ARGS__ static void adamW##NAME(                                         \
      const AdamWStep &step, bool decays, float *weights, float *gradients,    \
      float *firstMoments, float *secondMoments, size_t count) {               \
    adamWBody(step, decays, weights, gradients, firstMoments, secondMoments,   \
              count);                                                          \
  }                                                                            \
  static constexpr OptimizerCode code##NAME = {sumOfSquares##NAME, adamW##NAME};

BERTC_VERSION(Baseline)
BERTC_VERSION(Avx2, __attribute__((target("avx2"))))

const OptimizerCode &optimizerCode(uint64_t cpuBits) {
  return cpuBits & BERTC_CPU_X86_64_V3 ? codeAvx2 : codeBaseline;
}

} // namespace bertc::rt

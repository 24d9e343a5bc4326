//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of attention of a GPU, on the emulator, against plain loops in
// double over the same rounded inputs. What the forward pass leaves, its output
// and log-sum-exp, is theirs, too.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ATTENTIONGRADIENTCASE_H
#define BERTC_TEST_UNIT_GPU_ATTENTIONGRADIENTCASE_H

#include "compiler/Kernels/GPU/AttentionGradient.h"
#include "test/Unit/Gpu/AttentionBits.h"

namespace bertc::test {

struct AttentionGradientCase {
  DeviceAttentionGradientShape shape;
  DeviceAttentionGradientPlans plans;
  std::vector<int32_t> lengths; ///< Of the sequences, which lie end to end.
  AttentionBits dropout;        ///< Of shapes that have one.
  bool lowScores = false;       ///< About -88, in heads of 16.

  /// The plans of cuda:sm_80, dense rows, scale 1 / sqrt(headSize), gradients
  /// as f32 and as planes.
  AttentionGradientCase(int64_t heads, int64_t headSize,
                        std::vector<int32_t> lengths, int64_t planes = 1,
                        HalfType type = HalfType::BF16);

  int64_t tokens() const;
  int64_t longest() const;
  std::string name() const;
};

struct AttentionGradientResult {
  emulator::Report report; ///< Of all three kernels.
  // The largest of any element. Those of gradients are parts of their root mean
  // square, over all elements of dq, of dk or of dv.
  double sums = 0;
  double dq = 0, dk = 0, dv = 0;
  double planes = 0;        ///< Of the sum of planes of dq, dk and dv.
  int64_t wrongPadding = 0; ///< Elements of padding columns that are not zero,
                            ///< or behind the row and written.

  /// Whether all of it is as it should be.
  bool isGood(const AttentionGradientCase &c) const;
};

/// The tolerance of dq, dk and dv.
double attentionGradientTolerance(const AttentionGradientCase &c);
/// And of sums, for inputs in [-1, 1).
double attentionSumsTolerance(const AttentionGradientCase &c);

/// `change`, for mutants, works on the module at nvvm level, with the kernels
/// in the order sums, queries, keys.
AttentionGradientResult
runAttentionGradient(const AttentionGradientCase &c,
                     const GpuProgram::Change &change = {});

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ATTENTIONGRADIENTCASE_H

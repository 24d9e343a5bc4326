//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of a GPU, on the emulator, against plain loops in double over the
// same rounded inputs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ATTENTIONCASE_H
#define BERTC_TEST_UNIT_GPU_ATTENTIONCASE_H

#include "compiler/Kernels/GPU/Attention.h"
#include "test/Unit/Gpu/AttentionBits.h"

namespace bertc::test {

struct AttentionCase {
  DeviceAttentionShape shape;
  DeviceAttentionPlan plan;
  std::vector<int32_t> lengths; ///< Of the sequences, which lie end to end.
  AttentionBits dropout;        ///< Of shapes that have one.

  /// The plan of many tokens, dense rows, scale 1 / sqrt(headSize), output as
  /// f32 and as planes.
  AttentionCase(int64_t heads, int64_t headSize, std::vector<int32_t> lengths,
                int64_t planes = 1, HalfType type = HalfType::BF16);

  int64_t tokens() const;
  int64_t longest() const;
  std::string name() const;
};

struct AttentionResult {
  emulator::Report report;
  double error = 0;          ///< Of f32 outputs, the largest of any element.
  double planesError = 0;    ///< The same of the sum of planes.
  double logSumExpError = 0; ///< 0 where it is not asked for.
  int64_t wrongPadding = 0;  ///< Elements of padding columns that are not zero.
  std::vector<uint32_t> bits; ///< Of all that was written.

  /// Whether all of it is as it should be.
  bool isGood(const AttentionCase &c) const;
};

/// The tolerances, for inputs in [-1, 1) and weights that add up to 1.
double attentionTolerance(const AttentionCase &c);

/// `change`, for mutants, works on the module at nvvm level.
AttentionResult runAttention(const AttentionCase &c,
                             const GpuProgram::Change &change = {});

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ATTENTIONCASE_H

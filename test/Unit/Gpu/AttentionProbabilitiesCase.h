//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights of attention as an output, on the emulator, against plain loops
// in double over the same rounded inputs.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TEST_UNIT_GPU_ATTENTIONPROBABILITIESCASE_H
#define BERTC_TEST_UNIT_GPU_ATTENTIONPROBABILITIESCASE_H

#include "compiler/Kernels/GPU/AttentionProbabilities.h"
#include "test/Unit/Gpu/Arguments.h"

namespace bertc::test {

struct AttentionProbabilitiesCase {
  DeviceAttentionShape shape;   ///< Inputs only.
  std::vector<int32_t> lengths; ///< Of the sequences, which lie end to end.
  int32_t longest = 0;          ///< That of `lengths`, or more.
  /// Raw scores about as far below zero: what exp makes of a missing key, whose
  /// score is zero, is infinite.
  bool lowScores = false;

  /// Dense rows, scale 1 / sqrt(headSize).
  AttentionProbabilitiesCase(int64_t heads, int64_t headSize,
                             std::vector<int32_t> lengths, int64_t planes = 1,
                             HalfType type = HalfType::BF16);

  int64_t tokens() const;
  std::string name() const;
};

struct AttentionProbabilitiesResult {
  emulator::Report report;
  double error = 0;         ///< The largest, relative to what is expected.
  int64_t wrongPadding = 0; ///< Elements behind a sequence that are not zero.

  /// Whether all of it is as it should be.
  bool isGood(const AttentionProbabilitiesCase &c) const;
};

/// The relative tolerance.
double attentionProbabilitiesTolerance(const AttentionProbabilitiesCase &c);

/// `change`, for mutants, works on the module at nvvm level.
AttentionProbabilitiesResult
runAttentionProbabilities(const AttentionProbabilitiesCase &c,
                          const GpuProgram::Change &change = {});

} // namespace bertc::test

#endif // BERTC_TEST_UNIT_GPU_ATTENTIONPROBABILITIESCASE_H

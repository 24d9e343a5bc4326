//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The choices that a plan fixes, and the cost model that makes them. Everything
// after planning obeys these numbers.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_PLAN_H
#define BERTC_COMPILER_PLAN_PLAN_H

#include <cstdint>

namespace bertc {

struct TargetInfo;

/// How a linear layer is blocked, see Kernels/CPU/Linear.cpp.
struct LinearPlan {
  int64_t rows = 0;       // register tile
  int64_t panels = 0;     // register tile, in panels of 16 columns
  int64_t depthBlock = 0; // k steps between two visits of y
  int64_t group = 0;      // panels whose k block stays in L2
  int64_t rowBlock = 0;   // rows that go through all of it together
};

/// How attention is blocked: a register tile of query rows against panels of
/// 16 keys (scores) and of 16 head columns (context).
struct AttentionPlan {
  int64_t rows = 0;
  int64_t keyPanels = 0;
  int64_t valuePanels = 0;
};

/// `depth` and `columns` are the padded sizes of the weight.
LinearPlan planLinear(const TargetInfo &target, int64_t depth, int64_t columns);

/// `headSize` is padded to 16.
AttentionPlan planAttention(const TargetInfo &target, int64_t headSize);

/// Batches of fewer tokens than this split the work by column panels and
/// heads, larger ones by rows.
int64_t planRowSplitTokens(const TargetInfo &target);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_PLAN_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention on a GPU. A block computes the context of some queries of one head
// of one sequence; scores exist in registers only, and sums are rescaled when a
// row's maximum rises.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTION_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTION_H

#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Plan/DevicePlanAttention.h"

namespace bertc {

struct DeviceAttentionShape {
  int64_t heads = 0;
  int64_t headSize = 0;
  int64_t headStride = 0;  ///< headSize padded to 16.
  int64_t inputStride = 0; ///< Of a plane's row [q | k | v][heads][headStride].
  int64_t planes = 1;
  HalfType type = HalfType::BF16;
  double scale = 1;
  DeviceForms outputs; ///< Rows [heads][headStride].
  int64_t outputStride = 0;
  /// Also writes log(sum of exp(scale * score)), a float for each head of a
  /// token; rows of them are `heads` rounded up to 16 apart.
  bool logSumExp = false;
  bool dropout = false; ///< Of weights, as they meet the values.
};

/// context[t][h] = softmax(scale * q[t][h] k[..][h]^T) v[..][h] over the tokens
/// of t's sequence. Padding columns of a head must be zero and become zero.
/// Arguments: qkv, the elements from plane to plane (i64), offsets (of each
/// sequence and behind the last, i32), those of `outputs`, [log-sum-exp,]
/// [those of a dropout, with the stream of head 0,] longest (i32).
/// Grid: (attentionBlocks(plan, longest), heads, sequences).
DeviceKernel attentionKernel(GpuBuilder &k, const DeviceAttentionShape &shape,
                             const DeviceAttentionPlan &plan);

inline int64_t attentionBlocks(const DeviceAttentionPlan &plan,
                               int64_t longest) {
  return (longest + plan.rows - 1) / plan.rows;
}

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTION_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The gradient of attention on a GPU, in three kernels: a float for each head
// of a token, then dq, and dk and dv. Weights are computed again from the
// log-sum-exp of each row; scores exist in registers only. dq is computed by
// the blocks of its queries and dk and dv by those of their keys, so that
// nothing is added by two blocks. (Dao, arXiv:2307.08691, section 2.3)
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONGRADIENT_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONGRADIENT_H

#include "compiler/Kernels/GPU/DeviceRows.h"
#include "compiler/Plan/DevicePlanAttention.h"

namespace bertc {

/// Padding columns of a head must be zero in all inputs, and become zero.
struct DeviceAttentionGradientShape {
  int64_t heads = 0;
  int64_t headSize = 0;
  int64_t headStride = 0;  ///< headSize padded to 16.
  int64_t inputStride = 0; ///< Of a plane's row [q | k | v][heads][headStride].
  int64_t outputStride = 0; ///< Of a plane's row of y and of dy:
                            ///< [heads][headStride].
  int64_t planes = 1;
  HalfType type = HalfType::BF16;
  double scale = 1;
  DeviceForms gradients; ///< Of dq, dk and dv: rows as those of qkv.
  int64_t gradientStride = 0;
  bool dropout = false; ///< Of p, as it met the values.
};

/// sums[t][h] = sum over the head of dy[t] * y[t]; rows of sums are `heads`
/// rounded up to 16 apart. Arguments: y, the elements from plane to plane
/// (i64), dy, the same of it (i64), sums, rows (i32). Grid:
/// attentionGradientSumsBlocks(shape, rows).
DeviceKernel
attentionGradientSumsKernel(GpuBuilder &k,
                            const DeviceAttentionGradientShape &shape);
/// Sums, of a head of a row each, of a block.
int64_t attentionSumsOfBlock(const DeviceAttentionGradientShape &shape);
int64_t attentionGradientSumsBlocks(const DeviceAttentionGradientShape &shape,
                                    int64_t rows);

// With p = exp(scale * q k^T - log-sum-exp) and ds = p (drop(dy v^T) - sums):
// dq = scale * ds k, dk = scale * ds^T q, dv = drop(p)^T dy.
// Arguments: qkv, the elements from plane to plane (i64), dy, the same of it
// (i64), log-sum-exp and sums (rows of `heads` rounded up to 16), offsets (of
// each sequence and behind the last, i32), those of `gradients`, [those of a
// dropout, with the stream of head 0,] longest (i32).
// Grid: (attentionGradientBlocks(plan, longest), heads, sequences).
/// Writes dq. `plan` is that of queries.
DeviceKernel
attentionQueryGradientKernel(GpuBuilder &k,
                             const DeviceAttentionGradientShape &shape,
                             const DeviceAttentionGradientPlan &plan);
/// Writes dk and dv. `plan` is that of keys.
DeviceKernel
attentionKeyGradientKernel(GpuBuilder &k,
                           const DeviceAttentionGradientShape &shape,
                           const DeviceAttentionGradientPlan &plan);

inline int64_t attentionGradientBlocks(const DeviceAttentionGradientPlan &plan,
                                       int64_t longest) {
  return (longest + plan.rows - 1) / plan.rows;
}

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONGRADIENT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The weights of attention as an output, on a GPU. Attention itself keeps none;
// they are computed again from the log-sum-exp that it leaves of each row.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONPROBABILITIES_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONPROBABILITIES_H

#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

/// Padding columns of a head must be zero.
struct DeviceAttentionProbabilitiesShape {
  int64_t heads = 0;
  int64_t headSize = 0;
  int64_t headStride = 0;  ///< headSize padded to 16.
  int64_t inputStride = 0; ///< Of a plane's row [q | k | v][heads][headStride].
  int64_t planes = 1;
  HalfType type = HalfType::BF16;
  double scale = 1;
};

/// probabilities[b][h][i][j] = exp(scale * q[i][h] k[j][h]^T -
/// log-sum-exp[i][h]) of the tokens i and j of sequence b; rows and columns
/// from its length up to `longest` are zero.
/// Arguments: qkv, the elements from plane to plane (i64), offsets (of each
/// sequence and behind the last, i32), log-sum-exp (float rows of `heads`
/// rounded up to 16, as attentionKernel writes them), probabilities (float
/// [sequences][heads][longest][longest]), longest (i32).
/// Grid: (attentionProbabilitiesBlocks(shape, longest), heads, sequences).
DeviceKernel
attentionProbabilitiesKernel(GpuBuilder &k,
                             const DeviceAttentionProbabilitiesShape &shape);
/// Queries of a block.
int64_t
attentionProbabilitiesRows(const DeviceAttentionProbabilitiesShape &shape);

inline int64_t
attentionProbabilitiesBlocks(const DeviceAttentionProbabilitiesShape &shape,
                             int64_t longest) {
  int64_t rows = attentionProbabilitiesRows(shape);
  return (longest + rows - 1) / rows;
}

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONPROBABILITIES_H

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

#include "compiler/Kernels/GPU/Attention.h"

namespace bertc {

/// Queries of a block.
constexpr int64_t attentionProbabilitiesRows = 64;

/// probabilities[b][h][i][j] = exp(scale * q[i][h] k[j][h]^T -
/// log-sum-exp[i][h]) of the tokens i and j of sequence b; rows and columns
/// from its length up to `longest` are zero. `shape` is that of the attention,
/// of which only the inputs count.
/// Arguments: qkv, the elements from plane to plane (i64), offsets (of each
/// sequence and behind the last, i32), log-sum-exp (float rows of `heads`
/// rounded up to 16, as attentionKernel writes them), probabilities (float
/// [sequences][heads][longest][longest]), longest (i32).
/// Grid: (longest / attentionProbabilitiesRows, rounded up, heads, sequences).
DeviceKernel attentionProbabilitiesKernel(GpuBuilder &k,
                                          const DeviceAttentionShape &shape);

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONPROBABILITIES_H

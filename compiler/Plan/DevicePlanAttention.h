//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How attention is blocked on a GPU. As for linear layers, the host takes the
// plan of the number of tokens at run time.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_PLAN_DEVICEPLANATTENTION_H
#define BERTC_COMPILER_PLAN_DEVICEPLANATTENTION_H

#include "compiler/Target/Device.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <utility>

namespace bertc {

/// A block computes `rows` queries of one head, a warp rows / warps of them,
/// against `keys` keys and values at a time, of which `stages` are in shared
/// memory. `rows / warps` and `keys` are multiples of 16. Results depend on
/// `keys` only, to the bit.
struct DeviceAttentionPlan {
  int64_t rows = 0;
  int64_t keys = 0;
  int64_t warps = 0;
  int64_t stages = 0;
  /// Of the planes of queries, those that lanes do not keep in registers but
  /// read from shared memory: the last ones.
  int64_t sharedPlanes = 0;
  bool dropout = false; ///< Is drawn, which takes registers.
  /// All warps have the same 16 rows, and take turns at the steps of `keys`;
  /// `stages` is 1, of each warp. Tiles of 8 columns of the head are a multiple
  /// of the warps.
  bool splitKeys = false;

  int64_t rowTiles() const { return rows / (splitKeys ? 1 : warps) / 16; }
  int64_t sharedBytes(int64_t headStride, int64_t planes) const;
  /// Registers of a thread with which the assembler needs no memory, at most
  /// 255; more if it would not do.
  int64_t registers(int64_t headStride, int64_t planes) const;
  /// Blocks of a processor with so many registers; 1 or more.
  int64_t resident(int64_t headStride, int64_t planes) const;
};

/// Plans with the number of tokens from which on they are used, rising from 1.
using DeviceAttentionPlans =
    llvm::SmallVector<std::pair<int64_t, DeviceAttentionPlan>>;

/// `headStride` is the head size padded to 16, `planes` what each of queries,
/// keys and values consists of.
DeviceAttentionPlans planDeviceAttention(const DeviceTarget &target,
                                         int64_t heads, int64_t headStride,
                                         int64_t planes, bool dropout = false);

/// How a gradient of attention is blocked: a block computes those of `rows`
/// queries (or keys) of one head, a warp rows / warps of them, against
/// `columns` keys (or queries) at a time, of which `stages` (2 or more) are in
/// shared memory. `rows / warps` and `columns` are multiples of 16.
struct DeviceAttentionGradientPlan {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t warps = 0;
  int64_t stages = 0;
  /// What a warp has of its rows stays in registers; else in shared memory.
  bool resident = true;
};

/// Those of the kernel for dq, whose rows are queries, and of that for dk and
/// dv, whose rows are keys.
struct DeviceAttentionGradientPlans {
  DeviceAttentionGradientPlan queries, keys;
};
DeviceAttentionGradientPlans
planDeviceAttentionGradient(const DeviceTarget &target, int64_t heads,
                            int64_t headStride, int64_t planes,
                            bool dropout = false);

} // namespace bertc

#endif // BERTC_COMPILER_PLAN_DEVICEPLANATTENTION_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dropout of attention's weights, in the layout of a product of tensor cores.
//
// Four keys in a row have their bits from one block of Philox. A lane has one
// or two of these keys, so lanes that share keys draw for each other: no block
// is drawn twice.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_ATTENTIONDROPOUT_H
#define BERTC_COMPILER_KERNELS_GPU_ATTENTIONDROPOUT_H

#include "compiler/Kernels/GPU/AttentionMma.h"
#include "compiler/Kernels/GPU/Dropout.h"
#include <array>

namespace bertc {

class AttentionDropout {
public:
  using Kept = std::array<mlir::Value, tileValues>;

  /// `dropout` with the stream of head 0.
  AttentionDropout(GpuBuilder &k, const DeviceDropout &dropout,
                   mlir::Value head);

  // Whether a lane's values of a tile (16 rows, 8 columns) are kept. Queries
  // are numbers of tokens in the batch, keys those in the sequence; the first
  // key is a multiple of 4.
  /// Rows are queries and columns are keys.
  Kept keptOfQueries(mlir::Value firstQuery, mlir::Value firstKey);
  /// Rows are keys and columns are queries.
  Kept keptOfKeys(mlir::Value firstKey, mlir::Value firstQuery);

  /// value * scale, or 0.
  mlir::Value apply(mlir::Value kept, mlir::Value value) {
    return emitKeep(k, dropout, kept, value);
  }
  mlir::Value scale() const { return dropout.scale; }

private:
  /// Four bits of each lane that shares keys with this one, in the order of
  /// `number`, its number among them. Lanes differ in the bits of `masks`.
  mlir::Value exchange(mlir::Value query, mlir::Value key, mlir::Value number,
                       llvm::ArrayRef<int64_t> masks);
  mlir::Value bit(mlir::Value bits, int64_t n);

  GpuBuilder &k;
  DeviceDropout dropout;
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_ATTENTIONDROPOUT_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instructions of Hopper: barriers in shared memory that count bytes of copies,
// copies of boxes of a tensor by its map, and products of four warps that read
// their operands from shared memory.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_KERNELS_GPU_HOPPER_H
#define BERTC_COMPILER_KERNELS_GPU_HOPPER_H

#include "compiler/Kernels/GPU/GpuBuilder.h"

namespace bertc {

constexpr int64_t warpGroup = 128; // threads

class Hopper {
public:
  explicit Hopper(GpuBuilder &k) : k(k) {}

  // Barriers: 8 bytes of shared memory. A phase ends when `arrivals` threads
  // have arrived and all bytes that were announced have been copied.
  void initBarrier(mlir::Value barrier, int64_t arrivals);
  /// Behind the last initBarrier, before others use them.
  void publishBarriers();
  void arrive(mlir::Value barrier);
  /// Arrives, and announces `bytes` of copies.
  void arriveExpecting(mlir::Value barrier, int64_t bytes);
  /// Until the phase of this parity (i32) has ended. Of a new barrier, that
  /// before the first, of parity 1, has.
  void wait(mlir::Value barrier, mlir::Value parity);

  /// Copies the box from (column, row) on of the tensor that `map` describes.
  /// With `blocks`, a mask, to the same place in each of these blocks of the
  /// cluster, whose barriers count it.
  void copyBox(mlir::Value to, mlir::Value map, mlir::Value column,
               mlir::Value row, mlir::Value barrier, int64_t blocks = 0);

  // Clusters: neighbours along y that run at the same time.
  /// Of the kernel that is being emitted.
  void setCluster(int64_t blocks);
  mlir::Value blockOfCluster();
  /// Of all threads of the cluster.
  void clusterBarrier();
  /// Arrives at the barrier in the same place of another block.
  void arriveAt(mlir::Value barrier, mlir::Value block);

  // Products of a warp group. The sums are a record of floats.
  mlir::Value zeros(int64_t count);
  llvm::SmallVector<mlir::Value> members(mlir::Value record);
  /// Describes rows of 64 elements of 16 bits in shared memory, permuted as
  /// copyBox leaves them; the pointer is aligned to 1024 bytes. k steps of 16
  /// are nextStep() apart.
  mlir::Value describe(mlir::Value pointer);
  mlir::Value nextStep(mlir::Value descriptor);
  /// sums + A B, 64 rows, 16 k steps and two columns for each float of the
  /// record. Not done before waitProducts().
  mlir::Value multiply(HalfType type, mlir::Value sums, mlir::Value a,
                       mlir::Value b);
  void beginProducts();
  void commitProducts();
  /// Until at most `pending` commits of this warp group are not done.
  void waitProducts(int64_t pending);

  /// Registers of each thread of this warp group from here on.
  void setRegisters(int64_t count, bool more);

private:
  GpuBuilder &k;
};

} // namespace bertc

#endif // BERTC_COMPILER_KERNELS_GPU_HOPPER_H

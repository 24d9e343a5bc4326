//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Static memory: every intermediate gets a slot, a slot an offset in one
// workspace, and the whole a size that is a closed formula of the batch.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_WORKSPACE_H
#define BERTC_COMPILER_LOWERING_WORKSPACE_H

#include "compiler/Lowering/CallFrame.h"
#include "runtime/abi/abi.h"

namespace bertc {

enum class Extent { Fixed, PerToken, PerSequence };

/// Slots are reused first-fit once released. Sizes are in f32 elements: of the
/// whole slot (Fixed), of a row (PerToken, PerSequence).
class Workspace {
public:
  int64_t acquire(Extent extent, int64_t elements);
  void release(int64_t slot);
  /// A slot that no value had or gets, for what ops need beside their results.
  int64_t reserve(Extent extent, int64_t elements);
  /// Scratch of one thread: elements, and elements per key of the longest
  /// sequence rounded up to 16. Kernels use it one after another.
  void needScratch(int64_t elements, int64_t elementsPerKey);

  /// First element of the slot / of the thread's scratch. Valid once all slots
  /// are acquired: assignment and emission are separate walks.
  mlir::Value offset(KernelBuilder &k, mlir::Value tokens,
                     mlir::Value sequences, int64_t slot) const;
  Place slot(KernelBuilder &k, const CallFrame &frame, int64_t slot) const;
  Place scratch(KernelBuilder &k, const CallFrame &frame) const;
  /// The same of a device, where one kernel runs at a time.
  mlir::Value scratchOffset(KernelBuilder &k, mlir::Value tokens,
                            mlir::Value sequences) const;

  bertc_workspace formula() const;

private:
  struct Slot {
    Extent extent;
    int64_t elements;
    int64_t offset; // among slots of the same extent
    bool free;
  };
  llvm::SmallVector<Slot> slots;
  int64_t totals[3] = {0, 0, 0}; // elements by extent
  int64_t scratchElements = 0, scratchPerKey = 0;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_WORKSPACE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collects the packed weights that a program reads and gives each its place:
// first the tensors that exist once, then the layers, each layer's tensors side
// by side in the order in which they are read.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_WEIGHTLAYOUTBUILDER_H
#define BERTC_COMPILER_LOWERING_WEIGHTLAYOUTBUILDER_H

#include "compiler/Kernels/CPU/KernelBuilder.h"
#include "compiler/Lowering/WeightLayout.h"

namespace bertc {

class WeightLayoutBuilder {
public:
  /// Registers a packed weight (or finds the equal one) and returns its index.
  /// `weight.name` is derived from the sources.
  int64_t add(PackedWeight weight);
  /// Assigns offsets. No add() after it.
  void finish();
  const WeightLayout &layout() const { return result; }

  /// Words of 4 bytes before weight `index`; `layer` is null outside of the
  /// layers.
  mlir::Value offset(KernelBuilder &k, int64_t index, mlir::Value layer) const;
  /// First element of weight `index`; `layer` is null outside of the layers.
  Place place(KernelBuilder &k, mlir::Value weights, int64_t index,
              mlir::Value layer) const;

private:
  WeightLayout result;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_WEIGHTLAYOUTBUILDER_H

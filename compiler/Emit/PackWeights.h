//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fills the weights segment from the checkpoint, piece by piece in rising
// order, so that memory does not grow with the model.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_PACKWEIGHTS_H
#define BERTC_COMPILER_EMIT_PACKWEIGHTS_H

#include "compiler/Import/Checkpoint.h"
#include "compiler/Lowering/WeightLayout.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace bertc {

/// The tensor behind the enc.weight `symbol`, of one layer if it is layered;
/// null: zeros, which training replaces.
using WeightSource = llvm::function_ref<llvm::Expected<const TensorInfo *>(
    llvm::StringRef symbol, int64_t layer)>;

/// The largest |x| of each element of what the linear layer of the weight
/// `symbol` reads; empty where it is not known.
using InputRanges = llvm::function_ref<llvm::ArrayRef<float>(
    llvm::StringRef symbol, int64_t layer)>;

/// Gets the bytes of the segment in order, all `layout.size` of them.
using ByteSink = llvm::function_ref<llvm::Error(llvm::ArrayRef<uint8_t>)>;

llvm::Error packWeights(const WeightLayout &layout, WeightSource source,
                        ByteSink sink, InputRanges ranges = nullptr);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_PACKWEIGHTS_H

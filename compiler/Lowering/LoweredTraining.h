//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What becomes of a training function, besides its code: the parameters of the
// model with their places, as bertc_parameter_desc of runtime/abi/abi.h has
// them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_LOWERING_LOWEREDTRAINING_H
#define BERTC_COMPILER_LOWERING_LOWEREDTRAINING_H

#include "compiler/Lowering/PhaseTable.h"
#include "compiler/Lowering/WeightLayout.h"
#include "runtime/abi/abi.h"

namespace bertc {

/// A weight of the model: its part of a packed weight, and its gradient.
struct LoweredParameter {
  std::string symbol;          // of enc.weight
  std::string tensor;          // Hugging Face name, with "{layer}"
  bool panels = false;         // else rows
  std::vector<int64_t> shape;  // of the tensor: [columns] or [rows, columns]
  Grouping columns, depth;     // depth of panels only
  int64_t layers = 1;          // copies
  int64_t firstTrained = 0;    // layer
  int64_t lastFrozen = 0;      // so many layers at the end
  int64_t packed = 0;          // floats of one layer
  int64_t weightOffset = 0;    // bytes, layer 0
  int64_t weightStride = 0;    // bytes from layer to layer
  int64_t gradientOffset = -1; // bytes, of firstTrained; -1: frozen
  int64_t gradientStride = 0;

  bool operator==(const LoweredParameter &other) const {
    return symbol == other.symbol && packed == other.packed &&
           weightOffset == other.weightOffset &&
           gradientOffset == other.gradientOffset &&
           firstTrained == other.firstTrained && lastFrozen == other.lastFrozen;
  }
};

struct LoweredOutput {
  std::string name;
  uint32_t kind; // BERTC_PER_TOKEN or BERTC_PER_SEQUENCE
  int64_t width;
};

/// The code of one variant.
struct LoweredTraining {
  std::string entry; // symbol, bertc_train_fn
  bertc_workspace workspace = {};
  std::vector<PhaseInfo> phases;
  std::vector<LoweredParameter> parameters; // the same in all variants
  int64_t gradientsSize = 0;
  std::vector<LoweredOutput> outputs;
  /// The output of inference that training may begin with, or empty.
  std::string frozenOutput;
};

} // namespace bertc

#endif // BERTC_COMPILER_LOWERING_LOWEREDTRAINING_H

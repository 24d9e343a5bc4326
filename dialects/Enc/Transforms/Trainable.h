//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which weights learn. Decided per tensor of the checkpoint, so a layered
// weight may learn in some layers and not in others.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_DIALECTS_ENC_TRANSFORMS_TRAINABLE_H
#define BERTC_DIALECTS_ENC_TRANSFORMS_TRAINABLE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"

namespace mlir::enc {

class Trainable {
public:
  /// All weights of `module` but those that an entry of `freeze` names:
  /// `embeddings`, `encoder`, `layers[2]`, `layers[0-5]` or a regular
  /// expression that is found in a tensor's name. An entry that names nothing
  /// is an error.
  static FailureOr<Trainable> parse(ModuleOp module,
                                    ArrayRef<std::string> freeze);

  /// Whether the weight `symbol` learns in `layer` (0 without layers).
  bool contains(StringRef symbol, int64_t layer) const;

private:
  llvm::StringMap<SmallVector<bool>> weights;
};

} // namespace mlir::enc

#endif // BERTC_DIALECTS_ENC_TRANSFORMS_TRAINABLE_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The bertc_model_desc of a model and what it points to, as an object.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_DESCRIPTION_H
#define BERTC_COMPILER_EMIT_DESCRIPTION_H

#include "compiler/Emit/Library.h"

namespace bertc {

/// Names that description and link script share.
constexpr llvm::StringLiteral weightsSymbol = "bertc_weights";
constexpr llvm::StringLiteral weightsSection = ".bertc.weights";
constexpr llvm::StringLiteral manifestSection = ".bertc.manifest";
constexpr llvm::StringLiteral tokenizerSection = ".bertc.tokenizer";
/// Files that a trained model needs.
constexpr llvm::StringLiteral filesSection = ".rodata.bertc.files";

/// PTX and machine code for devices.
constexpr llvm::StringLiteral deviceSection = ".rodata.bertc.device";

/// Where the weights are once the model is linked.
struct WeightsPlace {
  uint64_t hash = 0;
  bool inside = false; ///< At weightsSymbol.
  std::string file;    ///< Name without folder; empty: none was written.
};

llvm::Expected<std::string> emitDescription(const LibraryInputs &inputs,
                                            const WeightsPlace &place,
                                            llvm::StringRef manifest);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_DESCRIPTION_H

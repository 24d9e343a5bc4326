//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The precision a model is compiled for: what its linear layers multiply.
// Softmax, layer norm, residual and everything the caller sees stay float32.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_TARGET_PRECISION_H
#define BERTC_COMPILER_TARGET_PRECISION_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace bertc {

enum class Precision : uint8_t {
  F32,     ///< float32 weights and products.
  BF16,    ///< bfloat16 weights; products of bfloat16, sums in float32.
  Int8,    ///< int8 weights by column, int8 activations by token.
  BF16W8,  ///< int8 weights by column, times bfloat16 or float32.
  F32Fast, ///< float32 as the sum of two bfloat16 (relative error 1e-5).
  F16,     ///< IEEE half weights and products, sums in float32. GPUs only.
};

/// As in --precision: "f32", "bf16", "int8", "bf16-w8", "f32-fast", "f16".
llvm::StringRef precisionName(Precision precision);
std::optional<Precision> findPrecision(llvm::StringRef name);
llvm::ArrayRef<llvm::StringRef> precisionNames();

} // namespace bertc

#endif // BERTC_COMPILER_TARGET_PRECISION_H

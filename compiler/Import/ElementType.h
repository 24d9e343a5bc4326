//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Element types of safetensors files, and the conversion of the floating-point
// ones to float32 (exact, except for float64, which is rounded to nearest).
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_ELEMENTTYPE_H
#define BERTC_COMPILER_IMPORT_ELEMENTTYPE_H

#include "llvm/ADT/StringRef.h"
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bertc {

struct ElementType {
  enum Kind { F64, F32, F16, BF16, Other } kind = Other;
  unsigned bits = 0;
  llvm::StringRef name; ///< As in the file: "F32"; static storage.

  bool isFloat() const { return kind != Other; }
  /// Nothing if `name` is not a type that safetensors defines.
  static std::optional<ElementType> parse(llvm::StringRef name);
};

/// Converts `count` little-endian elements; `type` must be isFloat(). `source`
/// needs no alignment.
void convertToF32(ElementType type, const uint8_t *source, size_t count,
                  float *destination);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_ELEMENTTYPE_H

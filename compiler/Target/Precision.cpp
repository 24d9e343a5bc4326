//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The order of the names is the order of the enumerators.
//
//===----------------------------------------------------------------------===//

#include "compiler/Target/Precision.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;

static constexpr llvm::StringRef names[] = {"f32",     "bf16",     "int8",
                                            "bf16-w8", "f32-fast", "f16"};

llvm::ArrayRef<llvm::StringRef> bertc::precisionNames() { return names; }

llvm::StringRef bertc::precisionName(Precision precision) {
  return names[static_cast<size_t>(precision)];
}

std::optional<Precision> bertc::findPrecision(llvm::StringRef name) {
  const auto *found = llvm::find(names, name);
  if (found == std::end(names))
    return std::nullopt;
  return static_cast<Precision>(found - std::begin(names));
}

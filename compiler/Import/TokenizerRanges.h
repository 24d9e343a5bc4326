//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sets of code points as the `tokenizers` package has them: categories of
// Unicode 8, combining classes of Unicode 9, word characters of a newer one.
// They are written down, not computed, because models were trained with them
// and no Unicode library has this mixture.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZERRANGES_H
#define BERTC_COMPILER_IMPORT_TOKENIZERRANGES_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace bertc::tokenizer {

/// Code points first to last, both included.
struct CodeRange {
  uint32_t first;
  uint32_t last;
};

struct ClassRange {
  uint32_t first;
  uint32_t last;
  uint32_t combiningClass;
};

llvm::ArrayRef<CodeRange> removedRanges();
llvm::ArrayRef<CodeRange> spaceRanges();
llvm::ArrayRef<CodeRange> punctuationRanges();
llvm::ArrayRef<CodeRange> markRanges();
llvm::ArrayRef<CodeRange> cjkRanges();
llvm::ArrayRef<CodeRange> wordRanges();
llvm::ArrayRef<ClassRange> classRanges();

} // namespace bertc::tokenizer

#endif // BERTC_COMPILER_IMPORT_TOKENIZERRANGES_H

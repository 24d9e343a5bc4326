//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Words and word pieces. A word is cut into the longest vocabulary entries from
// its start; if that fails anywhere, or it is too long, it is unknown as a
// whole.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TEXT_WORDS_H
#define BERTC_RUNTIME_TEXT_WORDS_H

#include "runtime/text/Lookup.h"

namespace bertc::rt {

/// Appends the tokens of points [begin, end) of the scratch; false if there is
/// no memory.
bool encodeWords(const Tokenizer &tokenizer, TextScratch *scratch, size_t begin,
                 size_t end, Buffer<Token> *tokens);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TEXT_WORDS_H

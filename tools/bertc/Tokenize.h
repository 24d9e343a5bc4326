//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts to token ids, with the tokenizer inside a compiled model.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_BERTC_TOKENIZE_H
#define BERTC_TOOLS_BERTC_TOKENIZE_H

#include "tools/bertc/Model.h"

namespace bertc::tool {

struct Tokens {
  std::vector<int32_t> ids, types;
  std::vector<uint32_t> begin, end;
  std::vector<uint8_t> special;
  size_t dropped = 0;
};

/// An empty `pair` is none; `maxTokens` 0 is the model's limit; `flags` are
/// BERTC_TOKENIZE_*.
llvm::Expected<Tokens> tokenize(const Model &model, llvm::StringRef text,
                                llvm::StringRef pair = "",
                                uint32_t maxTokens = 0, uint32_t flags = 0);

/// An error if the model has no tokenizer.
llvm::Error expectTokenizer(const Model &model);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_TOKENIZE_H

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
#include "tools/finetune/Examples.h"

namespace bertc::tool {

using finetune::Tokens;

/// `maxTokens` 0 is the model's limit; `flags` are BERTC_TOKENIZE_*.
llvm::Expected<Tokens>
tokenize(const Model &model, llvm::StringRef text,
         std::optional<llvm::StringRef> pair = std::nullopt,
         uint32_t maxTokens = 0, uint32_t flags = 0);

/// An error if the model has no tokenizer.
llvm::Error expectTokenizer(const Model &model);

} // namespace bertc::tool

#endif // BERTC_TOOLS_BERTC_TOKENIZE_H

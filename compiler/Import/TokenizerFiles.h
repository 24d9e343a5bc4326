//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The two readers of vocabularies, and what they share. They leave the data
// unchecked where both need the same check; loadTokenizer makes those.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZERFILES_H
#define BERTC_COMPILER_IMPORT_TOKENIZERFILES_H

#include "compiler/Import/TokenizerConfig.h"
#include "llvm/ADT/StringMap.h"

namespace bertc {

/// Ids by content, of the vocabulary and of added tokens.
using TokenIds = llvm::StringMap<uint32_t>;

llvm::Expected<TokenizerData> readTokenizerJson(llvm::StringRef path,
                                                const TokenizerConfig &config,
                                                TokenIds &ids);
llvm::Expected<TokenizerData> readVocabulary(llvm::StringRef path,
                                             const TokenizerConfig &config,
                                             TokenIds &ids);

/// Adds a token behind the vocabulary, or finds it there. `id`, if given, must
/// be the one that it has or gets.
llvm::Error addToken(TokenizerData &data, TokenIds &ids, AddedToken token,
                     std::optional<uint32_t> id, SourceLocation location);

/// The help of every error about another kind of tokenizer.
constexpr llvm::StringLiteral onlyBert =
    "only WordPiece tokenizers of the BERT family can be compiled";

/// Reads the "type" of a component of tokenizer.json, which must be one of
/// `known`.
llvm::Error expectComponent(const JsonCursor &component,
                            llvm::ArrayRef<llvm::StringRef> known,
                            llvm::StringRef &type);

/// The single component of a "Sequence" with this list, or the component.
llvm::Expected<JsonCursor> unwrapSequence(const JsonCursor &component,
                                          llvm::StringRef list);

/// Reads "post_processor". All tokens must be known.
llvm::Error readTemplates(const JsonCursor &root, TokenizerData &data);

/// [CLS] A [SEP], and [CLS] A [SEP] B [SEP].
void setBertTemplates(TokenizerData &data);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_TOKENIZERFILES_H

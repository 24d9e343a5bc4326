//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tokenizer_config.json, special_tokens_map.json and added_tokens.json: what
// Hugging Face keeps beside the vocabulary. All of them are optional, and an
// absent field stays absent, so that the reader of the vocabulary can tell a
// wish from a default.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZERCONFIG_H
#define BERTC_COMPILER_IMPORT_TOKENIZERCONFIG_H

#include "compiler/Import/Json.h"
#include "compiler/Import/Tokenizer.h"

namespace bertc {

/// A value and where it was written.
template <typename T> struct Located {
  T value;
  SourceLocation location;
};

struct TokenizerConfig {
  std::optional<Located<std::string>> tokenizerClass;
  std::optional<Located<bool>> doLowerCase;
  std::optional<Located<bool>> stripAccents; ///< Absent also if null.
  std::optional<Located<bool>> tokenizeChineseChars;
  uint32_t modelMaxLength = 0;

  /// As named by "unk_token" and so on; their ids are not known here.
  std::optional<Located<AddedToken>> unk, cls, sep, pad, mask;
  /// Other special tokens, without ids.
  std::vector<Located<AddedToken>> additional;
  /// Tokens of added_tokens_decoder and added_tokens.json, by rising id.
  std::vector<Located<AddedToken>> withId;
};

llvm::Expected<TokenizerConfig> loadTokenizerConfig(llvm::StringRef directory);

/// Reads the flags of an added token from an object.
llvm::Error readTokenFlags(const JsonCursor &object, AddedToken &token);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_TOKENIZERCONFIG_H

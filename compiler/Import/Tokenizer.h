//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokenizer of a model directory. tokenizer.json says everything about
// itself; without it vocab.txt gives the tokens and tokenizer_config.json the
// options. Only the BERT family is accepted, and anything else is an error
// rather than a guess, because wrong ids give wrong results silently.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_TOKENIZER_H
#define BERTC_COMPILER_IMPORT_TOKENIZER_H

#include "compiler/Import/Diagnostics.h"
#include "compiler/Import/ModelConfig.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bertc {

/// A token that is found in text as a whole, before words are split.
struct AddedToken {
  std::string content;
  uint32_t id = 0;
  bool special = false;
  bool singleWord = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
};

/// A piece of the result: a special token, or the tokens of a text.
struct TemplatePiece {
  enum Kind { Token, First, Second } kind;
  uint32_t id;
  uint32_t typeId;
};

struct TokenizerData {
  std::string file;                ///< Where the vocabulary was read.
  std::vector<std::string> tokens; ///< By id: vocabulary, then added tokens.
  uint32_t vocabularySize = 0;     ///< Tokens that words are matched against.
  std::vector<AddedToken> added;

  bool cleanText = true;
  bool handleChineseChars = true;
  bool stripAccents = true;
  bool lowercase = true;
  std::string continuingPrefix = "##";
  uint32_t maxInputCharsPerWord = 100;
  uint32_t modelMaxLength = 0; ///< In tokens; 0: no limit.

  uint32_t unkId = 0;
  uint32_t clsId = 0;
  uint32_t sepId = 0;
  std::optional<uint32_t> padId;
  std::optional<uint32_t> maskId;
  std::vector<TemplatePiece> single; ///< For one text.
  std::vector<TemplatePiece> pair;   ///< For two.

  uint32_t options() const; ///< BERTC_TEXT_* bits.
};

/// Whether `directory` has a tokenizer's files.
bool hasTokenizer(llvm::StringRef directory);

/// Reads the tokenizer of `directory`. Remarks that are no errors are appended
/// to `notes`.
llvm::Expected<TokenizerData> loadTokenizer(llvm::StringRef directory,
                                            std::vector<Diagnostic> &notes);

/// Checks that every id has a row in the model's embedding tables, and lowers
/// the limit of tokens to the model's number of positions.
llvm::Error checkTokenizer(TokenizerData &tokenizer, const ModelConfig &config);

/// The blob of runtime/abi/text.h. The same data give the same bytes.
std::string serializeTokenizer(const TokenizerData &tokenizer);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_TOKENIZER_H

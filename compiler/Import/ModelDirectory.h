//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Everything that a model directory says, read and checked. What follows never
// looks at the directory again, except for the weights, which stay mapped.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_MODELDIRECTORY_H
#define BERTC_COMPILER_IMPORT_MODELDIRECTORY_H

#include "compiler/Import/Checkpoint.h"
#include "compiler/Import/ModelConfig.h"
#include "compiler/Import/SentenceConfig.h"
#include "compiler/Import/Tokenizer.h"
#include <optional>

namespace bertc {

struct ModelDirectory {
  std::string path;          ///< As given: a directory or a config.json.
  std::string directory;     ///< The directory of the whole model.
  std::string encoderFolder; ///< Of config.json, weights and tokenizer.
  ModelConfig config;
  Checkpoint weights; ///< Without weights for a bare config.json.
  SentenceConfig sentence;
  /// Absent if there are no tokenizer files. Its modelMaxLength is the limit of
  /// sentence-transformers, if that sets one.
  std::optional<TokenizerData> tokenizer;
  /// Warnings and notes that came up; none is an error.
  std::vector<Diagnostic> notes;

  /// Whether pooler_output can be computed. Without weights, the architecture
  /// named in the config decides.
  bool hasPooler() const;
};

/// Reads a Hugging Face or sentence-transformers directory, or a config.json
/// alone.
llvm::Expected<ModelDirectory> loadModelDirectory(llvm::StringRef path);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_MODELDIRECTORY_H

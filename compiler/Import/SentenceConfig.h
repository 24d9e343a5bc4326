//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What sentence-transformers' files say about turning token vectors into one
// vector per text. A pipeline that cannot be compiled is kept as a diagnostic:
// it only matters when the sentence_embedding output is asked for.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_SENTENCECONFIG_H
#define BERTC_COMPILER_IMPORT_SENTENCECONFIG_H

#include "compiler/Import/ModelConfig.h"
#include <optional>

namespace bertc {

enum class PoolingMode { Cls, Mean, Max, MeanSqrtLen };

struct SentenceConfig {
  /// modules.json exists.
  bool present = false;
  /// Folder of the Transformer module inside the model; often empty.
  std::string transformerFolder;
  /// Configuration of the Pooling module; empty if there is none.
  std::string poolingFile;
  PoolingMode pooling = PoolingMode::Mean;
  bool normalize = false;
  /// Why sentence_embedding cannot be computed, if it cannot.
  std::optional<Diagnostic> unsupported;
  /// From sentence_bert_config.json; tokens, special ones included.
  std::optional<int64_t> maxSeqLength;
  bool doLowerCase = false;

  bool available() const { return present && !unsupported; }
};

/// Reads modules.json, which says where the encoder itself is. A directory
/// without it gives a SentenceConfig that is not present.
llvm::Expected<SentenceConfig> loadModules(llvm::StringRef directory);

/// Reads the pooling configuration and sentence_bert_config.json, against the
/// sizes of the encoder.
llvm::Error loadSentenceConfig(llvm::StringRef directory,
                               const ModelConfig &config,
                               SentenceConfig &sentence,
                               std::vector<Diagnostic> &notes);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_SENTENCECONFIG_H

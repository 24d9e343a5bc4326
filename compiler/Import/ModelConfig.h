//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The shape and the arithmetic of an encoder, as its config.json states them.
// Absent fields take the values that transformers' BertConfig gives them.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_MODELCONFIG_H
#define BERTC_COMPILER_IMPORT_MODELCONFIG_H

#include "compiler/Import/Diagnostics.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bertc {

/// Gelu is the erf form; GeluTanh the tanh approximation.
enum class Activation { Gelu, GeluTanh, Relu, Silu, Tanh };

llvm::StringRef activationName(Activation activation);

struct ModelConfig {
  std::string file; ///< The config.json this was read from.
  std::string modelType = "bert";
  std::vector<std::string> architectures;
  int64_t hiddenSize = 768;
  int64_t numHiddenLayers = 12;
  int64_t numAttentionHeads = 12;
  int64_t intermediateSize = 3072;
  int64_t vocabSize = 30522;
  int64_t maxPositionEmbeddings = 512;
  int64_t typeVocabSize = 2;
  int64_t padTokenId = 0;
  Activation hiddenAct = Activation::Gelu;
  std::string hiddenActName = "gelu"; ///< As written.
  double layerNormEps = 1e-12;
  // What training reads.
  double hiddenDropout = 0.1;
  double attentionDropout = 0.1;
  double initializerRange = 0.02; ///< Standard deviation of new weights.
  std::optional<double> classifierDropout; ///< Absent: the hidden one.
  int64_t numLabels = 2;                   ///< Of the head.
  std::string problemType;                 ///< Empty: as the labels suggest.
  /// What is wrong with these; no concern of inference.
  std::optional<Diagnostic> trainingProblem;

  int64_t headSize() const { return hiddenSize / numAttentionHeads; }
  /// Whether the architecture named in the config has a pooler; only a guess
  /// for when there are no weights to look at.
  bool architectureHasPooler() const;
};

/// Reads config.json. Remarks that are no errors (defaults taken) are appended
/// to `notes`.
llvm::Expected<ModelConfig> loadModelConfig(llvm::StringRef path,
                                            std::vector<Diagnostic> &notes);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_MODELCONFIG_H

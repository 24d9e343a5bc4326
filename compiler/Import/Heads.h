//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is put on an encoder: a head as transformers has it and, to train it,
// its loss. It comes from --head, or from the architecture that config.json
// names.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_HEADS_H
#define BERTC_COMPILER_IMPORT_HEADS_H

#include "compiler/Import/BertWeights.h"
#include "compiler/Import/ModelDirectory.h"

namespace bertc {

struct HeadSpec {
  enum Kind {
    Classify,   ///< One label of several, for each text.
    MultiLabel, ///< Each label a question of its own.
    Regress,    ///< Numbers for each text.
    Tag,        ///< One label for each token.
    Answer,     ///< Where an answer begins and ends.
  };
  Kind kind = Classify;
  int64_t labels = 2;

  /// Whether it reads the pooler, or else all tokens.
  bool hasPooler() const {
    return kind == Classify || kind == MultiLabel || kind == Regress;
  }
  /// "classifier" or "qa_outputs".
  llvm::StringRef module() const {
    return kind == Answer ? "qa_outputs" : "classifier";
  }
};

/// `text` is "classify:3", "multilabel:5", "regress", "tag:9" or "answer"; if
/// empty, the head is that of the model.
llvm::Expected<HeadSpec> parseHead(llvm::StringRef text,
                                   const ModelDirectory &model);

/// The head of a model whose config names one and whose checkpoint, if there is
/// one, has its tensors.
std::optional<HeadSpec> findHead(const ModelDirectory &model);

/// Checks what the checkpoint has of the head's tensors, and whether it has all
/// of them or none.
llvm::Error verifyHead(const ModelDirectory &model, const HeadSpec &head);

/// "BertForSequenceClassification", ..., and `problem_type`, which may be
/// empty.
llvm::StringRef headArchitecture(const HeadSpec &head);
llvm::StringRef headProblemType(const HeadSpec &head);

/// The symbols of the weights are those of their module: `classifier_weight`.
std::vector<WeightSpec> headWeights(const HeadSpec &head,
                                    const ModelConfig &config);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_HEADS_H

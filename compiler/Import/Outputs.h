//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The list of outputs that a user asks for, checked against what the model can
// compute. The order of the list is the order of the function's results.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_OUTPUTS_H
#define BERTC_COMPILER_IMPORT_OUTPUTS_H

#include "compiler/Import/Heads.h"

namespace bertc {

struct OutputSpec {
  enum Kind {
    LastHiddenState,
    PoolerOutput,
    HiddenState,
    Attentions,
    SentenceEmbedding,
    Logits
  };
  Kind kind = LastHiddenState;
  /// Of a hidden state: 0 before the first layer; of attentions: the layer.
  int64_t index = 0;

  /// "last_hidden_state", "hidden_states.3", ...
  std::string name() const;
  bool operator==(const OutputSpec &other) const {
    return kind == other.kind && index == other.index;
  }
};

/// last_hidden_state, pooler_output if there is a pooler, sentence_embedding if
/// the model defines it, logits if there is a head.
std::vector<OutputSpec>
defaultOutputs(const ModelDirectory &model,
               const std::optional<HeadSpec> &head = std::nullopt);

/// Parses `last_hidden_state,hidden_states[0,6],attentions[all],...`; an empty
/// text means the default outputs. `head` is what makes logits.
llvm::Expected<std::vector<OutputSpec>>
parseOutputs(llvm::StringRef text, const ModelDirectory &model,
             const std::optional<HeadSpec> &head = std::nullopt);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_OUTPUTS_H

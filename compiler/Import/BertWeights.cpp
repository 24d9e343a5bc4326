//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sizes are written as letters, so a row of the table reads like the model's
// documentation; H is the hidden size, F the intermediate size.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/BertWeights.h"

using namespace bertc;

namespace {
enum Size { None, H, F, Vocab, Positions, Types };
enum Group { Embeddings, Layer, Pooler };
struct Row {
  llvm::StringLiteral symbol;
  llvm::StringLiteral tensor;
  Size rows, columns;
  Group group;
};
} // namespace

#define LAYER "encoder.layer.{layer}."
static constexpr Row table[] = {
    {"word_embeddings", "embeddings.word_embeddings.weight", Vocab, H,
     Embeddings},
    {"token_type_embeddings", "embeddings.token_type_embeddings.weight", Types,
     H, Embeddings},
    {"position_embeddings", "embeddings.position_embeddings.weight", Positions,
     H, Embeddings},
    {"embeddings_norm_gain", "embeddings.LayerNorm.weight", H, None,
     Embeddings},
    {"embeddings_norm_bias", "embeddings.LayerNorm.bias", H, None, Embeddings},
    {"query_weight", LAYER "attention.self.query.weight", H, H, Layer},
    {"query_bias", LAYER "attention.self.query.bias", H, None, Layer},
    {"key_weight", LAYER "attention.self.key.weight", H, H, Layer},
    {"key_bias", LAYER "attention.self.key.bias", H, None, Layer},
    {"value_weight", LAYER "attention.self.value.weight", H, H, Layer},
    {"value_bias", LAYER "attention.self.value.bias", H, None, Layer},
    {"attention_output_weight", LAYER "attention.output.dense.weight", H, H,
     Layer},
    {"attention_output_bias", LAYER "attention.output.dense.bias", H, None,
     Layer},
    {"attention_norm_gain", LAYER "attention.output.LayerNorm.weight", H, None,
     Layer},
    {"attention_norm_bias", LAYER "attention.output.LayerNorm.bias", H, None,
     Layer},
    {"intermediate_weight", LAYER "intermediate.dense.weight", F, H, Layer},
    {"intermediate_bias", LAYER "intermediate.dense.bias", F, None, Layer},
    {"output_weight", LAYER "output.dense.weight", H, F, Layer},
    {"output_bias", LAYER "output.dense.bias", H, None, Layer},
    {"output_norm_gain", LAYER "output.LayerNorm.weight", H, None, Layer},
    {"output_norm_bias", LAYER "output.LayerNorm.bias", H, None, Layer},
    {"pooler_weight", "pooler.dense.weight", H, H, Pooler},
    {"pooler_bias", "pooler.dense.bias", H, None, Pooler},
};
#undef LAYER

std::string bertc::substituteLayer(llvm::StringRef pattern, int64_t layer) {
  constexpr llvm::StringLiteral placeholder = "{layer}";
  size_t at = pattern.find(placeholder);
  if (at == llvm::StringRef::npos)
    return pattern.str();
  return (pattern.take_front(at) + llvm::Twine(layer) +
          pattern.drop_front(at + placeholder.size()))
      .str();
}

std::string WeightSpec::tensorName(int64_t layer) const {
  return substituteLayer(tensor, layer);
}

std::vector<WeightSpec> bertc::bertWeights(const ModelConfig &config,
                                           bool pooler) {
  auto extent = [&](Size size) -> int64_t {
    switch (size) {
    case H:
      return config.hiddenSize;
    case F:
      return config.intermediateSize;
    case Vocab:
      return config.vocabSize;
    case Positions:
      return config.maxPositionEmbeddings;
    case Types:
      return config.typeVocabSize;
    case None:
      break;
    }
    return 0;
  };
  std::vector<WeightSpec> weights;
  for (const Row &row : table) {
    if (row.group == Pooler && !pooler)
      continue;
    WeightSpec &spec = weights.emplace_back();
    spec.symbol = row.symbol;
    spec.tensor = row.tensor;
    spec.layered = row.group == Layer;
    spec.shape.push_back(extent(row.rows));
    if (row.columns != None)
      spec.shape.push_back(extent(row.columns));
  }
  return weights;
}

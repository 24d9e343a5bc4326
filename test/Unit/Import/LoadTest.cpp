//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Valid models in all the forms they come in, and what is read from them.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "compiler/Import/BertWeights.h"
#include "compiler/Import/Outputs.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;
using namespace bertc::test;

namespace {
llvm::Expected<ModelDirectory> load(const TestModel &model,
                                    llvm::StringRef path = "") {
  model.write();
  return loadModelDirectory(model.folder.path(path));
}

#define LOAD(name, ...)                                                        \
  auto name = load(__VA_ARGS__);                                               \
  ASSERT_TRUE(bool(name)) << llvm::toString(name.takeError())

std::string names(llvm::ArrayRef<OutputSpec> outputs) {
  std::string text;
  for (const OutputSpec &output : outputs)
    text += (text.empty() ? "" : " ") + output.name();
  return text;
}
} // namespace

TEST(Load, Sizes) {
  TestModel model;
  LOAD(loaded, model);
  const ModelConfig &config = loaded->config;
  EXPECT_EQ(config.hiddenSize, 32);
  EXPECT_EQ(config.numHiddenLayers, 2);
  EXPECT_EQ(config.numAttentionHeads, 2);
  EXPECT_EQ(config.headSize(), 16);
  EXPECT_EQ(config.intermediateSize, 48);
  EXPECT_EQ(config.vocabSize, 20);
  EXPECT_EQ(config.maxPositionEmbeddings, 16);
  EXPECT_EQ(config.typeVocabSize, 2);
  EXPECT_EQ(config.layerNormEps, 1e-12);
  EXPECT_TRUE(loaded->hasPooler());
  EXPECT_TRUE(loaded->notes.empty());
}

TEST(Load, AbsentFieldsTakeTheDefaultsOfBertConfig) {
  TestModel model;
  model.folder.write("config.json", R"({"model_type": "bert"})");
  LOAD(loaded, model, "config.json");
  EXPECT_EQ(loaded->config.hiddenSize, 768);
  EXPECT_EQ(loaded->config.numHiddenLayers, 12);
  EXPECT_EQ(loaded->config.vocabSize, 30522);
  EXPECT_EQ(loaded->config.hiddenAct, Activation::Gelu);
  EXPECT_FALSE(loaded->weights.hasWeights());
  ASSERT_EQ(loaded->notes.size(), 1u);
  EXPECT_EQ(loaded->notes[0].severity, Severity::Note);
  EXPECT_NE(
      loaded->notes[0].message.find("no value for vocab_size, hidden_size"),
      std::string::npos);
}

TEST(Load, Activations) {
  const std::pair<const char *, Activation> table[] = {
      {"gelu", Activation::Gelu},
      {"gelu_new", Activation::GeluTanh},
      {"gelu_pytorch_tanh", Activation::GeluTanh},
      {"relu", Activation::Relu},
      {"silu", Activation::Silu},
      {"swish", Activation::Silu},
      {"tanh", Activation::Tanh}};
  for (const auto &[name, activation] : table) {
    TestModel model;
    model.config["hidden_act"] = name;
    LOAD(loaded, model);
    EXPECT_EQ(loaded->config.hiddenAct, activation) << name;
  }
}

TEST(Load, PoolerOfABareConfigFollowsTheArchitecture) {
  for (auto [name, pooler] : {std::pair("BertModel", true),
                              {"BertForSequenceClassification", true},
                              {"BertForMaskedLM", false},
                              {"BertForTokenClassification", false}}) {
    TestModel model;
    model.config["architectures"] = llvm::json::Array{name};
    LOAD(loaded, model, "config.json");
    EXPECT_EQ(loaded->hasPooler(), pooler) << name;
  }
}

TEST(Load, PrefixesLegacyNamesAndHeads) {
  TestModel model;
  model.renameTensors([](llvm::StringRef name) {
    llvm::StringRef plain = name.drop_front(5);
    if (plain.consume_back("LayerNorm.weight"))
      return (plain + "LayerNorm.gamma").str();
    if (plain.consume_back("LayerNorm.bias"))
      return (plain + "LayerNorm.beta").str();
    return plain.str();
  });
  model.tensors.push_back({"embeddings.position_ids", "I64", {1, 16}});
  model.tensors.push_back({"cls.predictions.bias", "F32", {20}});
  LOAD(loaded, model);
  EXPECT_TRUE(loaded->weights.find("encoder.layer.1.output.LayerNorm.bias"));
  EXPECT_EQ(loaded->weights.find("embeddings.LayerNorm.weight")->name,
            "embeddings.LayerNorm.gamma");
  EXPECT_TRUE(loaded->notes.empty());
}

TEST(Load, LayersBeyondTheLastAreAWarning) {
  TestModel model;
  model.config["num_hidden_layers"] = 1;
  LOAD(loaded, model);
  ASSERT_EQ(loaded->notes.size(), 1u);
  EXPECT_EQ(loaded->notes[0].severity, Severity::Warning);
  EXPECT_NE(loaded->notes[0].message.find("'bert.encoder.layer.1."),
            std::string::npos);
}

TEST(Load, ShardsGiveTheSameValuesAsOneFile) {
  TestModel model;
  LOAD(whole, model);
  // Two shards, with the tensors dealt out in turn.
  std::vector<TestTensor> half[2];
  llvm::json::Object map;
  for (auto [i, tensor] : llvm::enumerate(model.tensors)) {
    half[i % 2].push_back(tensor);
    map[tensor.name] = "m-" + std::to_string(i % 2) + ".safetensors";
  }
  TestModel sharded;
  sharded.folder.write(
      "s/config.json",
      llvm::formatv("{0}",
                    llvm::json::Value(llvm::json::Object(sharded.config)))
          .str());
  for (int i = 0; i < 2; ++i)
    sharded.folder.write("s/m-" + std::to_string(i) + ".safetensors",
                         safetensors(half[i]));
  sharded.folder.write(
      "s/model.safetensors.index.json",
      llvm::formatv("{0}", llvm::json::Value(llvm::json::Object{
                               {"weight_map", std::move(map)}}))
          .str());
  LOAD(parts, sharded, "s");
  EXPECT_EQ(parts->weights.getFiles().size(), 2u);
  for (const WeightSpec &spec : bertWeights(parts->config, true)) {
    auto tensor = resolveWeight(parts->weights, spec.tensor, 1);
    ASSERT_TRUE(bool(tensor));
    EXPECT_EQ(formatShape((*tensor)->shape), formatShape(spec.shape));
    std::vector<float> values((*tensor)->elements());
    EXPECT_FALSE(bool(
        parts->weights.readAsF32(**tensor, 0, values.size(), values.data())));
    parts->weights.release(**tensor);
  }
  auto absent = resolveWeight(parts->weights, "encoder.layer.{layer}.x", 3);
  EXPECT_NE(llvm::toString(absent.takeError()).find("'encoder.layer.3.x'"),
            std::string::npos);
}

TEST(Load, PoolingModesInBothForms) {
  const std::tuple<const char *, PoolingMode> table[] = {
      {R"({"pooling_mode_cls_token": true})", PoolingMode::Cls},
      {R"({"pooling_mode_max_tokens": true, "pooling_mode_cls_token": false})",
       PoolingMode::Max},
      {R"({"pooling_mode_mean_sqrt_len_tokens": true})",
       PoolingMode::MeanSqrtLen},
      {R"({})", PoolingMode::Mean},
      {R"({"pooling_mode": "cls", "embedding_dimension": 32})",
       PoolingMode::Cls},
      {R"({"pooling_mode": ["mean"]})", PoolingMode::Mean},
  };
  for (const auto &[text, mode] : table) {
    TestModel model;
    model.writeSentenceFiles();
    model.folder.write("1_Pooling/config.json", text);
    LOAD(loaded, model);
    EXPECT_TRUE(loaded->sentence.available()) << text;
    EXPECT_EQ(loaded->sentence.pooling, mode) << text;
    EXPECT_TRUE(loaded->sentence.normalize);
  }
}

TEST(Load, EncoderInItsOwnFolder) {
  TestModel model;
  model.folder.write("m/modules.json", R"([
    {"path": "0_T", "type": "sentence_transformers.models.Transformer"},
    {"path": "1_P", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"}])");
  model.folder.write("m/1_P/config.json", "{}");
  model.folder.write(
      "m/0_T/config.json",
      llvm::formatv("{0}", llvm::json::Value(llvm::json::Object(model.config)))
          .str());
  model.folder.write("m/0_T/model.safetensors", safetensors(model.tensors));
  model.folder.write("m/0_T/vocab.txt", vocabulary());
  model.folder.write("m/0_T/sentence_bert_config.json",
                     R"({"max_seq_length": 512, "do_lower_case": true})");
  LOAD(loaded, model, "m");
  EXPECT_EQ(loaded->encoderFolder, model.folder.path("m/0_T"));
  EXPECT_FALSE(loaded->sentence.normalize);
  EXPECT_TRUE(loaded->sentence.doLowerCase);
  EXPECT_EQ(loaded->sentence.maxSeqLength, 16) << "cut to the positions";
  EXPECT_EQ(loaded->notes.size(), 1u);
}

TEST(Load, TokenizerUnderTheLimitsOfTheSentenceModel) {
  TestModel model;
  model.writeSentenceFiles();
  model.folder.write("tokenizer_config.json",
                     R"({"do_lower_case": false, "model_max_length": 14})");
  LOAD(plain, model);
  ASSERT_TRUE(plain->tokenizer);
  EXPECT_EQ(plain->tokenizer->tokens.size(), 20u);
  EXPECT_EQ(plain->tokenizer->modelMaxLength, 14u);
  EXPECT_FALSE(plain->tokenizer->lowercase);
  model.folder.write("sentence_bert_config.json",
                     R"({"max_seq_length": 8, "do_lower_case": true})");
  LOAD(limited, model);
  EXPECT_EQ(limited->tokenizer->modelMaxLength, 8u);
  EXPECT_TRUE(limited->tokenizer->lowercase);
}

TEST(Load, WithoutATokenizerThereIsANote) {
  TestModel model;
  model.write();
  model.folder.remove("vocab.txt");
  auto loaded = loadModelDirectory(model.folder.path());
  ASSERT_TRUE(bool(loaded)) << llvm::toString(loaded.takeError());
  EXPECT_FALSE(loaded->tokenizer);
  ASSERT_EQ(loaded->notes.size(), 1u);
  EXPECT_NE(loaded->notes[0].message.find("no tokenizer files"),
            std::string::npos);
}

TEST(Outputs, Defaults) {
  TestModel model;
  LOAD(plain, model);
  EXPECT_EQ(names(defaultOutputs(*plain)), "last_hidden_state pooler_output");
  TestModel sentence;
  sentence.writeSentenceFiles();
  sentence.removeTensor("bert.pooler.dense.weight");
  sentence.removeTensor("bert.pooler.dense.bias");
  LOAD(loaded, sentence);
  EXPECT_EQ(names(defaultOutputs(*loaded)),
            "last_hidden_state sentence_embedding");
  // A pipeline that cannot be compiled is no reason to refuse the model.
  sentence.folder.write("1_Pooling/config.json",
                        R"({"pooling_mode": "lasttoken"})");
  LOAD(without, sentence);
  EXPECT_EQ(names(defaultOutputs(*without)), "last_hidden_state");
}

TEST(Outputs, ListsKeepTheirOrder) {
  TestModel model;
  model.writeSentenceFiles();
  LOAD(loaded, model);
  auto parse = [&](llvm::StringRef text) {
    auto outputs = parseOutputs(text, *loaded);
    return outputs ? names(*outputs) : llvm::toString(outputs.takeError());
  };
  EXPECT_EQ(parse("sentence_embedding, last_hidden_state"),
            "sentence_embedding last_hidden_state");
  EXPECT_EQ(parse("hidden_states[all]"),
            "hidden_states.0 hidden_states.1 hidden_states.2");
  EXPECT_EQ(parse("attentions[1],attentions[0]"), "attentions.1 attentions.0");
  EXPECT_EQ(parse("attentions[all]"), "attentions.0 attentions.1");
  EXPECT_EQ(parse("hidden_states[ 2, 0 ],pooler_output,hidden_states[1]"),
            "hidden_states.2 hidden_states.0 pooler_output hidden_states.1");
}

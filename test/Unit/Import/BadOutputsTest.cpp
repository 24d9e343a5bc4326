//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Damaged sentence-transformers files, and output lists that the model or the
// compiler cannot serve.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

using namespace bertc;
using namespace bertc::test;

namespace {
using Damage = std::function<void(TestModel &)>;

/// A sentence model with one of its files replaced.
Damage sentence(std::string file, std::string content) {
  return [=](TestModel &m) {
    m.writeSentenceFiles();
    m.folder.write(file, content);
  };
}
Damage modules(std::string content) {
  return sentence("modules.json", content);
}
Damage pooling(std::string content) {
  return sentence("1_Pooling/config.json", content);
}
std::string module(std::string type, std::string path) {
  return "{\"type\": \"sentence_transformers.models." + type +
         "\", \"path\": \"" + path + "\"}";
}
const std::string transformer = module("Transformer", "");

const BadModel badSentence[] = {
    {"ModulesNotJson",
     modules("nope"),
     {"modules.json:1:1: error: expected a value"}},
    {"ModulesObject",
     modules("{}"),
     {"the document: expected an array, got an object"}},
    {"ModulesEmpty",
     modules("[]"),
     {"no modules, expected a Transformer and a Pooling"}},
    {"ModuleNumber", modules("[1]"), {"'[0]': expected an object, got 1"}},
    {"ModuleNoType",
     modules("[{\"path\": \"\"}]"),
     {"missing key 'type' in '[0]'"}},
    {"ModuleNoPath",
     modules("[{\"type\": \"x\"}]"),
     {"missing key 'path' in '[0]'"}},
    {"ModuleTypeNumber",
     modules("[{\"type\": 1, \"path\": \"\"}]"),
     {"'[0].type': expected a string, got 1"}},
    {"ModuleAbsolute",
     modules("[" + module("Transformer", "/etc") + "]"),
     {"expected a folder inside the model, got '/etc'"}},
    {"ModuleOutside",
     modules("[" + module("Transformer", "a/../../b") + "]"),
     {"expected a folder inside the model, got 'a/../../b'"}},
    {"TransformerElsewhere",
     modules("[" + module("Transformer", "0_Transformer") + "]"),
     {"0_Transformer: error: no config.json in the directory"}},
    {"NoPoolingFile",
     [](TestModel &m) {
       m.writeSentenceFiles();
       m.folder.remove("1_Pooling/config.json");
     },
     {"1_Pooling/config.json: error: cannot open the file: "}},
    {"PoolingArray", pooling("[]"), {"expected an object, got an array"}},
    {"PoolingWidth",
     pooling("{\"word_embedding_dimension\": 384}"),
     {"'word_embedding_dimension' is not the hidden size, expected 32 from ",
      "got 384"}},
    {"PoolingFlag",
     pooling("{\"pooling_mode_cls_token\": \"yes\"}"),
     {"'pooling_mode_cls_token': expected true or false, got the string "
      "'yes'"}},
    {"PoolingName",
     pooling("{\"pooling_mode\": \"median\"}"),
     {"unknown pooling mode 'median', expected cls, max, mean or "
      "mean_sqrt_len_tokens"}},
    {"PoolingNone",
     pooling("{\"pooling_mode\": []}"),
     {"'pooling_mode' is empty"}},
    {"PoolingNumber",
     pooling("{\"pooling_mode\": [3]}"),
     {"'pooling_mode[0]': expected a string, got 3"}},
    {"LengthString",
     sentence("sentence_bert_config.json", "{\"max_seq_length\": \"8\"}"),
     {"'max_seq_length': expected an integer, got the string '8'"}},
    {"LengthZero",
     sentence("sentence_bert_config.json", "{\"max_seq_length\": 0}"),
     {"'max_seq_length' is out of range"}},
    {"LowerCase",
     sentence("sentence_bert_config.json", "{\"do_lower_case\": 1}"),
     {"'do_lower_case': expected true or false, got 1"}},
    {"LimitsArray",
     sentence("sentence_bert_config.json", "[]"),
     {"sentence_bert_config.json:1:1: error: the document: expected an "
      "object"}},
};

/// Asks a valid model for `outputs`.
BadModel asking(std::string name, std::string outputs,
                std::vector<std::string> expected) {
  return {name,     [](TestModel &m) { m.writeSentenceFiles(); },
          expected, ExitCode::Usage,
          outputs,  ""};
}
/// Asks a damaged sentence model for its embedding.
BadModel embedding(std::string name, Damage damage,
                   std::vector<std::string> expected) {
  return {name, damage, expected, ExitCode::BadModel, "sentence_embedding", ""};
}

const BadModel badOutputs[] = {
    asking("Unknown", "last_hiden_state",
           {"--outputs:1:1: error: unknown output 'last_hiden_state', expected",
            "help: did you mean 'last_hidden_state'?"}),
    asking("Loss", "loss",
           {"output 'loss' is of training only", "help: compile with --train"}),
    asking("AttentionsNoList", "last_hidden_state,attentions",
           {"--outputs:1:19: error: expected the numbers of the layers",
            "help: write attentions[all] or, for example, attentions[0,6]"}),
    asking("AttentionsBeyondLast", "attentions[0,2]",
           {"--outputs:1:14: error: expected 'all' or a layer from 0 to 1, got "
            "'2'",
            "help: 0 is the first layer"}),
    asking("AttentionsTwice", "attentions[0],attentions[all]",
           {"output 'attentions.0' is given twice"}),
    asking("NoList", "hidden_states",
           {"expected the numbers of the hidden states",
            "help: write hidden_states[all]"}),
    asking("EmptyList", "hidden_states[]",
           {"expected 'all' or a hidden state from 0 to 2, got ''"}),
    asking("BeyondLast", "hidden_states[0,3]",
           {"--outputs:1:17: error: expected 'all' or a hidden state from 0 to "
            "2, got '3'",
            "help: 0 is the embeddings, 2 the output of the last layer"}),
    asking("Negative", "hidden_states[-1]", {"got '-1'"}),
    asking("NotANumber", "hidden_states[x]", {"got 'x'"}),
    asking("HugeNumber", "hidden_states[99999999999999999999]",
           {"got '99999999999999999999'"}),
    asking("Unclosed", "hidden_states[0",
           {"expected ']' at the end of 'hidden_states[0'"}),
    asking("AfterList", "hidden_states[0]x", {"expected ']' at the end of"}),
    asking("NeedlessList", "pooler_output[0]",
           {"output 'pooler_output' takes no list"}),
    asking("EmptyItem", "last_hidden_state,,pooler_output",
           {"--outputs:1:19: error: expected the name of an output"}),
    asking("TrailingComma", "last_hidden_state,",
           {"expected the name of an output"}),
    asking("OnlySpace", " ", {"expected the name of an output"}),
    asking("Twice", "pooler_output,pooler_output",
           {"output 'pooler_output' is given twice"}),
    asking("HiddenTwice", "hidden_states[all],hidden_states[1]",
           {"output 'hidden_states.1' is given twice"}),
    {"NoPooler",
     [](TestModel &m) {
       m.removeTensor("bert.pooler.dense.weight");
       m.removeTensor("bert.pooler.dense.bias");
     },
     {"'pooler_output' is not there, the model has no pooler"},
     ExitCode::BadModel,
     "pooler_output",
     ""},
    {"NoHead",
     [](TestModel &) {},
     {"--outputs:1:1: error: 'logits' are not there, the model has no head",
      "help: 'architectures' of "},
     ExitCode::BadModel,
     "logits",
     ""},
    {"NoModules",
     [](TestModel &) {},
     {"'sentence_embedding' is not defined", "has no modules.json"},
     ExitCode::BadModel,
     "sentence_embedding",
     ""},
    {"TooMany",
     [](TestModel &m) {
       m.config["num_hidden_layers"] = 200;
       m.write();
     },
     {"too many outputs, expected at most 128"},
     ExitCode::Usage,
     "hidden_states[all]",
     "config.json"},
    embedding("Dense",
              modules("[" + transformer + "," + module("Pooling", "1_Pooling") +
                      "," + module("Dense", "2_Dense") + "]"),
              {"modules.json:1:",
               "cannot compute 'sentence_embedding': unsupported module "
               "'sentence_transformers.models.Dense' at position 2",
               "help: ask for other outputs"}),
    embedding("Foreign",
              modules("[{\"type\": \"my.Transformer\", \"path\": \"\"}]"),
              {"unsupported module 'my.Transformer' at position 0"}),
    embedding("NoPoolingModule", modules("[" + transformer + "]"),
              {"no Pooling module"}),
    embedding("TwoModes",
              pooling("{\"pooling_mode_cls_token\": true, "
                      "\"pooling_mode_mean_tokens\": true}"),
              {"several pooling modes are on, expected one, got 2",
               "help: concatenated poolings are not supported"}),
    embedding("TwoNames", pooling("{\"pooling_mode\": [\"cls\", \"max\"]}"),
              {"several pooling modes are on, expected one, got 2"}),
    embedding("WeightedMean",
              pooling("{\"pooling_mode_weightedmean_tokens\": true}"),
              {"unsupported pooling mode 'weightedmean'"}),
    embedding("LastToken", pooling("{\"pooling_mode\": \"lasttoken\"}"),
              {"unsupported pooling mode 'lasttoken'"}),
};
} // namespace

INSTANTIATE_TEST_SUITE_P(BadSentence, BadModelTest,
                         ::testing::ValuesIn(badSentence), badModelName);
INSTANTIATE_TEST_SUITE_P(BadOutputs, BadModelTest,
                         ::testing::ValuesIn(badOutputs), badModelName);

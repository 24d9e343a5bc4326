//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Damaged weight files: headers that lie about the data, checkpoints that do
// not fit the config, and indices that do not fit their shards.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "llvm/Support/Endian.h"

using namespace bertc;
using namespace bertc::test;

namespace {
using Damage = std::function<void(TestModel &)>;

/// A model.safetensors with these bytes.
Damage raw(std::string content) {
  return [=](TestModel &m) { m.folder.write("model.safetensors", content); };
}
/// A model.safetensors with this header and some data.
Damage header(std::string text, size_t dataBytes = 16) {
  return raw(safetensors(text, dataBytes));
}
/// A header with one tensor "t", given the text of its fields.
Damage entry(std::string fields, size_t dataBytes = 16) {
  return header("{\"t\": {" + fields + "}}", dataBytes);
}
std::string lengthField(uint64_t length) {
  std::string bytes(8, '\0');
  llvm::support::endian::write64le(bytes.data(), length);
  return bytes;
}
/// Files that are not model.safetensors, in place of it.
Damage instead(std::vector<std::pair<std::string, std::string>> files) {
  return [=](TestModel &m) {
    m.folder.write("model/config.json",
                   R"({"model_type": "bert", "hidden_size": 32,
                       "num_attention_heads": 2})");
    for (const auto &[name, content] : files)
      m.folder.write("model/" + name, content);
  };
}
BadModel weightless(std::string name,
                    std::vector<std::pair<std::string, std::string>> files,
                    std::vector<std::string> expected) {
  return {name, instead(files), expected, ExitCode::BadModel, "", "model"};
}

const std::string twoTensors =
    R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": )";

const BadModel badFiles[] = {
    {"Empty",
     raw(""),
     {"model.safetensors: error: the file is truncated, expected at least 8 "
      "bytes, got 0"}},
    {"FourBytes", raw("abcd"), {"expected at least 8 bytes, got 4"}},
    {"LfsPointer",
     raw("version https://git-lfs.github.com/spec/v1\noid x\n"),
     {"the file is a Git LFS pointer, not the weights themselves",
      "help: run 'git lfs pull'"}},
    {"PickledZip",
     raw("PK\x03\x04" + std::string(100, 'x')),
     {"expected safetensors, got a PyTorch pickle", "help: save the model"}},
    {"HeaderTooLong",
     raw(lengthField(uint64_t(1) << 40) + "{}"),
     {"the header is too long, expected at most 100000000 bytes, got "
      "1099511627776"}},
    {"HeaderLengthOverflows",
     raw(lengthField(~uint64_t(0)) + "{}"),
     {"the header is too long"}},
    {"HeaderBeyondFile",
     raw(lengthField(1000) + "{}"),
     {"the file is truncated inside the header, expected 1008 bytes or more, "
      "got 10"}},
    {"HeaderEmpty",
     raw(lengthField(0)),
     {"model.safetensors(header): error: expected JSON, got an empty file"}},
    {"HeaderNotJson",
     header("hello"),
     {"(header):1:1: error: expected a value, got 'hello'"}},
    {"HeaderArray", header("[]"), {"expected an object, got an array"}},
    {"HeaderUtf8", header("{\"\xff\": 1}"), {"invalid UTF-8 in the header"}},
    {"HeaderDeep", header(std::string(100000, '[')), {"nested too deeply"}},
    {"HeaderDuplicate",
     header(twoTensors + "[8, 16]}, \"a\": {}}"),
     {"duplicate key 'a'", "note: first given here"}},
    {"EntryNumber", header("{\"t\": 5}"), {"'t': expected an object, got 5"}},
    {"NoDtype",
     entry(R"("shape": [4], "data_offsets": [0, 16])"),
     {"missing key 'dtype' in 't'"}},
    {"NoShape",
     entry(R"("dtype": "F32", "data_offsets": [0, 16])"),
     {"missing key 'shape' in 't'"}},
    {"NoOffsets",
     entry(R"("dtype": "F32", "shape": [4])"),
     {"missing key 'data_offsets' in 't'"}},
    {"UnknownDtype",
     entry(R"("dtype": "F31", "shape": [4], "data_offsets": [0, 16])"),
     {"(header):1:17: error: unknown dtype 'F31' of tensor 't'"}},
    {"NegativeSize",
     entry(R"("dtype": "F32", "shape": [-4], "data_offsets": [0, 16])"),
     {"'t.shape[0]' is out of range", "got -4"}},
    {"FractionalSize",
     entry(R"("dtype": "F32", "shape": [4.5], "data_offsets": [0, 16])"),
     {"'t.shape[0]': expected an integer, got 4.5"}},
    {"SizeOverflows",
     entry(
         R"("dtype": "F32", "shape": [4294967296, 4294967296], "data_offsets": [0, 16])"),
     {"the size of tensor 't' overflows, got shape [4294967296, 4294967296]"}},
    {"SizeOverflowsBesideZero",
     entry(
         R"("dtype": "F32", "shape": [4611686018427387904, 4611686018427387904, 0], "data_offsets": [0, 16])"),
     {"expected 0 bytes for F32"}},
    {"Rank",
     entry(
         R"("dtype": "U8", "shape": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], "data_offsets": [0, 1])"),
     {"too many dimensions, expected at most 16, got 17"}},
    {"OneOffset",
     entry(R"("dtype": "F32", "shape": [4], "data_offsets": [16])"),
     {"expected two data_offsets of tensor 't', got 1"}},
    {"ReversedOffsets",
     entry(R"("dtype": "F32", "shape": [4], "data_offsets": [16, 0])"),
     {"data_offsets of tensor 't' are reversed, got 16 and 0"}},
    {"NegativeOffset",
     entry(R"("dtype": "F32", "shape": [4], "data_offsets": [-8, 8])"),
     {"'t.data_offsets[0]' is out of range"}},
    {"OffsetsBeyondFile",
     entry(R"("dtype": "F32", "shape": [8], "data_offsets": [0, 32])"),
     {"tensor 't' ends after the file, expected at most byte 16 of the data, "
      "got 32",
      "help: the file may have been cut off"}},
    {"OffsetsHuge",
     entry(
         R"("dtype": "F32", "shape": [4], "data_offsets": [9223372036854775800, 9223372036854775807])"),
     {"tensor 't' ends after the file"}},
    {"SizeDiffers",
     entry(R"("dtype": "F16", "shape": [4], "data_offsets": [0, 16])"),
     {"data_offsets of tensor 't' do not fit its shape, expected 8 bytes for "
      "F16 [4], got 16"}},
    {"Overlap",
     header(twoTensors + "[4, 12]}}"),
     {"tensor 'b' overlaps tensor 'a'"}},
    {"Hole",
     header(twoTensors + "[12, 20]}}", 20),
     {"no tensor covers the 4 bytes before tensor 'b'"}},
    {"TrailingBytes",
     header(twoTensors + "[8, 16]}}", 19),
     {"the file has 3 bytes after the last tensor, expected"}},
    {"DataCutOff",
     [](TestModel &m) {
       std::string whole = safetensors(m.tensors);
       m.folder.write("model.safetensors", llvm::StringRef(whole).drop_back(1));
     },
     {"tensor 'bert.pooler.dense.bias' ends after the file"}},
    {"IsDirectory",
     [](TestModel &m) { m.folder.write("model.safetensors/x", ""); },
     {"model.safetensors: error: "}},
    weightless(
        "NoWeights", {},
        {"model: error: no weights, expected model.safetensors",
         "help: to compile without weights, give the path of config.json"}),
    weightless("OnlyPickle", {{"pytorch_model.bin", "PK"}},
               {"pytorch_model.bin: error: expected model.safetensors, got a "
                "PyTorch pickle",
                "help: convert it: python -c"}),
    weightless("OnlyTensorFlow", {{"tf_model.h5", "x"}},
               {"got TensorFlow weights"}),
};

const BadModel badCheckpoints[] = {
    {"MissingTensor",
     [](TestModel &m) {
       m.removeTensor("bert.encoder.layer.1.output.dense.bias");
     },
     {"model.safetensors: error: missing tensor "
      "'bert.encoder.layer.1.output.dense.bias', expected shape [32]"}},
    {"MisspeltTensor",
     [](TestModel &m) {
       m.tensor("bert.embeddings.word_embeddings.weight").name =
           "bert.embeddings.word_embedding.weight";
     },
     {"missing tensor 'bert.embeddings.word_embeddings.weight', expected shape "
      "[20, 32]",
      "help: did you mean 'bert.embeddings.word_embedding.weight'?"}},
    {"OtherPrefix",
     [](TestModel &m) {
       m.renameTensors([](llvm::StringRef n) {
         return "encoder_q." + n.drop_front(5).str();
       });
     },
     {"missing tensor 'embeddings.word_embeddings.weight'",
      "and 36 more are missing",
      "help: the tensors start with 'encoder_q.', expected 'bert.' or "
      "nothing"}},
    {"TooFewLayers",
     [](TestModel &m) { m.config["num_hidden_layers"] = 3; },
     {"missing tensor 'bert.encoder.layer.2.attention.self.query.weight'",
      "and 15 more are missing"}},
    {"WrongVocabulary",
     [](TestModel &m) {
       m.tensor("bert.embeddings.word_embeddings.weight").shape = {21, 32};
     },
     {"tensor 'bert.embeddings.word_embeddings.weight' has the wrong shape, "
      "expected [20, 32], got [21, 32]",
      "(header):1:", "help: the sizes come from "}},
    {"Transposed",
     [](TestModel &m) {
       m.tensor("bert.encoder.layer.0.intermediate.dense.weight").shape = {32,
                                                                           48};
     },
     {"expected [48, 32], got [32, 48]"}},
    {"WrongRank",
     [](TestModel &m) {
       m.tensor("bert.encoder.layer.0.output.dense.bias").shape = {1, 32};
     },
     {"expected [32], got [1, 32]"}},
    {"IntegerWeights",
     [](TestModel &m) {
       m.tensor("bert.encoder.layer.0.attention.self.key.weight").dtype = "I8";
     },
     {"tensor 'bert.encoder.layer.0.attention.self.key.weight' has an "
      "unsupported dtype, expected F32, F16, BF16 or F64, got I8"}},
    {"GammaAndWeight",
     [](TestModel &m) {
       m.tensors.push_back({"bert.embeddings.LayerNorm.gamma", "F32", {32}});
     },
     {"two tensors are 'embeddings.LayerNorm.weight'",
      "note: the other one is here"}},
    {"BothPrefixes",
     [](TestModel &m) {
       m.tensors.push_back(
           {"embeddings.word_embeddings.weight", "F32", {20, 32}});
     },
     {"two tensors are 'embeddings.word_embeddings.weight'"}},
    {"UnexpectedTensor",
     [](TestModel &m) {
       m.tensors.push_back(
           {"bert.encoder.layer.1.attention.self.distance_embedding.weight",
            "F32",
            {31, 16}});
     },
     {"unexpected tensor "
      "'bert.encoder.layer.1.attention.self.distance_embedding.weight'",
      "help: the model may need an architecture that is not supported"}},
    {"Adapter",
     [](TestModel &m) {
       m.tensors.push_back(
           {"bert.encoder.layer.0.attention.self.query.lora_A.weight",
            "F32",
            {4, 32}});
     },
     {"unexpected tensor "
      "'bert.encoder.layer.0.attention.self.query.lora_A.weight'"}},
    {"HalfAPooler",
     [](TestModel &m) { m.removeTensor("bert.pooler.dense.bias"); },
     {"missing tensor 'bert.pooler.dense.bias', expected shape [32]"}},
    {"NoTensors",
     [](TestModel &m) { m.tensors.clear(); },
     {"missing tensor 'embeddings.word_embeddings.weight'",
      "more are missing"}},
};

const std::string shard = safetensors(
    R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})", 4);

BadModel index(std::string name, std::string text,
               std::vector<std::string> expected) {
  return weightless(name,
                    {{"model.safetensors.index.json", text},
                     {"1.safetensors", shard},
                     {"2.safetensors", shard}},
                    expected);
}

const BadModel badIndices[] = {
    index("NotJson", "weights", {"index.json:1:1: error: expected a value"}),
    index("NoMap", "{\"metadata\": {}}",
          {"missing key 'weight_map' in the document"}),
    index("MapArray", "{\"weight_map\": []}",
          {"'weight_map': expected an object, got an array"}),
    index("MapEmpty", "{\"weight_map\": {}}", {"'weight_map' is empty"}),
    index("MapNumber", "{\"weight_map\": {\"a\": 1}}",
          {"'weight_map.a': expected a string, got 1"}),
    index("NoShard", "{\"weight_map\":\n {\"a\": \"3.safetensors\"}}",
          {"index.json:2:8: error: shard '3.safetensors' does not exist"}),
    index("OutsideShard", "{\"weight_map\": {\"a\": \"../1.safetensors\"}}",
          {"expected the name of a file beside the index, got "
           "'../1.safetensors'"}),
    index("AbsoluteShard", "{\"weight_map\": {\"a\": \"/etc/passwd\"}}",
          {"expected the name of a file beside the index, got '/etc/passwd'"}),
    index("NotInShard", "{\"weight_map\": {\"b\": \"1.safetensors\"}}",
          {"tensor 'b' is not in shard '1.safetensors'"}),
    index("TwoShards",
          "{\"weight_map\": {\"a\": \"1.safetensors\", \"b\": "
          "\"2.safetensors\"}}",
          {"tensor 'b' is not in shard '2.safetensors'"}),
    index("TooFewTensors", "{\"weight_map\": {\"a\": \"1.safetensors\"}}",
          {"index.json: error: missing tensor "
           "'embeddings.word_embeddings.weight'"}),
};
} // namespace

INSTANTIATE_TEST_SUITE_P(BadFile, BadModelTest, ::testing::ValuesIn(badFiles),
                         badModelName);
INSTANTIATE_TEST_SUITE_P(BadCheckpoint, BadModelTest,
                         ::testing::ValuesIn(badCheckpoints), badModelName);
INSTANTIATE_TEST_SUITE_P(BadIndex, BadModelTest,
                         ::testing::ValuesIn(badIndices), badModelName);

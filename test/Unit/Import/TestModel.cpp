//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The directory that the tests damage, and the runner that loads it. Tensor
// names are spelled out here on purpose, not taken from the importer's table.
//
//===----------------------------------------------------------------------===//
#include "TestModel.h"

#include "compiler/Import/Outputs.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace bertc;
using namespace bertc::test;
namespace json = llvm::json;

/// LLVM's own libraries are not sanitized: they never unpoison what the inlined
/// half of their arenas poisons here.
extern "C" const char *__asan_default_options() {
  return "allow_user_poisoning=0";
}

TemporaryFolder::TemporaryFolder() {
  std::error_code error =
      llvm::sys::fs::createUniqueDirectory("bertc-import", root);
  EXPECT_FALSE(error) << error.message();
}

TemporaryFolder::~TemporaryFolder() {
  (void)llvm::sys::fs::remove_directories(root);
}

std::string TemporaryFolder::path(llvm::StringRef name) const {
  llvm::SmallString<128> full(root);
  if (!name.empty())
    llvm::sys::path::append(full, name);
  return full.str().str();
}

void TemporaryFolder::write(llvm::StringRef name,
                            llvm::StringRef content) const {
  std::string full = path(name);
  (void)llvm::sys::fs::create_directories(llvm::sys::path::parent_path(full));
  std::error_code error;
  llvm::raw_fd_ostream os(full, error);
  ASSERT_FALSE(error) << full << ": " << error.message();
  os << content;
}

void TemporaryFolder::remove(llvm::StringRef name) const {
  (void)llvm::sys::fs::remove(path(name));
}

int64_t bertc::test::elementBytes(llvm::StringRef dtype) {
  return llvm::StringSwitch<int64_t>(dtype)
      .Cases({"F64", "I64"}, 8)
      .Cases({"F32", "I32"}, 4)
      .Cases({"F16", "BF16"}, 2)
      .Default(1);
}

std::string bertc::test::safetensors(llvm::StringRef header, size_t dataBytes) {
  std::string file(8, '\0');
  llvm::support::endian::write64le(file.data(), header.size());
  file += header;
  for (size_t i = 0; i < dataBytes; ++i)
    file += static_cast<char>(i * 7 % 61);
  return file;
}

std::string bertc::test::safetensors(llvm::ArrayRef<TestTensor> tensors) {
  std::string header = "{\"__metadata__\": {\"format\": \"pt\"}";
  int64_t offset = 0;
  for (const TestTensor &tensor : tensors) {
    int64_t bytes = elementBytes(tensor.dtype);
    for (int64_t size : tensor.shape)
      bytes *= size;
    header += llvm::formatv(
        ", \"{0}\": {{\"dtype\": \"{1}\", \"shape\": [{2:$[, ]}], "
        "\"data_offsets\": [{3}, {4}]}",
        tensor.name, tensor.dtype,
        llvm::make_range(tensor.shape.begin(), tensor.shape.end()), offset,
        offset + bytes);
    offset += bytes;
  }
  return safetensors(header + "}", offset);
}

std::string bertc::test::vocabulary() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char c = 'a'; c < 'p'; ++c)
    text += std::string(1, c) + "\n";
  return text;
}

TestModel::TestModel() {
  config = json::Object{
      {"model_type", "bert"},          {"hidden_size", 32},
      {"num_hidden_layers", 2},        {"num_attention_heads", 2},
      {"intermediate_size", 48},       {"vocab_size", 20},
      {"max_position_embeddings", 16}, {"type_vocab_size", 2},
      {"hidden_act", "gelu"},          {"layer_norm_eps", 1e-12},
  };
  auto add = [&](const llvm::Twine &name, std::vector<int64_t> shape) {
    tensors.push_back({"bert." + name.str(), "F32", std::move(shape)});
  };
  auto linear = [&](const llvm::Twine &name, int64_t out, int64_t in) {
    add(name + ".weight", {out, in});
    add(name + ".bias", {out});
  };
  auto norm = [&](const llvm::Twine &name) {
    add(name + ".LayerNorm.weight", {32});
    add(name + ".LayerNorm.bias", {32});
  };
  add("embeddings.word_embeddings.weight", {20, 32});
  add("embeddings.position_embeddings.weight", {16, 32});
  add("embeddings.token_type_embeddings.weight", {2, 32});
  norm("embeddings");
  for (int layer = 0; layer < 2; ++layer) {
    std::string at = "encoder.layer." + std::to_string(layer);
    linear(at + ".attention.self.query", 32, 32);
    linear(at + ".attention.self.key", 32, 32);
    linear(at + ".attention.self.value", 32, 32);
    linear(at + ".attention.output.dense", 32, 32);
    norm(at + ".attention.output");
    linear(at + ".intermediate.dense", 48, 32);
    linear(at + ".output.dense", 32, 48);
    norm(at + ".output");
  }
  linear("pooler.dense", 32, 32);
}

TestTensor &TestModel::tensor(llvm::StringRef name) {
  return *llvm::find_if(tensors,
                        [&](const TestTensor &t) { return t.name == name; });
}

void TestModel::removeTensor(llvm::StringRef name) {
  llvm::erase_if(tensors, [&](const TestTensor &t) { return t.name == name; });
}

void TestModel::renameTensors(
    std::function<std::string(llvm::StringRef)> rename) {
  for (TestTensor &tensor : tensors)
    tensor.name = rename(tensor.name);
}

void TestModel::writeSentenceFiles() const {
  folder.write("modules.json", R"([
  {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
  {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
  {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
])");
  folder.write("1_Pooling/config.json", R"({
  "word_embedding_dimension": 32,
  "pooling_mode_cls_token": false,
  "pooling_mode_mean_tokens": true
})");
}

void TestModel::write() const {
  if (!llvm::sys::fs::exists(folder.path("config.json"))) {
    json::Object copy = config;
    folder.write("config.json",
                 llvm::formatv("{0:2}\n", json::Value(std::move(copy))).str());
  }
  if (!llvm::sys::fs::exists(folder.path("model.safetensors")))
    folder.write("model.safetensors", safetensors(tensors));
  if (!llvm::sys::fs::exists(folder.path("vocab.txt")) &&
      !llvm::sys::fs::exists(folder.path("tokenizer.json")))
    folder.write("vocab.txt", vocabulary());
}

TEST_P(BadModelTest, IsReported) {
  const BadModel &bad = GetParam();
  TestModel model;
  bad.damage(model);
  model.write();

  auto load = [&]() -> llvm::Error {
    llvm::Expected<ModelDirectory> loaded =
        loadModelDirectory(model.folder.path(bad.path));
    if (!loaded)
      return loaded.takeError();
    return parseOutputs(bad.outputs, *loaded).takeError();
  };
  std::string text;
  llvm::raw_string_ostream os(text);
  EXPECT_EQ(reportError(load(), os), bad.category) << text;
  for (const std::string &part : bad.expected)
    EXPECT_NE(text.find(part), std::string::npos)
        << "expected: " << part << "\ngot: " << text;
  // What is read from a file must not reach the terminal raw.
  for (unsigned char c : text)
    EXPECT_TRUE(c == '\n' || (c >= 0x20 && c != 0x7f)) << unsigned(c);
}

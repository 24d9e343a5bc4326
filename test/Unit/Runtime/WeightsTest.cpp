//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights in a file beside the library, and every way in which that file can
// be wrong.
//
//===----------------------------------------------------------------------===//
#include "FakeModel.h"
#include "runtime/abi/hash.h"
#include "runtime/core/Model.h"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

using namespace bertc::test;
using namespace bertc::rt;

namespace {

const std::string content = std::string(5000, 'w') + "end";

struct TempFile {
  std::string path;
  TempFile(const std::string &where, const std::string &bytes) : path(where) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~TempFile() { remove(path.c_str()); }
};

std::string tempPath() {
  return testing::TempDir() + "bertc-weights-" + std::to_string(getpid());
}

bertc_model_desc externalModel() {
  bertc_model_desc desc = fakeDescription();
  desc.weights = nullptr;
  desc.weights_size = content.size();
  desc.weights_hash = bertc_hash64(content.data(), content.size());
  desc.weights_file = "no-such.weights";
  return desc;
}

/// Opens `desc` with the file; the message, or the weights read back.
std::string open(const bertc_model_desc &desc, const char *path,
                 bertc_code expected = BERTC_OK, uint32_t flags = 0) {
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.weights_path = path;
  options.flags = flags;
  bertc_model *model;
  bertc_status status;
  EXPECT_EQ(openModel(desc, fullCpu(), &options, &model, &status), expected)
      << status.message;
  if (!model)
    return status.message;
  std::string read(reinterpret_cast<const char *>(model->weights.data),
                   desc.weights_size);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(model->weights.data) % 4096, 0u);
  releaseModel(model);
  return read;
}

} // namespace

// Memory of a file is let go, and read again when it is needed; other memory is
// left as it is.
TEST(Weights, AreCopied) {
  std::string large(40 << 20, 'x');
  for (size_t i = 0; i < large.size(); i += 1000)
    large[i] = char(i >> 12);
  TempFile file(tempPath(), large);
  bertc_model_desc desc = externalModel();
  desc.weights_size = large.size();
  desc.weights_hash = 0;
  bertc_model_options options = BERTC_INIT(bertc_model_options);
  options.weights_path = file.path.c_str();
  bertc_model *model;
  ASSERT_EQ(openModel(desc, fullCpu(), &options, &model, nullptr), BERTC_OK);
  std::string copy(large.size(), 'y');
  auto pages = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.compare(0, 8, "RssFile:") == 0)
        return std::stol(line.substr(8)) / 1024;
    return -1l;
  };
  long before = pages();
  copyWeights(model->weights, large.size(), copy.data());
  EXPECT_LT(pages() - before, 20) << "of 40 MiB";
  EXPECT_TRUE(copy == large);
  EXPECT_EQ(memcmp(model->weights.data, large.data(), large.size()), 0);
  releaseModel(model);

  void *block = nullptr;
  ASSERT_EQ(posix_memalign(&block, 4096, large.size()), 0);
  memcpy(block, large.data(), large.size());
  copyWeights({static_cast<uint8_t *>(block), nullptr, 0}, large.size(),
              copy.data());
  EXPECT_EQ(memcmp(block, large.data(), large.size()), 0);
  free(block);
}

TEST(Weights, MapsTheFile) {
  TempFile file(tempPath(), content);
  EXPECT_EQ(open(externalModel(), file.path.c_str()), content);
}

TEST(Weights, WrongSize) {
  TempFile file(tempPath(), content.substr(1));
  EXPECT_EQ(open(externalModel(), file.path.c_str(), BERTC_CORRUPT),
            "weights " + file.path +
                " have 5002 bytes, expected 5003\n"
                "help: use the file that was written with this library");
}

TEST(Weights, WrongContent) {
  std::string other = content;
  other[4321] = 'x';
  TempFile file(tempPath(), other);
  std::string message = open(externalModel(), file.path.c_str(), BERTC_CORRUPT);
  EXPECT_NE(message.find(" have hash "), std::string::npos);
  EXPECT_NE(message.find("help: use the file that was written"),
            std::string::npos);
  // Unless the caller, or the compiler, does not ask for it.
  EXPECT_EQ(
      open(externalModel(), file.path.c_str(), BERTC_OK, BERTC_OPEN_SKIP_HASH),
      other);
  bertc_model_desc desc = externalModel();
  desc.weights_hash = 0;
  EXPECT_EQ(open(desc, file.path.c_str()), other);
}

TEST(Weights, NoSuchFile) {
  EXPECT_EQ(open(externalModel(), "/no/such/file", BERTC_IO),
            "cannot open weights /no/such/file: No such file or directory");
}

TEST(Weights, Folder) {
  std::string message = open(externalModel(), "/", BERTC_CORRUPT);
  EXPECT_EQ(message.find("weights / have "), 0u);
}

namespace {

// In the program's file, as a description is in its library.
const bertc_output_desc oneOutput = {"last_hidden_state", BERTC_PER_TOKEN, 4};
const bertc_variant oneVariant = {"first", 0, nullptr, {}, nullptr, 0};
const bertc_model_desc inFile = {
    BERTC_ABI_VERSION,
    sizeof(bertc_model_desc),
    "",
    0,
    /*hidden_size=*/4,
    /*num_hidden_layers=*/1,
    /*num_attention_heads=*/1,
    /*intermediate_size=*/4,
    /*vocab_size=*/4,
    /*max_position_embeddings=*/4,
    /*type_vocab_size=*/2,
    /*pad_token_id=*/0,
    /*weights=*/nullptr,
    /*weights_size=*/5,
    /*weights_hash=*/0,
    /*weights_file=*/"runtime-test.weights",
    &oneVariant,
    /*variant_count=*/1,
    /*output_count=*/1,
    &oneOutput,
    /*tokenizer=*/nullptr,
    /*tokenizer_size=*/0,
    /*train=*/nullptr,
    /*device_variants=*/nullptr,
    /*device_variant_count=*/0,
};

} // namespace

// Without a path the file is looked for in the folder of the library, which in
// this test is the folder of the program, whatever the current folder is.
TEST(Weights, BesideTheLibrary) {
  char program[4096];
  ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
  ASSERT_GT(length, 0);
  std::string folder(program, length);
  folder.resize(folder.rfind('/') + 1);
  char before[4096];
  ASSERT_NE(getcwd(before, sizeof(before)), nullptr);
  ASSERT_EQ(chdir("/"), 0);
  EXPECT_EQ(open(inFile, nullptr, BERTC_IO),
            "cannot open weights " + folder +
                "runtime-test.weights: No such file or directory");
  {
    TempFile file(folder + "runtime-test.weights", "12345");
    EXPECT_EQ(open(inFile, nullptr), "12345");
  }
  ASSERT_EQ(chdir(before), 0);
}

// A description in memory of no file has no folder.
TEST(Weights, LibraryWithoutFolder) {
  bertc_model_desc onStack = externalModel();
  EXPECT_EQ(open(onStack, nullptr, BERTC_IO),
            "cannot find the folder of the library, to open no-such.weights "
            "there\nhelp: set bertc_model_options.weights_path");
}

TEST(Weights, CompiledWithoutWeights) {
  bertc_model_desc desc = externalModel();
  desc.weights_file = nullptr;
  EXPECT_EQ(open(desc, nullptr, BERTC_INVALID_ARGUMENT),
            "this model was compiled without weights, expected "
            "bertc_model_options.weights_path");
}

TEST(Weights, GivenTwice) {
  EXPECT_EQ(
      open(fakeDescription(), "/tmp/x", BERTC_INVALID_ARGUMENT),
      "bertc_model_options.weights_path is set, but this model has its "
      "weights inside the library\nhelp: compile with --external-weights");
}

// Values of the published algorithm.
TEST(Hash, KnownValues) {
  EXPECT_EQ(bertc_hash64(nullptr, 0), 0xef46db3751d8e999ull);
  EXPECT_EQ(bertc_hash64("a", 1), 0xd24ec4f1a98c6e5bull);
  EXPECT_EQ(bertc_hash64("abc", 3), 0x44bc2cf5ad770999ull);
  const char *text = "Nobody inspects the spammish repetition";
  EXPECT_EQ(bertc_hash64(text, strlen(text)), 0xfbcea83c8a378bf1ull);
}

// Every byte counts, in every place of a block.
TEST(Hash, EveryByteCounts) {
  std::string bytes(100, 'q');
  uint64_t before = bertc_hash64(bytes.data(), bytes.size());
  for (char &byte : bytes) {
    byte ^= 1;
    EXPECT_NE(bertc_hash64(bytes.data(), bytes.size()), before);
    byte ^= 1;
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_NE(bertc_hash64(bytes.data(), size), before);
}

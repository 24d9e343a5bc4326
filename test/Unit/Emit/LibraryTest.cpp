//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Libraries that are written, looked at and run.
//
//===----------------------------------------------------------------------===//
#include "test/Unit/Emit/TestLibrary.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <gmock/gmock.h>
#include <set>

using namespace bertc;
using namespace bertc::test;
using testing::HasSubstr;

static LibraryFiles writeOrFail(const TestLibrary &test,
                                const std::string &path) {
  auto files = writeLibrary(test.inputs, path);
  if (files)
    return *files;
  ADD_FAILURE() << llvm::toString(files.takeError());
  return {};
}

static std::string contents(const std::string &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  EXPECT_TRUE(bool(buffer)) << path;
  return buffer ? (*buffer)->getBuffer().str() : "";
}

static std::string errorOf(const LibraryInputs &inputs,
                           const std::string &path) {
  auto files = writeLibrary(inputs, path);
  if (!files)
    return llvm::toString(files.takeError());
  ADD_FAILURE() << "expected an error";
  return "";
}

/// Names in a folder, hidden ones included.
static std::set<std::string> names(const std::string &folder) {
  std::set<std::string> result;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end;
       it != end && !error; it.increment(error))
    result.insert(llvm::sys::path::filename(it->path()).str());
  return result;
}

static void expectResults(const TestLibrary &test, const std::string &file) {
  OpenLibrary library(file);
  ASSERT_NE(library.model, nullptr) << library.status.message;
  bertc_session *session = nullptr;
  bertc_session_options options = BERTC_INIT(bertc_session_options);
  options.threads = 2;
  bertc_status status;
  ASSERT_EQ(
      library.api->session_create(library.model, &options, &session, &status),
      BERTC_OK)
      << status.message;
  using Run = bertc_code (*)(bertc_session *, int64_t, int64_t, const int64_t *,
                             const int64_t *, const int64_t *, float *const *,
                             bertc_status *);
  std::string prefix = llvm::sys::path::stem(file).str();
  auto run = reinterpret_cast<Run>(library.symbol((prefix + "_run").c_str()));
  ASSERT_NE(run, nullptr);
  const int64_t ids[] = {3, 1, 4, 1, 5, 9}, mask[] = {1, 1, 1, 1, 0, 1};
  std::vector<float> out(6 * 16, -1);
  float *outputs[] = {out.data()};
  ASSERT_EQ(run(session, 2, 3, ids, mask, nullptr, outputs, &status), BERTC_OK)
      << status.message;
  for (int64_t i = 0; i < 6 * 16; ++i)
    EXPECT_EQ(out[i], mask[i / 16] ? test.value(ids[i / 16], i % 16) : 0);
  library.api->session_destroy(session);
}

TEST(Library, RunsWithWeightsInside) {
  TestLibrary test;
  std::string path = test.folder.path("model.so");
  LibraryFiles files = writeOrFail(test, path);
  EXPECT_NE(files.weightsHash, 0u);
  EXPECT_EQ(files.weights, "");
  expectResults(test, path);
  EXPECT_EQ(names(test.folder.path()),
            (std::set<std::string>{"model.h", "model.so", "t.safetensors"}));
}

TEST(Library, RunsWithWeightsBeside) {
  TestLibrary test;
  test.inputs.externalWeights = true;
  std::string path = test.folder.path("model.so");
  LibraryFiles files = writeOrFail(test, path);
  EXPECT_EQ(contents(files.weights).size(), uint64_t(test.inputs.layout.size));
  expectResults(test, path);
}

TEST(Library, WithoutWeightsAsksForThem) {
  TestLibrary test;
  test.inputs.weights = nullptr;
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  OpenLibrary library(path);
  EXPECT_EQ(library.model, nullptr);
  EXPECT_THAT(library.status.message, HasSubstr("weights_path"));
}

TEST(Library, WeightsAreAReadOnlySegmentOfPages) {
  TestLibrary test;
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_EQ(file->weightsBytes, uint64_t(test.inputs.layout.size));
  EXPECT_EQ(file->weightsOffset % 4096, 0u);
  EXPECT_EQ(file->weightsOffset + file->weightsBytes, file->fileBytes);
  bool found = false;
  for (const LibrarySegment &segment : file->segments) {
    EXPECT_FALSE(segment.write && segment.execute);
    if (segment.offset != file->weightsOffset)
      continue;
    found = true;
    EXPECT_TRUE(segment.read && !segment.write && !segment.execute);
    EXPECT_EQ(segment.fileBytes, segment.memoryBytes);
    EXPECT_EQ(segment.address % 4096, 0u);
  }
  EXPECT_TRUE(found);
  EXPECT_FALSE(bool(verifyWeights(*file)));
}

TEST(Library, LargeWeightsStartOnAHugePage) {
  constexpr uint64_t hugePage = 2 << 20;
  TestLibrary test;
  test.inputs.layout.size = 8 * hugePage;
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_EQ(file->weightsOffset % hugePage, 0u);
  EXPECT_EQ(file->segments.back().offset, file->weightsOffset);
  EXPECT_EQ(file->segments.back().address % hugePage, 0u);
  EXPECT_FALSE(bool(verifyWeights(*file)));
  expectResults(test, path);
}

TEST(Library, ExportsTheFunctionsOfItsHeaderOnly) {
  TestLibrary test;
  std::string path = test.folder.path("my-model.so");
  writeOrFail(test, path);
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_THAT(file->exports,
              testing::UnorderedElementsAre(
                  "bertc_get_api", "my_model_api", "my_model_open",
                  "my_model_close", "my_model_session_create",
                  "my_model_session_destroy", "my_model_run",
                  "my_model_run_packed"));
  EXPECT_THAT(file->needed, testing::ElementsAre("libc.so.6"));
  std::string header = contents(test.folder.path("my-model.h"));
  for (const std::string &name : file->exports)
    EXPECT_THAT(header, HasSubstr(name + "("));
}

TEST(Library, SameInputsSameBytes) {
  TestLibrary test;
  test.folder.write("a/model.so", "old");
  test.folder.write("b/c/model.so", "");
  writeOrFail(test, test.folder.path("a/model.so"));
  writeOrFail(test, test.folder.path("b/c/model.so"));
  EXPECT_TRUE(contents(test.folder.path("a/model.so")) ==
              contents(test.folder.path("b/c/model.so")));
  EXPECT_EQ(contents(test.folder.path("a/model.h")),
            contents(test.folder.path("b/c/model.h")));
}

TEST(Library, ManifestSaysWhatIsInside) {
  TestLibrary test;
  std::string path = test.folder.path("model.so");
  LibraryFiles files = writeOrFail(test, path);
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  auto parsed = llvm::json::parse(file->manifest);
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  const llvm::json::Object &root = *parsed->getAsObject();
  EXPECT_EQ(root.getObject("config")->getInteger("hidden_size"), 16);
  const llvm::json::Object &variant =
      *root.getArray("variants")->front().getAsObject();
  EXPECT_EQ(variant.getString("name"), "x86-64-v3");
  EXPECT_EQ(
      variant.getArray("kernels")->front().getAsObject()->getString("name"),
      "forward_v3");
  EXPECT_EQ(root.getObject("weights")->getInteger("bytes"),
            test.inputs.layout.size);
  // The description carries the same text.
  OpenLibrary library(path);
  ASSERT_NE(library.model, nullptr);
  bertc_model_info info = BERTC_INIT(bertc_model_info);
  library.api->model_info(library.model, &info, nullptr);
  EXPECT_EQ(std::string(info.manifest, info.manifest_size), file->manifest);
  (void)files;
}

// The forward function does not write the matrices, so what changes is what the
// runtime does, which is told by the typed functions where they are.
TEST(Library, OutputsOfPairs) {
  TestLibrary test;
  test.inputs.outputs.push_back({"attentions.0", BERTC_PER_PAIR, 2});
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  EXPECT_THAT(contents(test.folder.path("model.h")),
              HasSubstr("float *attentions_0; /* [batch, 2, seq, seq]; packed: "
                        "[sequences, 2, longest, longest] */\n"));
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  auto parsed = llvm::json::parse(file->manifest);
  ASSERT_TRUE(bool(parsed)) << llvm::toString(parsed.takeError());
  const llvm::json::Object &output =
      *(*parsed->getAsObject()->getArray("outputs"))[1].getAsObject();
  EXPECT_EQ(output.getString("rows"), "pairs");
  EXPECT_EQ(output.getInteger("width"), 2);

  OpenLibrary library(path);
  ASSERT_NE(library.model, nullptr) << library.status.message;
  bertc_output_info info = BERTC_INIT(bertc_output_info);
  library.api->output_info(library.model, 1, &info, nullptr);
  EXPECT_EQ(info.kind, uint32_t(BERTC_KIND_PAIR));
  bertc_session *session = nullptr;
  bertc_status status;
  ASSERT_EQ(
      library.api->session_create(library.model, nullptr, &session, &status),
      BERTC_OK)
      << status.message;
  std::vector<float> hidden(6 * 16);
  // [sequences, heads, 3, 3] of lengths 2 and 3, or a mask that says so.
  std::vector<float> expected(4 * 9, -1);
  for (int i : {2, 5, 6, 7, 8, 11, 14, 15, 16, 17})
    expected[i] = 0;
  {
    auto run = reinterpret_cast<bertc_code (*)(
        bertc_session *, int64_t, int64_t, const int64_t *, const int64_t *,
        const int64_t *, float *const *, bertc_status *)>(
        library.symbol("model_run"));
    const int64_t ids[] = {3, 1, 4, 1, 5, 9}, mask[] = {1, 1, 0, 1, 1, 1};
    std::vector<float> pairs(4 * 9, -1);
    float *outputs[] = {hidden.data(), pairs.data()};
    ASSERT_EQ(run(session, 2, 3, ids, mask, nullptr, outputs, &status),
              BERTC_OK)
        << status.message;
    EXPECT_EQ(pairs, expected);
  }
  auto runPacked = reinterpret_cast<bertc_code (*)(
      bertc_session *, int64_t, int64_t, const int32_t *, const int32_t *,
      const int32_t *, float *const *, bertc_status *)>(
      library.symbol("model_run_packed"));
  const int32_t ids[] = {3, 1, 1, 5, 9}, offsets[] = {0, 2, 5};
  std::vector<float> pairs(4 * 9, -1);
  float *outputs[] = {hidden.data(), pairs.data()};
  ASSERT_EQ(runPacked(session, 5, 2, ids, offsets, nullptr, outputs, &status),
            BERTC_OK)
      << status.message;
  EXPECT_EQ(pairs, expected);
  library.api->session_destroy(session);
}

TEST(Library, UnresolvedSymbolShowsTheCommand) {
  TestLibrary test;
  test.inputs.variants[0].object = compileForward(
      "forward_v3", "  call float @absent_function(float 1.0)\n");
  for (bool external : {false, true}) {
    test.inputs.externalWeights = external;
    std::string message = errorOf(test.inputs, test.folder.path("model.so"));
    EXPECT_THAT(message, HasSubstr("undefined symbol: absent_function"));
    EXPECT_THAT(message, HasSubstr("command: ld.lld -shared"));
    EXPECT_EQ(names(test.folder.path()),
              std::set<std::string>{"t.safetensors"});
  }
}

TEST(Library, FolderThatDoesNotExist) {
  TestLibrary test;
  EXPECT_THAT(errorOf(test.inputs, test.folder.path("no/such/model.so")),
              HasSubstr("does not exist"));
  EXPECT_THAT(errorOf(test.inputs, test.folder.path()),
              HasSubstr("expected the name of a file"));
}

TEST(Library, NoSpaceIsNoticedBeforeAnythingIsWritten) {
  TestLibrary test;
  // More than any disk holds.
  test.inputs.layout.weights[0].rows = int64_t(1) << 48;
  test.inputs.layout.size = test.inputs.layout.weights[0].bytes();
  for (bool external : {false, true}) {
    test.inputs.externalWeights = external;
    EXPECT_THAT(errorOf(test.inputs, test.folder.path("model.so")),
                HasSubstr("cannot take"));
    EXPECT_EQ(names(test.folder.path()),
              std::set<std::string>{"t.safetensors"});
  }
}

TEST(LibraryFile, DamagedFilesAreRefused) {
  TestLibrary test;
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  std::string good = contents(path);
  std::string bad = test.folder.path("bad.so");
  auto refused = [&](llvm::StringRef bytes) {
    test.folder.write("bad.so", bytes);
    auto file = readLibraryFile(bad);
    if (!file)
      return llvm::toString(file.takeError());
    return std::string();
  };
  EXPECT_THAT(refused(""), HasSubstr("an empty file"));
  EXPECT_THAT(refused("#!/bin/sh\n"), HasSubstr("another kind"));
  EXPECT_THAT(refused(good.substr(0, 40)), HasSubstr("cut in its header"));
  EXPECT_THAT(refused(good.substr(0, good.size() - 1)), HasSubstr("cut short"));
  std::string arm = good;
  arm[18] = char(183);
  EXPECT_THAT(refused(arm), HasSubstr("machine 183"));
  // Any byte of the headers may be wrong; none may crash.
  for (size_t at = 16; at < 64 + 8 * 56; ++at) {
    std::string damaged = good;
    damaged[at] = char(damaged[at] ^ 0xa5);
    refused(damaged);
  }
  for (size_t size = 64; size < good.size(); size += 97)
    EXPECT_NE(refused(good.substr(0, size)), "") << size;
}

TEST(LibraryFile, ChangedWeightsAreFound) {
  TestLibrary test;
  std::string path = test.folder.path("model.so");
  writeOrFail(test, path);
  std::string bytes = contents(path);
  bytes[bytes.size() - 4096] ^= 1;
  test.folder.write("model.so", bytes);
  auto file = readLibraryFile(path);
  ASSERT_TRUE(bool(file)) << llvm::toString(file.takeError());
  EXPECT_THAT(llvm::toString(verifyWeights(*file)), HasSubstr("hash"));
}

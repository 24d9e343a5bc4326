//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What a training leaves to read: metrics.jsonl, TensorBoard's file, progress.
//
//===----------------------------------------------------------------------===//
#include "TestData.h"
#include "tools/finetune/EventFile.h"
#include "tools/finetune/MetricsFile.h"
#include "tools/finetune/ModelConfigLabels.h"
#include "tools/finetune/Progress.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <limits>

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

static std::string content(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

// Values of RFC 3720, appendix B.4.
TEST(EventFile, Checksums) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
}

// The bytes but for the times: the first record says which version it is, the
// second has step 300 and a value 0.5 of "a".
TEST(EventFile, Bytes) {
  std::string folder = ::testing::TempDir() + "events";
  llvm::sys::fs::remove_directories(folder);
  EventFile file = expect(EventFile::create(folder + "/runs"));
  ASSERT_FALSE(bool(file.add(300, {{"a", 0.5}})));
  EXPECT_NE(file.getPath().find("/runs/events.out.tfevents."),
            llvm::StringRef::npos);
  std::string bytes = content(file.getPath());
  ASSERT_EQ(bytes.size(), 16u + 24 + 16 + 24);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x18\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(bytes[12], '\x09');
  EXPECT_EQ(bytes.substr(21, 15), "\x1a\x0d"
                                  "brain.Event:2");
  std::string event = bytes.substr(40 + 12, 24);
  EXPECT_EQ(event[0], '\x09');
  EXPECT_EQ(event.substr(9), std::string("\x10\xac\x02\x2a\x0a\x0a\x08\x0a\x01"
                                         "a\x15\0\0\0\x3f",
                                         15));
  // A second file beside it, never in its place.
  EventFile second = expect(EventFile::create(folder + "/runs"));
  EXPECT_NE(second.getPath(), file.getPath());
  llvm::sys::fs::remove_directories(folder);
}

TEST(EventFile, FullDisk) {
  if (!llvm::sys::fs::exists("/dev/full"))
    GTEST_SKIP();
  auto file = EventFile::create("/dev/full/x");
  ASSERT_FALSE(bool(file));
  EXPECT_NE(message(file.takeError())
                .find("/dev/full/x: error: cannot make "
                      "the folder"),
            std::string::npos);
}

TEST(MetricsFile, Json) {
  EXPECT_EQ(formatJson({{"step", 100000},
                        {"loss", 0.1},
                        {"a \"b\"", -2.5e-9},
                        {"nan", std::numeric_limits<double>::quiet_NaN()},
                        {"big", 1e300}}),
            "{\"step\": 100000, \"loss\": 0.1, \"a \\\"b\\\"\": -2.5e-09, "
            "\"nan\": null, \"big\": 1e+300}");
}

TEST(MetricsFile, LinesOfWhatIsDoneAgainGo) {
  std::string path = ::testing::TempDir() + "metrics.jsonl";
  {
    MetricsFile file = expect(MetricsFile::open(path, 0));
    for (int step : {5, 10, 15})
      ASSERT_FALSE(bool(file.add(step, step / 10.0, {{"loss", 1}})));
  }
  // A kill in the middle of a line.
  FILE *file = fopen(path.c_str(), "a");
  fputs("{\"step\": 7, \"ep", file);
  fclose(file);
  EXPECT_EQ(expect(MetricsFile::open(path, 4)).getLines(), 3u);
  expect(MetricsFile::open(path, 2));
  EXPECT_EQ(content(path), "{\"step\": 5, \"epoch\": 0.5, \"loss\": 1}\n"
                           "{\"step\": 10, \"epoch\": 1, \"loss\": 1}\n");
  expect(MetricsFile::open(path, 0));
  EXPECT_EQ(content(path), "");
  llvm::sys::fs::remove(path);
}

TEST(LabelNames, InTheConfigOfASavedModel) {
  std::string folder = ::testing::TempDir() + "label-names";
  llvm::sys::fs::create_directories(folder);
  auto write = [&](const char *text) {
    FILE *file = fopen((folder + "/config.json").c_str(), "w");
    fputs(text, file);
    fclose(file);
  };
  write("{\"layer_norm_eps\": 1e-12, \"id2label\": {\"0\": \"LABEL_0\"}}");
  ASSERT_FALSE(bool(writeLabelNames(folder, {})));
  EXPECT_NE(content(folder + "/config.json").find("LABEL_0"),
            std::string::npos);
  ASSERT_FALSE(bool(writeLabelNames(folder, {"no \"way\"", "yes"})));
  auto config =
      llvm::cantFail(llvm::json::parse(content(folder + "/config.json")));
  llvm::json::Value want = llvm::json::Object{
      {"layer_norm_eps", 1e-12},
      {"id2label", llvm::json::Object{{"0", "no \"way\""}, {"1", "yes"}}},
      {"label2id", llvm::json::Object{{"no \"way\"", 0}, {"yes", 1}}}};
  EXPECT_EQ(config, want);
  write("[]");
  EXPECT_NE(message(writeLabelNames(folder, {"a"})).find("expected an object"),
            std::string::npos);
  llvm::sys::fs::remove_directories(folder);
}

TEST(Progress, Durations) {
  EXPECT_EQ(formatDuration(0), "0:00");
  EXPECT_EQ(formatDuration(59.6), "1:00");
  EXPECT_EQ(formatDuration(3723), "1:02:03");
  EXPECT_EQ(formatDuration(-5), "0:00");
}

TEST(Progress, Lines) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Progress plain(os, /*terminal=*/false, /*quiet=*/false);
  plain.begin(0, 10);
  plain.step(1, 0.1, 0.5, 100); // too early to show
  plain.metrics("evaluation", {{"loss", 0.25}});
  plain.warning("careful");
  EXPECT_EQ(text, "evaluation:  loss 0.2500\nwarning: careful\n");
  text.clear();
  Progress quiet(os, /*terminal=*/true, /*quiet=*/true);
  quiet.line("nothing");
  quiet.warning("careful");
  EXPECT_EQ(text, "warning: careful\n");
}

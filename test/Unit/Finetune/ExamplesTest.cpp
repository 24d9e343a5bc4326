//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Texts and words to token ids and labels.
//
//===----------------------------------------------------------------------===//
#include "TestData.h"

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

static ExampleSet make(FileFormat format, const Task &task, std::string text,
                       uint32_t maxLength = 100,
                       LabelNames names = LabelNames()) {
  DataFile file("data", std::move(text));
  RawExamples raw =
      expect(readExamples(file, format, {}, task, tokenizeInThrees, maxLength));
  if (names.size() == 0)
    names = expect(LabelNames::choose(task.labels, {}, file, raw.labels,
                                      task.kind == TaskKind::Tag));
  return expect(applyLabels(std::move(raw), file, names, task));
}

using Ints = std::vector<int32_t>;

TEST(Examples, TextsAndPairs) {
  ExampleSet set = make(FileFormat::Tsv, {TaskKind::Classify, 2},
                        "sentence1\tsentence2\tlabel\n"
                        "one four\tx\tno\n"
                        "\tabcd\tyes\n");
  ASSERT_EQ(set.size(), 2u);
  EXPECT_EQ(set.ids, (Ints{1, 13, 13, 11, 2, 11, 2, 1, 2, 13, 11, 2}));
  EXPECT_EQ(set.types, (Ints{0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1}));
  EXPECT_EQ(set.offsets, (std::vector<size_t>{0, 7, 12}));
  EXPECT_EQ(set.classes, (Ints{0, 1}));
  EXPECT_EQ(set.lines, (std::vector<unsigned>{2, 3}));
  EXPECT_EQ(set.cut, 0u);
}

TEST(Examples, AreCutToTheLongestLength) {
  ExampleSet set = make(FileFormat::Tsv, {TaskKind::Classify, 2},
                        "text\tlabel\na b c d\t1\na\t0\na b c\t1\n", 5);
  EXPECT_EQ(set.length(0), 5u);
  EXPECT_EQ(set.length(1), 3u);
  EXPECT_EQ(set.length(2), 5u);
  EXPECT_EQ(set.cut, 1u);
}

TEST(Examples, SeveralLabels) {
  ExampleSet set = make(FileFormat::Csv, {TaskKind::MultiLabel, 3},
                        "text,labels\na,\"z,x\"\nb,\nc,y\n");
  EXPECT_EQ(set.numbers, (std::vector<float>{1, 0, 1, 0, 0, 0, 0, 1, 0}));
  EXPECT_TRUE(set.classes.empty());
}

TEST(Examples, Numbers) {
  ExampleSet set = make(FileFormat::Csv, {TaskKind::Regress, 1},
                        "text,score\na,2.5\nb,-1\n");
  EXPECT_EQ(set.numbers, (std::vector<float>{2.5, -1}));
}

// The first piece of a word has its label; other pieces and special tokens are
// ignored, and so is a word that the file ignores.
TEST(Examples, Words) {
  ExampleSet set = make(FileFormat::Conll, {TaskKind::Tag, 3},
                        "Petersburg B-LOC\nis O\nnice O\n\nx -100\ny I-LOC\n");
  EXPECT_EQ(set.ids, (Ints{1, 13, 13, 13, 11, 12, 13, 11, 2, 1, 11, 11, 2}));
  EXPECT_EQ(set.classes, (Ints{-100, 0, -100, -100, -100, 2, 2, -100, -100,
                               -100, -100, 1, -100}));
}

// What is cut off loses its words, not the place of the others.
TEST(Examples, WordsAreCut) {
  ExampleSet set = make(FileFormat::Conll, {TaskKind::Tag, 3},
                        "Petersburg 1\nis 2\nnice 0\n", 7);
  EXPECT_EQ(set.classes, (Ints{-100, 1, -100, -100, -100, 2, -100}));
  EXPECT_EQ(set.cut, 1u);
}

// A word without tokens has no label; one with a blank inside has one.
TEST(Examples, OddWords) {
  ExampleSet set =
      make(FileFormat::JsonLines, {TaskKind::Tag, 3},
           R"({"tokens": ["", "a b", " ", "c"], "ner_tags": [0, 1, 0, 2]})");
  EXPECT_EQ(set.ids, (Ints{1, 11, 11, 11, 2}));
  EXPECT_EQ(set.classes, (Ints{-100, 1, -100, 2, -100}));
}

TEST(Examples, LabelsOfAnotherFileAreChecked) {
  DataFile file("dev", "text\tlabel\na\tno\nb\tmaybe\n");
  Task task;
  RawExamples raw = expect(
      readExamples(file, FileFormat::Tsv, {}, task, tokenizeInThrees, 100));
  auto set =
      applyLabels(std::move(raw), file, LabelNames(2, {"no", "yes"}), task);
  ASSERT_FALSE(bool(set));
  EXPECT_EQ(message(set.takeError()), "dev:3:3: error: unknown label 'maybe'\n"
                                      "  b maybe\n"
                                      "    ^\n"
                                      "help: the labels are 'no', 'yes'\n");
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files of examples: what each format accepts, and what is said of the rest.
//
//===----------------------------------------------------------------------===//
#include "TestData.h"
#include "tools/finetune/Delimited.h"

using namespace bertc;
using namespace bertc::finetune;
using namespace bertc::finetune::test;

namespace {
struct Read {
  std::vector<Record> records;
  FileLabels labels;
  std::string error;
  std::string label(size_t i, size_t k = 0) const {
    return labels.get()[records[i].labels[k]].text;
  }
};

Read read(FileFormat format, std::string text, DataOptions options = {},
          Task task = {}) {
  Read result;
  DataFile file("data", std::move(text));
  result.error = message(readRecords(
      file, format, options, task, result.labels, [&](Record &&record) {
        result.records.push_back(std::move(record));
        return llvm::Error::success();
      }));
  return result;
}

Read tsv(std::string text, DataOptions options = {}, Task task = {}) {
  return read(FileFormat::Tsv, std::move(text), options, task);
}
Read csv(std::string text, DataOptions options = {}, Task task = {}) {
  return read(FileFormat::Csv, std::move(text), options, task);
}
Read jsonl(std::string text, DataOptions options = {}, Task task = {}) {
  return read(FileFormat::JsonLines, std::move(text), options, task);
}
Read conll(std::string text, DataOptions options = {}) {
  return read(FileFormat::Conll, std::move(text), options, {TaskKind::Tag, 3});
}

#define EXPECT_HAS(text, part)                                                 \
  EXPECT_NE((text).find(part), std::string::npos) << (text)
} // namespace

//===----------------------------------------------------------------------===//
// TSV and CSV
//===----------------------------------------------------------------------===//

TEST(Table, Sst2) {
  Read data = tsv("sentence\tlabel\nhide new \"secretions\" \t0\r\n\nfine\t1");
  EXPECT_EQ(data.error, "");
  ASSERT_EQ(data.records.size(), 2u);
  EXPECT_EQ(data.records[0].text, "hide new \"secretions\" ");
  EXPECT_EQ(data.label(0), "0");
  EXPECT_EQ(data.records[0].line, 2u);
  EXPECT_EQ(data.records[1].line, 4u);
  EXPECT_FALSE(data.records[1].pair);
}

TEST(Table, PairsAndNamedColumns) {
  Read data = tsv("index\tsentence1\tsentence2\tlabel\n7\ta\tb\tyes\n");
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].text, "a");
  EXPECT_EQ(data.records[0].pair, "b");
  DataOptions options;
  options.textColumn = "sentence2";
  options.labelColumn = "index";
  data = tsv("index\tsentence1\tsentence2\tlabel\n7\ta\tb\tyes\n", options);
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].text, "b");
  EXPECT_FALSE(data.records[0].pair);
  EXPECT_EQ(data.label(0), "7");
}

TEST(Table, WithoutHeader) {
  DataOptions options;
  options.header = false;
  Read data = tsv("good\t1\nbad\t0\n", options);
  ASSERT_EQ(data.records.size(), 2u) << data.error;
  EXPECT_EQ(data.records[0].text, "good");
  EXPECT_EQ(data.label(1), "0");
  data = tsv("a\tb\tsame\n", options);
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].pair, "b");
  options.textColumn = "3";
  options.labelColumn = "1";
  data = tsv("same\tx\tb\n", options);
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].text, "b");
  EXPECT_EQ(data.label(0), "same");
  EXPECT_FALSE(data.records[0].pair);
}

TEST(Table, QuotesOfCsv) {
  Read data = csv("text,label\r\n\"a, \"\"b\"\"\nc\",\"x\"\r\n\"\",y\r\nd,y");
  ASSERT_EQ(data.records.size(), 3u) << data.error;
  EXPECT_EQ(data.records[0].text, "a, \"b\"\nc");
  EXPECT_EQ(data.label(0), "x");
  EXPECT_EQ(data.records[1].text, "");
  EXPECT_EQ(data.records[1].line, 4u);
  EXPECT_EQ(data.records[2].text, "d");
}

TEST(Table, OtherDelimiters) {
  DataOptions options;
  options.delimiter = ";";
  EXPECT_EQ(csv("text;label\n\"a;b\";1\n", options).records[0].text, "a;b");
  options.delimiter = "tab";
  EXPECT_EQ(csv("text\tlabel\na,b\t1\n", options).records[0].text, "a,b");
  options.delimiter = "ab";
  EXPECT_HAS(csv("text;label\n", options).error,
             "error: expected one character for --delimiter, got 'ab'");
}

TEST(Table, Numbers) {
  Task task{TaskKind::Regress, 1};
  Read data = tsv("text\tscore\na\t3.25\nb\t-1e-1\n", {}, task);
  ASSERT_EQ(data.records.size(), 2u) << data.error;
  EXPECT_EQ(data.records[0].numbers, std::vector<float>{3.25f});
  EXPECT_EQ(data.records[1].numbers, std::vector<float>{-0.1f});
  for (const char *bad : {"x", "nan", "inf", "1e400", "1 2"})
    EXPECT_HAS(tsv(std::string("text\tscore\na\t") + bad, {}, task).error,
               "data:2:3: error: expected a finite number, got ");
  task.labels = 2;
  data = tsv("text\tscore\na\t1, 2.5\n", {}, task);
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].numbers, (std::vector<float>{1, 2.5}));
  EXPECT_HAS(tsv("text\tscore\na\t1\n", {}, task).error,
             "data:2:3: error: expected 2 numbers, got 1");
}

TEST(Table, SeveralLabels) {
  Task task{TaskKind::MultiLabel, 3};
  Read data = csv("text,labels\na,\"x, z\"\nb,\nc,y\n", {}, task);
  ASSERT_EQ(data.records.size(), 3u) << data.error;
  EXPECT_EQ(data.records[0].labels.size(), 2u);
  EXPECT_EQ(data.label(0, 1), "z");
  EXPECT_TRUE(data.records[1].labels.empty());
}

TEST(Table, Mistakes) {
  EXPECT_EQ(tsv("sentence\tlabel\na\t1\nb\n").error,
            "data:3:1: error: expected 2 fields, got 1\n"
            "  b\n"
            "  ^\n"
            "help: fields of this format cannot hold the delimiter or a line "
            "end\n");
  EXPECT_HAS(tsv("sentence\tlabel\nb\t\n").error,
             "data:2:3: error: the label is missing");
  EXPECT_HAS(csv("text,label\n\"a,1\nb,2\n").error,
             "data:2:1: error: the quoted field that starts here is not "
             "closed");
  EXPECT_HAS(csv("text,label\na \"b\",1\n").error,
             "data:2:3: error: a quote inside of a field");
  EXPECT_HAS(csv("text,label\n\"a\"b,1\n").error,
             "data:2:4: error: expected a delimiter");
  EXPECT_HAS(csv("text,label,text\n").error,
             "data:1:12: error: two columns are named 'text'");
  EXPECT_HAS(tsv("good film\t1\n").error,
             "data:1:1: error: no column 'text' or 'sentence'");
  EXPECT_HAS(tsv("text\tgrade\na\t1\n").error,
             "help: name the column with --label_column; the columns are "
             "'text', 'grade'");
  DataOptions options;
  options.textColumn = "body";
  EXPECT_HAS(tsv("text\tlabel\na\t1\n", options).error,
             "error: no column 'body' for --text_column");
  EXPECT_HAS(tsv("text\tlabel\n").error, "data: error: expected examples");
}

TEST(Table, SurvivesEveryPrefixAndByteChange) {
  const std::string text = "text,label\r\n\"a\"\"b\",1\r\nc,\"2\"\n";
  for (size_t i = 0; i <= text.size(); ++i)
    csv(text.substr(0, i) + " ");
  for (size_t i = 0; i < text.size(); ++i)
    for (char byte : {'"', ',', '\n', '\r', '\0', 'x'}) {
      std::string changed = text;
      changed[i] = byte;
      csv(changed);
      tsv(changed);
    }
}

//===----------------------------------------------------------------------===//
// JSON lines
//===----------------------------------------------------------------------===//

TEST(JsonLines, Labels) {
  Read data = jsonl("{\"sentence\": \"a\\n\\u00e9\", \"label\": 1}\r\n\n"
                    "{\"label\": \"neg\", \"sentence\": \"\"}\n"
                    "{\"sentence\": \"c\", \"label\": true, \"id\": null}");
  ASSERT_EQ(data.records.size(), 3u) << data.error;
  EXPECT_EQ(data.records[0].text, "a\n\xc3\xa9");
  EXPECT_EQ(data.label(0), "1");
  EXPECT_EQ(data.label(1), "neg");
  EXPECT_EQ(data.records[1].line, 3u);
  EXPECT_EQ(data.label(2), "true");
}

TEST(JsonLines, PairsNumbersAndSeveralLabels) {
  Read data = jsonl(R"({"premise": "a", "hypothesis": "b", "label": 2.5})", {},
                    {TaskKind::Regress, 1});
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].pair, "b");
  EXPECT_EQ(data.records[0].numbers, std::vector<float>{2.5});
  data = jsonl(R"({"text": "a", "labels": ["x", 2]})"
               "\n"
               R"({"text": "b", "labels": []})",
               {}, {TaskKind::MultiLabel, 3});
  ASSERT_EQ(data.records.size(), 2u) << data.error;
  EXPECT_EQ(data.label(0, 1), "2");
  EXPECT_TRUE(data.records[1].labels.empty());
}

TEST(JsonLines, Words) {
  Read data = jsonl(R"({"tokens": ["New", "York"], "ner_tags": [1, "I-X"]})",
                    {}, {TaskKind::Tag, 3});
  ASSERT_EQ(data.records.size(), 1u) << data.error;
  EXPECT_EQ(data.records[0].words, (std::vector<std::string>{"New", "York"}));
  EXPECT_EQ(data.label(0, 1), "I-X");
  EXPECT_HAS(
      jsonl("{\"tokens\": [\"a\"], \"ner_tags\": []}", {}, {TaskKind::Tag, 3})
          .error,
      "error: expected a label for each of 1 words, got 0");
}

TEST(JsonLines, Mistakes) {
  const std::string good = "{\"text\": \"a\", \"label\": 1}\n";
  EXPECT_EQ(jsonl(good + "{\"text\": \"a\", \"label\": 1.5}").error,
            "data:2:24: error: 'label': expected a label as a string or an "
            "integer, got 1.5\n"
            "  {\"text\": \"a\", \"label\": 1.5}\n"
            "                         ^\n");
  EXPECT_HAS(jsonl(good + good + "{\"text\": \"a\"").error,
             "data:3:13: error:");
  EXPECT_HAS(jsonl(good + "{\"text\": \"a\"}").error,
             "data:2:1: error: missing key 'label'");
  EXPECT_HAS(jsonl(good + "{\"text\": 3, \"label\": 1}").error,
             "data:2:10: error: 'text': expected a string, got 3");
  EXPECT_HAS(jsonl("[1]").error, "data:1:1: error: the document: expected an "
                                 "object, got an array");
  EXPECT_HAS(jsonl("{\"body\": \"a\", \"label\": 1}").error,
             "help: name the column with --text_column; the columns are "
             "'body', 'label'");
}

//===----------------------------------------------------------------------===//
// CoNLL
//===----------------------------------------------------------------------===//

TEST(Conll, Sentences) {
  Read data = conll("-DOCSTART- -X- O O\n\nEU NNP B-ORG\nrejects VBZ O\r\n\n\n"
                    "Peter\tNNP  B-PER\n");
  ASSERT_EQ(data.records.size(), 2u) << data.error;
  EXPECT_EQ(data.records[0].words, (std::vector<std::string>{"EU", "rejects"}));
  EXPECT_EQ(data.label(0, 0), "B-ORG");
  EXPECT_EQ(data.label(0, 1), "O");
  EXPECT_EQ(data.records[0].line, 3u);
  EXPECT_EQ(data.records[1].line, 7u);
  DataOptions options;
  options.labelColumn = "2";
  EXPECT_EQ(conll("EU NNP B-ORG\n", options).label(0), "NNP");
}

TEST(Conll, Mistakes) {
  EXPECT_HAS(conll("EU NNP O\nx O\n").error,
             "data:2:1: error: expected 3 columns, as in the first line of "
             "words, got 2");
  EXPECT_HAS(conll("EU\n").error,
             "data:1:1: error: expected at least 2 columns, got 1");
  EXPECT_HAS(conll("-DOCSTART- O\n\n").error, "expected examples, got none");
  DataOptions options;
  options.textColumn = "word";
  EXPECT_HAS(conll("EU O\n", options).error,
             "error: expected the number of a column for --text_column");
}

//===----------------------------------------------------------------------===//
// Files and labels
//===----------------------------------------------------------------------===//

TEST(Formats, FollowNameAndTask) {
  auto choose = [](llvm::StringRef path, TaskKind kind,
                   std::string format = "") {
    DataOptions options;
    options.format = std::move(format);
    auto chosen = chooseFormat(path, options, {kind, 2});
    if (chosen)
      return int(*chosen);
    llvm::consumeError(chosen.takeError());
    return -1;
  };
  EXPECT_EQ(choose("a.tsv", TaskKind::Classify), int(FileFormat::Tsv));
  EXPECT_EQ(choose("a.CSV", TaskKind::Regress), int(FileFormat::Csv));
  EXPECT_EQ(choose("a.json", TaskKind::Classify), int(FileFormat::JsonLines));
  EXPECT_EQ(choose("a.json", TaskKind::Answer), int(FileFormat::Squad));
  EXPECT_EQ(choose("a.txt", TaskKind::Tag), int(FileFormat::Conll));
  EXPECT_EQ(choose("a.jsonl", TaskKind::Tag), int(FileFormat::JsonLines));
  EXPECT_EQ(choose("a", TaskKind::Classify, "csv"), int(FileFormat::Csv));
  EXPECT_EQ(choose("a", TaskKind::Classify), -1);
  EXPECT_EQ(choose("a.tsv", TaskKind::Classify, "xml"), -1);
  EXPECT_EQ(choose("a.tsv", TaskKind::Answer), -1);
  EXPECT_EQ(choose("a.tsv", TaskKind::Tag, "csv"), -1);
  EXPECT_EQ(choose("a.json", TaskKind::Classify, "squad"), -1);
}

namespace {
std::string chosen(uint32_t count, std::vector<std::string> config,
                   std::vector<std::string> labels) {
  DataFile file("data", "abcdef");
  FileLabels seen;
  for (auto [i, label] : llvm::enumerate(labels))
    seen.add(label, i);
  auto names = LabelNames::choose(count, std::move(config), file, seen, false);
  if (!names)
    return message(names.takeError());
  auto indexes = names->resolve(file, seen, false);
  if (!indexes)
    return message(indexes.takeError());
  std::string text;
  for (int32_t index : *indexes)
    text += std::to_string(index) + "=" + names->name(uint32_t(index)) + " ";
  return text;
}
} // namespace

TEST(Labels, NamesAndNumbers) {
  EXPECT_EQ(chosen(2, {}, {"1", "0"}), "1=1 0=0 ");
  EXPECT_EQ(chosen(2, {}, {"pos", "neg"}), "1=pos 0=neg ");
  EXPECT_EQ(chosen(2, {"LABEL_0", "LABEL_1"}, {"pos", "neg"}), "1=pos 0=neg ");
  EXPECT_EQ(chosen(2, {"pos", "neg"}, {"neg", "0"}), "1=neg 0=pos ");
  EXPECT_EQ(chosen(3, {}, {"b", "a"}), "1=b 0=a ");
}

TEST(Labels, Mistakes) {
  EXPECT_HAS(chosen(2, {}, {"0", "2"}),
             "data:1:2: error: label 2 is out of range, expected 0 to 1");
  EXPECT_HAS(chosen(2, {}, {"0", "-1"}), "label -1 is out of range");
  EXPECT_HAS(chosen(2, {}, {"-100"}), "label -100 is out of range");
  EXPECT_HAS(chosen(2, {}, {"a", "b", "c"}),
             "data:1:3: error: too many labels: the file has 3 different ones, "
             "the head of the model 2; the first too many is 'c'");
  EXPECT_HAS(chosen(2, {"positive", "negative"}, {"positiv"}),
             "data:1:1: error: unknown label 'positiv'");
  EXPECT_HAS(chosen(2, {"positive", "negative"}, {"positiv"}),
             "help: did you mean 'positive'?");
  EXPECT_HAS(chosen(2, {"positive", "negative"}, {"x"}),
             "help: the labels are 'positive', 'negative'");
}

TEST(Files, AreChecked) {
  auto problem = [](llvm::StringRef text) {
    std::string path = ::testing::TempDir() + "finetune-file.tsv";
    FILE *out = fopen(path.c_str(), "wb");
    fwrite(text.data(), 1, text.size(), out);
    fclose(out);
    auto file = DataFile::read(path);
    std::string said = file ? "" : message(file.takeError());
    remove(path.c_str());
    return said;
  };
  EXPECT_EQ(problem("\xef\xbb\xbfok\t1\n"), "");
  EXPECT_HAS(problem(""), "error: expected examples, got an empty file");
  EXPECT_HAS(problem(" \n"), "error: expected examples, got an empty file");
  EXPECT_HAS(problem("a\tb\nca\xe9\t1\n"), ".tsv:2:3: error: invalid UTF-8");
  EXPECT_HAS(problem("\xff\xfe"
                     "a"),
             "error: expected UTF-8, got a UTF-16");
  EXPECT_HAS(message(DataFile::read("nowhere.tsv").takeError()),
             "nowhere.tsv: error: cannot open the file");
  std::string said;
  llvm::raw_string_ostream os(said);
  EXPECT_EQ(reportError(DataFile::read("nowhere.tsv").takeError(), os),
            ExitCode::BadInput);
}

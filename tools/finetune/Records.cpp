//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the formats share: their choice, and the search for columns by the names
// that the data sets of GLUE and of the Hub use.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Records.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Path.h"
#include <cmath>

using namespace bertc;
using namespace bertc::finetune;

std::optional<float> finetune::parseNumber(llvm::StringRef text) {
  double number;
  if (text.trim().getAsDouble(number) || !std::isfinite(float(number)))
    return std::nullopt;
  return float(number);
}

llvm::Expected<FileFormat> finetune::chooseFormat(llvm::StringRef path,
                                                  const DataOptions &options,
                                                  const Task &task) {
  std::optional<FileFormat> format;
  if (!options.format.empty()) {
    format = llvm::StringSwitch<std::optional<FileFormat>>(options.format)
                 .Case("tsv", FileFormat::Tsv)
                 .Case("csv", FileFormat::Csv)
                 .Case("jsonl", FileFormat::JsonLines)
                 .Case("conll", FileFormat::Conll)
                 .Case("squad", FileFormat::Squad)
                 .Default(std::nullopt);
    if (!format)
      return makeUsageError("unknown --file_format " + quoted(options.format),
                            "the formats are tsv, csv, jsonl, conll and squad");
  } else {
    std::string extension = llvm::sys::path::extension(path).lower();
    bool json = extension == ".json" || extension == ".jsonl";
    if (task.kind == TaskKind::Answer)
      format = json ? std::optional(FileFormat::Squad) : std::nullopt;
    else if (json)
      format = FileFormat::JsonLines;
    else if (task.kind == TaskKind::Tag)
      format = FileFormat::Conll;
    else if (extension == ".csv")
      format = FileFormat::Csv;
    else if (extension == ".tsv" || extension == ".txt")
      format = FileFormat::Tsv;
    if (!format)
      return makeUsageError(
          "the name of " + quoted(path) + " does not tell its format",
          "name it with --file_format tsv, csv, jsonl, conll or squad");
  }
  bool words = task.kind == TaskKind::Tag;
  bool fits =
      *format == FileFormat::JsonLines
          ? task.kind != TaskKind::Answer
          : (*format == FileFormat::Squad) == (task.kind == TaskKind::Answer) &&
                (*format == FileFormat::Conll) == words;
  if (!fits)
    return makeUsageError(
        llvm::Twine("a head that ") +
            (task.kind == TaskKind::Answer ? "answers questions"
             : words                       ? "labels words"
                                           : "labels texts") +
            " does not learn from a file of this format: " + quoted(path),
        task.kind == TaskKind::Answer ? "it learns from SQuAD's JSON"
        : words ? "it learns from CoNLL columns or JSON lines"
                : "it learns from TSV, CSV or JSON lines");
  return *format;
}

static std::string listNames(llvm::ArrayRef<std::string> names) {
  std::string list;
  for (const std::string &name : names)
    list += (list.empty() ? "" : ", ") + quoted(name);
  return list;
}

llvm::Expected<Columns> finetune::findColumns(
    llvm::ArrayRef<std::string> names, const DataOptions &options,
    const Task &task,
    llvm::function_ref<llvm::Error(const llvm::Twine &, const llvm::Twine &)>
        error) {
  auto find = [&](llvm::StringRef name) -> std::optional<size_t> {
    auto it = llvm::find(names, name);
    if (it == names.end())
      return std::nullopt;
    return it - names.begin();
  };
  std::optional<size_t> text, pair, label;
  auto named = [&](llvm::StringRef name, llvm::StringRef flag,
                   std::optional<size_t> &column) -> llvm::Error {
    if (name.empty())
      return llvm::Error::success();
    column = find(name);
    if (column)
      return llvm::Error::success();
    return error("no column " + quoted(name) + " for --" + flag,
                 "the columns are " + listNames(names));
  };
  if (llvm::Error failure = named(options.textColumn, "text_column", text))
    return std::move(failure);
  if (llvm::Error failure = named(options.pairColumn, "text_pair_column", pair))
    return std::move(failure);
  if (llvm::Error failure = named(options.labelColumn, "label_column", label))
    return std::move(failure);

  using Usual = std::pair<llvm::StringRef, llvm::StringRef>;
  static constexpr Usual texts[] = {
      {"sentence1", "sentence2"}, {"question1", "question2"},
      {"question", "sentence"},   {"premise", "hypothesis"},
      {"text_a", "text_b"},       {"text1", "text2"},
      {"sentence", ""},           {"text", ""}};
  static constexpr Usual words[] = {{"tokens", ""}, {"words", ""}};
  bool tag = task.kind == TaskKind::Tag;
  for (auto [first, second] :
       tag ? llvm::ArrayRef(words) : llvm::ArrayRef(texts)) {
    if (text || !find(first) || (!second.empty() && !find(second)))
      continue;
    text = find(first);
    if (!second.empty() && !pair)
      pair = find(second);
  }
  static constexpr llvm::StringRef labelNames[] = {"label", "labels", "score"};
  static constexpr llvm::StringRef tagNames[] = {"ner_tags", "tags", "labels",
                                                 "pos_tags", "chunk_tags"};
  for (llvm::StringRef name :
       tag ? llvm::ArrayRef(tagNames) : llvm::ArrayRef(labelNames))
    if (!label)
      label = find(name);
  if (!text)
    return error(tag ? "no column 'tokens' or 'words'"
                     : "no column 'text' or 'sentence', nor a usual pair",
                 "name the column with --text_column; the columns are " +
                     listNames(names));
  if (!label)
    return error(tag ? "no column 'ner_tags', 'tags' or 'labels'"
                     : "no column 'label', 'labels' or 'score'",
                 "name the column with --label_column; the columns are " +
                     listNames(names));
  return Columns{*text, *label, pair};
}

llvm::Error finetune::readRecords(const DataFile &file, FileFormat format,
                                  const DataOptions &options, const Task &task,
                                  FileLabels &labels, RecordSink sink) {
  size_t count = 0;
  auto counted = [&](Record &&record) {
    ++count;
    return sink(std::move(record));
  };
  llvm::Error error =
      format == FileFormat::JsonLines
          ? readJsonLines(file, options, task, labels, counted)
      : format == FileFormat::Conll
          ? readConll(file, options, labels, counted)
          : readTable(file, format, options, task, labels, counted);
  if (error)
    return error;
  if (count == 0)
    return makeError(ExitCode::BadInput, file.getName(),
                     "expected examples, got none",
                     format == FileFormat::Tsv || format == FileFormat::Csv
                         ? "a file without names of columns is read with "
                           "--no-header"
                         : "");
  return llvm::Error::success();
}

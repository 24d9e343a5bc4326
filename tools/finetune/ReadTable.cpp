//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TSV and CSV: a text or a pair of texts and a label in each row.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Delimited.h"
#include "tools/finetune/Records.h"
#include "llvm/ADT/STLExtras.h"

using namespace bertc;
using namespace bertc::finetune;

/// Without a header columns are called by their numbers. By default the text is
/// the first, the label the last, and what is between is the second text.
static llvm::Expected<Columns> numberedColumns(const DataFile &file,
                                               const Row &first,
                                               DataOptions options,
                                               const Task &task) {
  std::vector<std::string> numbers;
  for (size_t i = 0; i < first.fields.size(); ++i)
    numbers.push_back(std::to_string(i + 1));
  if (options.textColumn.empty())
    options.textColumn = "1";
  if (options.labelColumn.empty())
    options.labelColumn = std::to_string(std::max<size_t>(numbers.size(), 2));
  if (options.pairColumn.empty() && numbers.size() == 3 &&
      options.textColumn == "1" && options.labelColumn == "3")
    options.pairColumn = "2";
  return findColumns(numbers, options, task,
                     [&](const llvm::Twine &message, const llvm::Twine &help) {
                       return file.error(first.offset, message, help);
                     });
}

static llvm::Expected<Columns> namedColumns(const DataFile &file,
                                            const Row &header,
                                            const DataOptions &options,
                                            const Task &task) {
  std::vector<std::string> names;
  for (const Field &field : header.fields) {
    if (llvm::is_contained(names, field.text))
      return file.error(field.offset,
                        "two columns are named " + quoted(field.text));
    names.push_back(field.text);
  }
  return findColumns(names, options, task,
                     [&](const llvm::Twine &message, const llvm::Twine &help) {
                       return file.error(
                           header.offset, message,
                           help + ", and --no-header says that there are no "
                                  "names");
                     });
}

static llvm::Error readLabels(const DataFile &file, const Field &field,
                              const DataOptions &options, const Task &task,
                              FileLabels &labels, Record &record) {
  llvm::StringRef text = field.text;
  bool many = task.kind == TaskKind::MultiLabel ||
              (task.kind == TaskKind::Regress && task.labels > 1);
  if (!many && text.empty())
    return file.error(field.offset, "the label is missing");
  // Labels of a quoted field are at its start: quotes may be doubled in it.
  llvm::SmallVector<llvm::StringRef, 4> parts;
  if (many)
    text.split(parts, options.labelDelimiter, -1, /*KeepEmpty=*/false);
  else
    parts.push_back(text);
  for (llvm::StringRef part : parts) {
    size_t offset = field.offset + (part.data() - text.data());
    part = many ? part.trim() : part;
    if (task.kind != TaskKind::Regress) {
      record.labels.push_back(labels.add(part, offset));
    } else if (std::optional<float> number = parseNumber(part)) {
      record.numbers.push_back(*number);
    } else {
      return file.error(offset,
                        "expected a finite number, got " + quoted(part));
    }
  }
  if (task.kind == TaskKind::Regress && record.numbers.size() != task.labels)
    return file.error(field.offset, "expected " + llvm::Twine(task.labels) +
                                        " numbers, got " +
                                        llvm::Twine(record.numbers.size()));
  return llvm::Error::success();
}

static llvm::Expected<char> delimiterOf(FileFormat format,
                                        const DataOptions &options) {
  llvm::StringRef text = options.delimiter;
  if (text.empty())
    return format == FileFormat::Csv ? ',' : '\t';
  if (text == "\\t" || text == "tab")
    return '\t';
  if (text.size() != 1 || text == "\n" || text == "\r" || text == "\"")
    return makeUsageError("expected one character for --delimiter, got " +
                              quoted(text),
                          "a tab is written as 'tab'");
  return text[0];
}

llvm::Error finetune::readTable(const DataFile &file, FileFormat format,
                                const DataOptions &options, const Task &task,
                                FileLabels &labels, RecordSink sink) {
  llvm::Expected<char> delimiter = delimiterOf(format, options);
  if (!delimiter)
    return delimiter.takeError();
  DelimitedReader reader(file, *delimiter, format == FileFormat::Csv);
  Row row;
  llvm::Expected<bool> more = reader.next(row);
  if (!more)
    return more.takeError();
  auto columns = options.header ? namedColumns(file, row, options, task)
                                : numberedColumns(file, row, options, task);
  if (!columns)
    return columns.takeError();
  size_t width = row.fields.size();
  if (options.header)
    more = reader.next(row);
  for (; more && *more; more = reader.next(row)) {
    if (row.fields.size() != width)
      return file.error(row.offset,
                        "expected " + llvm::Twine(width) + " fields, got " +
                            llvm::Twine(row.fields.size()),
                        format == FileFormat::Csv
                            ? "put fields with a delimiter in quotes"
                            : "fields of this format cannot hold the "
                              "delimiter or a line end");
    Record record;
    record.line = row.line;
    if (llvm::Error error = readLabels(file, row.fields[columns->label],
                                       options, task, labels, record))
      return error;
    record.text = std::move(row.fields[columns->text].text);
    if (columns->pair)
      record.pair = std::move(row.fields[*columns->pair].text);
    if (llvm::Error error = sink(std::move(record)))
      return error;
  }
  return more.takeError();
}

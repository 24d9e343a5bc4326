//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON lines: an object a line. Empty lines are skipped. Labels are strings,
// integers or booleans, several of them an array; numbers where the task is to
// predict numbers.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Json.h"
#include "tools/finetune/Records.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace bertc;
using namespace bertc::finetune;

namespace {

class LineReader {
public:
  LineReader(const DataFile &file, const DataOptions &options, const Task &task,
             FileLabels &labels)
      : file(file), options(options), task(task), labels(labels) {}
  llvm::Error read(const JsonDocument &line, size_t offset, Record &record);

private:
  llvm::Error readLabel(const JsonCursor &value, Record &record);
  llvm::Error readLabels(const JsonCursor &value, Record &record);
  llvm::Error readWords(const JsonCursor &value, Record &record);
  llvm::Error chooseColumns(const JsonCursor &object);

  const DataFile &file;
  const DataOptions &options;
  const Task &task;
  FileLabels &labels;
  size_t lineOffset = 0;
  bool chosen = false;
  std::string textKey, labelKey;
  std::optional<std::string> pairKey;
};

} // namespace

/// The first object tells the keys of all.
llvm::Error LineReader::chooseColumns(const JsonCursor &object) {
  std::vector<std::string> names;
  for (const auto &entry : *object.get().getAsObject())
    names.push_back(entry.first.str());
  llvm::sort(names);
  auto columns =
      findColumns(names, options, task,
                  [&](const llvm::Twine &message, const llvm::Twine &help) {
                    return object.error(message, help);
                  });
  if (!columns)
    return columns.takeError();
  textKey = names[columns->text];
  labelKey = names[columns->label];
  if (columns->pair)
    pairKey = names[*columns->pair];
  chosen = true;
  return llvm::Error::success();
}

llvm::Error LineReader::readLabel(const JsonCursor &value, Record &record) {
  if (task.kind == TaskKind::Regress) {
    llvm::Expected<double> number = value.asNumber();
    if (!number)
      return number.takeError();
    if (std::abs(*number) > std::numeric_limits<float>::max())
      return value.error("the number is too large for a float");
    record.numbers.push_back(float(*number));
    return llvm::Error::success();
  }
  std::string text;
  if (auto string = value.get().getAsString())
    text = string->str();
  else if (auto boolean = value.get().getAsBoolean())
    text = *boolean ? "true" : "false";
  else if (auto integer = value.get().getAsInteger())
    text = std::to_string(*integer);
  else
    return value.error(value.describePath() +
                       ": expected a label as a string or an integer, got " +
                       value.describeValue());
  record.labels.push_back(labels.add(text, lineOffset + value.offset()));
  return llvm::Error::success();
}

llvm::Error LineReader::readLabels(const JsonCursor &value, Record &record) {
  bool many = task.kind == TaskKind::MultiLabel || task.kind == TaskKind::Tag ||
              (task.kind == TaskKind::Regress && task.labels > 1);
  if (!many)
    return readLabel(value, record);
  llvm::Expected<std::vector<JsonCursor>> items = value.asArray();
  if (!items)
    return items.takeError();
  for (const JsonCursor &item : *items)
    if (llvm::Error error = readLabel(item, record))
      return error;
  if (task.kind == TaskKind::Regress && record.numbers.size() != task.labels)
    return value.error("expected " + llvm::Twine(task.labels) +
                       " numbers, got " + llvm::Twine(record.numbers.size()));
  if (task.kind == TaskKind::Tag && record.labels.size() != record.words.size())
    return value.error("expected a label for each of " +
                       llvm::Twine(record.words.size()) + " words, got " +
                       llvm::Twine(record.labels.size()));
  return llvm::Error::success();
}

llvm::Error LineReader::readWords(const JsonCursor &value, Record &record) {
  llvm::Expected<std::vector<JsonCursor>> items = value.asArray();
  if (!items)
    return items.takeError();
  if (items->empty())
    return value.error("expected words, got none");
  for (const JsonCursor &item : *items) {
    llvm::Expected<llvm::StringRef> word = item.asString();
    if (!word)
      return word.takeError();
    record.words.push_back(word->str());
  }
  return llvm::Error::success();
}

llvm::Error LineReader::read(const JsonDocument &line, size_t offset,
                             Record &record) {
  lineOffset = offset;
  JsonCursor object = line.cursor();
  if (llvm::Error error = object.expectObject())
    return error;
  if (!chosen)
    if (llvm::Error error = chooseColumns(object))
      return error;
  llvm::Expected<JsonCursor> text = object.member(textKey);
  if (!text)
    return text.takeError();
  if (task.kind == TaskKind::Tag) {
    if (llvm::Error error = readWords(*text, record))
      return error;
  } else {
    llvm::Expected<llvm::StringRef> string = text->asString();
    if (!string)
      return string.takeError();
    record.text = string->str();
  }
  if (pairKey) {
    llvm::Expected<JsonCursor> pair = object.member(*pairKey);
    if (!pair)
      return pair.takeError();
    llvm::Expected<llvm::StringRef> string = pair->asString();
    if (!string)
      return string.takeError();
    record.pair = string->str();
  }
  llvm::Expected<JsonCursor> label = object.member(labelKey);
  if (!label)
    return label.takeError();
  return readLabels(*label, record);
}

llvm::Error finetune::readJsonLines(const DataFile &file,
                                    const DataOptions &options,
                                    const Task &task, FileLabels &labels,
                                    RecordSink sink) {
  LineReader reader(file, options, task, labels);
  llvm::StringRef text = file.getText();
  unsigned number = 0;
  for (size_t offset = 0; offset < text.size();) {
    size_t end = std::min(text.find('\n', offset), text.size());
    llvm::StringRef line = text.slice(offset, end);
    ++number;
    if (!line.trim().empty()) {
      auto document = JsonDocument::parse(file.getName(), line.str());
      if (!document)
        return asBadInput(document.takeError(), number - 1);
      Record record;
      record.line = number;
      if (llvm::Error error = reader.read(**document, offset, record))
        return asBadInput(std::move(error), number - 1);
      if (llvm::Error error = sink(std::move(record)))
        return error;
    }
    offset = end + 1;
  }
  return llvm::Error::success();
}

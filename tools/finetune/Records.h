//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Labelled texts, as files have them: TSV, CSV, JSON lines, and the columns of
// CoNLL for labelled words. A reader gives one record after another, so that
// only what becomes of them is kept.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_RECORDS_H
#define BERTC_TOOLS_FINETUNE_RECORDS_H

#include "tools/finetune/Labels.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <optional>

namespace bertc::finetune {

/// What the head of a model learns, in the order of the kinds of labels of
/// the training API.
enum class TaskKind {
  Classify,   ///< One label for each text or pair.
  MultiLabel, ///< Any number of labels.
  Regress,    ///< Numbers.
  Tag,        ///< One label for each word.
  Answer      ///< Where in a text a question is answered.
};

struct Task {
  TaskKind kind = TaskKind::Classify;
  uint32_t labels = 2; ///< Outputs of the head.
};

enum class FileFormat { Tsv, Csv, JsonLines, Conll, Squad };

struct DataOptions {
  /// Names of columns (of JSON: keys), or their numbers from 1 on where columns
  /// have no names. Empty: found by the names that are usual.
  std::string textColumn, pairColumn, labelColumn;
  std::string format;    ///< "tsv", "csv", "jsonl", "conll", "squad"; or empty.
  std::string delimiter; ///< One character; empty: that of the format.
  std::string labelDelimiter = ","; ///< Between labels of one text in a table.
  bool header = true;               ///< The first row of a table has the names.
};

struct Record {
  std::string text;
  std::optional<std::string> pair;
  std::vector<std::string> words; ///< Tag, in place of text.
  std::vector<uint32_t> labels;   ///< Indexes of FileLabels.
  std::vector<float> numbers;     ///< Regress, in place of labels.
  unsigned line = 0;              ///< 1-based.
};

using RecordSink = llvm::function_ref<llvm::Error(Record &&)>;

/// The format of a file, by DataOptions or by its name.
llvm::Expected<FileFormat> chooseFormat(llvm::StringRef path,
                                        const DataOptions &options,
                                        const Task &task);

/// Calls `sink` for each record; fails if there is none.
llvm::Error readRecords(const DataFile &file, FileFormat format,
                        const DataOptions &options, const Task &task,
                        FileLabels &labels, RecordSink sink);

// One for each format, of readRecords.
llvm::Error readTable(const DataFile &file, FileFormat format,
                      const DataOptions &options, const Task &task,
                      FileLabels &labels, RecordSink sink);
llvm::Error readJsonLines(const DataFile &file, const DataOptions &options,
                          const Task &task, FileLabels &labels,
                          RecordSink sink);
llvm::Error readConll(const DataFile &file, const DataOptions &options,
                      FileLabels &labels, RecordSink sink);

/// Which columns of `names` hold the text, the second text if there is one, and
/// the label; indexes of `names`.
struct Columns {
  size_t text = 0, label = 0;
  std::optional<size_t> pair;
};
/// `where` is for errors: makes one from a message and a help.
llvm::Expected<Columns> findColumns(
    llvm::ArrayRef<std::string> names, const DataOptions &options,
    const Task &task,
    llvm::function_ref<llvm::Error(const llvm::Twine &, const llvm::Twine &)>
        error);

/// A finite number.
std::optional<float> parseNumber(llvm::StringRef text);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_RECORDS_H

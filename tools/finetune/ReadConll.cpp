//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Columns as CoNLL has them: a word a line, its columns between blanks, an
// empty line behind each sentence. Lines of -DOCSTART- separate documents.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Records.h"

using namespace bertc;
using namespace bertc::finetune;

/// The index of a column given by its number from 1 on; `otherwise` if it is
/// not given.
static llvm::Expected<size_t>
columnNumber(llvm::StringRef text, llvm::StringRef flag, size_t otherwise) {
  size_t number;
  if (text.empty())
    return otherwise;
  if (text.getAsInteger(10, number) || number == 0)
    return makeUsageError("expected the number of a column for --" + flag +
                              ", got " + quoted(text),
                          "the columns of a CoNLL file have no names; the "
                          "first is 1");
  return number - 1;
}

llvm::Error finetune::readConll(const DataFile &file,
                                const DataOptions &options, FileLabels &labels,
                                RecordSink sink) {
  constexpr size_t last = ~size_t(0);
  auto word = columnNumber(options.textColumn, "text_column", 0);
  if (!word)
    return word.takeError();
  auto tag = columnNumber(options.labelColumn, "label_column", last);
  if (!tag)
    return tag.takeError();
  if (options.delimiter.size() > 1 && options.delimiter != "\\t" &&
      options.delimiter != "tab")
    return makeUsageError("expected one character for --delimiter, got " +
                          quoted(options.delimiter));
  std::string separators = " \t";
  if (!options.delimiter.empty())
    separators = options.delimiter.size() == 1 ? options.delimiter : "\t";
  llvm::StringRef blanks = separators;
  Record record;
  size_t columns = 0; // of the first word of the file
  auto flush = [&]() -> llvm::Error {
    if (record.words.empty())
      return llvm::Error::success();
    Record done;
    std::swap(done, record);
    return sink(std::move(done));
  };
  llvm::StringRef text = file.getText();
  unsigned number = 0;
  for (size_t offset = 0; offset < text.size();) {
    size_t end = std::min(text.find('\n', offset), text.size());
    llvm::StringRef line = text.slice(offset, end);
    size_t start = offset;
    offset = end + 1;
    ++number;
    line.consume_back("\r");
    if (line.trim().empty() || line.starts_with("-DOCSTART-")) {
      if (llvm::Error error = flush())
        return error;
      continue;
    }
    llvm::SmallVector<llvm::StringRef, 8> fields;
    for (llvm::StringRef rest = line.ltrim(blanks); !rest.empty();) {
      fields.push_back(
          rest.take_until([&](char c) { return blanks.contains(c); }));
      rest = rest.drop_front(fields.back().size()).ltrim(blanks);
    }
    if (columns == 0)
      columns = fields.size();
    size_t need = std::max(*word + 1, *tag == last ? 2 : *tag + 1);
    if (columns < need && fields.size() == columns)
      return file.error(start,
                        "expected at least " + llvm::Twine(need) +
                            " columns, got " + llvm::Twine(columns),
                        "each line has a word and its label, between blanks");
    if (fields.size() != columns)
      return file.error(start,
                        "expected " + llvm::Twine(columns) +
                            " columns, as in the first line of words, got " +
                            llvm::Twine(fields.size()));
    llvm::StringRef label = *tag == last ? fields.back() : fields[*tag];
    if (record.words.empty())
      record.line = number;
    record.words.push_back(fields[*word].str());
    record.labels.push_back(
        labels.add(label, start + (label.data() - line.data())));
  }
  return flush();
}

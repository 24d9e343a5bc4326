//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tables as text: fields between delimiters, a row a line. With quotes it is
// CSV by RFC 4180, where a quoted field may hold delimiters, line ends and
// doubled quotes; without, as TSV has it, every byte of a field counts.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_DELIMITED_H
#define BERTC_TOOLS_FINETUNE_DELIMITED_H

#include "tools/finetune/DataFile.h"

namespace bertc::finetune {

struct Field {
  std::string text;
  size_t offset = 0; ///< Where its first character is in the file.
};

struct Row {
  std::vector<Field> fields;
  size_t offset = 0;
  unsigned line = 0; ///< 1-based; of its first character.
};

class DelimitedReader {
public:
  DelimitedReader(const DataFile &file, char delimiter, bool quotes)
      : file(file), text(file.getText()), delimiter(delimiter), quotes(quotes) {
  }
  /// Reads the next row that is not an empty line into `row`; false at the end.
  llvm::Expected<bool> next(Row &row);

private:
  llvm::Error readQuoted(Field &field);
  llvm::Error readPlain(Field &field);
  bool atLineEnd() const;
  void skipLineEnd();

  const DataFile &file;
  llvm::StringRef text;
  char delimiter;
  bool quotes;
  size_t pos = 0;
  unsigned line = 1;
};

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_DELIMITED_H

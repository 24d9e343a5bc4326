//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line ends with LF or CR LF. What RFC 4180 forbids (a quote inside of a
// plain field, text behind a closing quote) is an error rather than a guess,
// because a lost quote joins thousands of lines.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Delimited.h"

using namespace bertc;
using namespace bertc::finetune;

bool DelimitedReader::atLineEnd() const {
  return pos >= text.size() || text[pos] == '\n' ||
         text.substr(pos, 2) == "\r\n";
}

void DelimitedReader::skipLineEnd() {
  if (pos >= text.size())
    return;
  pos += text[pos] == '\r' ? 2 : 1;
  ++line;
}

llvm::Error DelimitedReader::readQuoted(Field &field) {
  size_t open = pos++;
  field.offset = pos;
  while (true) {
    size_t quote = text.find('"', pos);
    if (quote == llvm::StringRef::npos)
      return file.error(open, "the quoted field that starts here is not closed",
                        "double each quote inside of a field, and put a quote "
                        "behind it");
    llvm::StringRef piece = text.slice(pos, quote);
    field.text += piece;
    line += piece.count('\n');
    pos = quote + 1;
    if (pos >= text.size() || text[pos] != '"')
      break;
    field.text += '"';
    ++pos;
  }
  if (!atLineEnd() && text[pos] != delimiter)
    return file.error(pos,
                      "expected a delimiter or the end of the line behind a "
                      "quoted field",
                      "double each quote inside of a field");
  return llvm::Error::success();
}

llvm::Error DelimitedReader::readPlain(Field &field) {
  size_t start = field.offset = pos;
  while (!atLineEnd() && text[pos] != delimiter) {
    if (quotes && text[pos] == '"')
      return file.error(pos, "a quote inside of a field that is not quoted",
                        "put the field in quotes and double the quotes inside "
                        "of it, or read the file as 'tsv', where quotes are "
                        "plain characters");
    ++pos;
  }
  field.text = text.slice(start, pos).str();
  return llvm::Error::success();
}

llvm::Expected<bool> DelimitedReader::next(Row &row) {
  while (pos < text.size() && atLineEnd())
    skipLineEnd();
  if (pos >= text.size())
    return false;
  row.fields.clear();
  row.offset = pos;
  row.line = line;
  while (true) {
    Field &field = row.fields.emplace_back();
    if (llvm::Error error = quotes && pos < text.size() && text[pos] == '"'
                                ? readQuoted(field)
                                : readPlain(field))
      return std::move(error);
    if (atLineEnd())
      break;
    ++pos; // the delimiter
  }
  skipLineEnd();
  return true;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A line ends with LF or CR LF; the last one may lack it. An empty line is an
// empty text.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/Texts.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace bertc;
using namespace bertc::tool;

static bool isUtf8(llvm::StringRef text) {
  auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  return llvm::isLegalUTF8String(&begin, begin + text.size());
}

static llvm::Error notUtf8(llvm::StringRef where, const llvm::Twine &which) {
  return makeError(ExitCode::BadInput, where, which + " is not valid UTF-8",
                   "convert the text, for example with iconv");
}

static llvm::Expected<std::vector<std::string>>
readLines(llvm::StringRef path) {
  bool standard = path == "-";
  llvm::StringRef name = standard ? "standard input" : path;
  auto buffer = standard ? llvm::MemoryBuffer::getSTDIN()
                         : llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return makeError(ExitCode::BadInput, name,
                     "cannot read texts: " + buffer.getError().message());
  llvm::StringRef rest = (*buffer)->getBuffer();
  rest.consume_front("\xEF\xBB\xBF");
  std::vector<std::string> lines;
  while (!rest.empty()) {
    auto [line, after] = rest.split('\n');
    line.consume_back("\r");
    if (!isUtf8(line))
      return notUtf8(name, "line " + llvm::Twine(lines.size() + 1));
    lines.push_back(line.str());
    rest = after;
  }
  return lines;
}

llvm::Expected<std::vector<std::string>>
tool::readTexts(const TextSource &source) {
  bool standard = source.texts.size() == 1 && source.texts[0] == "-";
  if (!source.texts.empty() && !source.file.empty())
    return makeUsageError("expected texts or --file, got both");
  if (standard || !source.file.empty())
    return readLines(standard ? "-" : source.file);
  if (source.texts.empty())
    return makeUsageError("expected texts, --file FILE or -, got none");
  std::vector<std::string> texts = source.texts;
  for (auto [i, text] : llvm::enumerate(texts)) {
    if (!text.empty() && text.back() == '\0') // put there by main
      text.pop_back();
    if (!isUtf8(text))
      return notUtf8("command line", "text " + llvm::Twine(i + 1));
  }
  return texts;
}

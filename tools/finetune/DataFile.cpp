//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reading and its errors are those of model files, as bad input.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/DataFile.h"
#include "compiler/Import/Json.h"

using namespace bertc;
using namespace bertc::finetune;

static void moveToInput(Diagnostic &diagnostic, unsigned linesBefore) {
  diagnostic.category = ExitCode::BadInput;
  if (diagnostic.location.line)
    diagnostic.location.line += linesBefore;
  for (Diagnostic &note : diagnostic.notes)
    moveToInput(note, linesBefore);
}

llvm::Error finetune::asBadInput(llvm::Error error, unsigned linesBefore) {
  return llvm::handleErrors(std::move(error), [&](const ModelError &model) {
    Diagnostic diagnostic = model.getDiagnostic();
    moveToInput(diagnostic, linesBefore);
    return makeError(std::move(diagnostic));
  });
}

llvm::Expected<DataFile> DataFile::read(llvm::StringRef path) {
  llvm::Expected<std::string> text = readTextFile(path, maxBytes);
  if (!text)
    return asBadInput(text.takeError());
  if (llvm::StringRef(*text).trim().empty())
    return makeError(ExitCode::BadInput, path,
                     "expected examples, got an empty file");
  return DataFile(path, std::move(*text));
}

llvm::Error DataFile::error(size_t offset, const llvm::Twine &message,
                            const llvm::Twine &help) const {
  return makeError(Diagnostic(ExitCode::BadInput,
                              locationAt(name, text, offset), message.str(),
                              help.str()));
}

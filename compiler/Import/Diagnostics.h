//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Errors about models and inputs, as values: where, what was expected and
// found, how to fix it, and which exit code a tool returns. The text of the
// offending line is copied in when the diagnostic is made, so it can be shown
// after the file is closed.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_DIAGNOSTICS_H
#define BERTC_COMPILER_IMPORT_DIAGNOSTICS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace bertc {

/// Exit codes of the tools, also the category of a diagnostic.
enum class ExitCode {
  Success = 0,
  Failure = 1,
  Usage = 2,
  BadModel = 3,
  BadInput = 4,
  NoDevice = 5,
  Inaccurate = 6,
};

enum class Severity { Error, Warning, Note };

struct SourceLocation {
  std::string file;
  unsigned line = 0;   ///< 1-based; 0: the file as a whole.
  unsigned column = 0; ///< 1-based, in characters (not bytes).
  std::string excerpt; ///< The line, or a window of it; empty: none.
  unsigned caret = 0;  ///< Characters of the excerpt before the caret.
};

/// A location for byte `offset` of `text`, with an excerpt of that line.
SourceLocation locationAt(llvm::StringRef file, llvm::StringRef text,
                          size_t offset);

struct Diagnostic {
  Severity severity = Severity::Error;
  ExitCode category = ExitCode::BadModel;
  SourceLocation location;
  std::string message;
  std::string help;
  std::vector<Diagnostic> notes;

  Diagnostic() = default;
  Diagnostic(ExitCode category, SourceLocation location, std::string message,
             std::string help = {})
      : category(category), location(std::move(location)),
        message(std::move(message)), help(std::move(help)) {}

  /// Writes `file:line:col: error: message`, the excerpt with a caret, the
  /// notes and `help: ...`; in colours on a terminal, unless NO_COLOR is set.
  void render(llvm::raw_ostream &os) const;
  std::string str() const;
};

class ModelError : public llvm::ErrorInfo<ModelError> {
public:
  static char ID;
  explicit ModelError(Diagnostic diagnostic)
      : diagnostic(std::move(diagnostic)) {}
  const Diagnostic &getDiagnostic() const { return diagnostic; }
  void log(llvm::raw_ostream &os) const override { diagnostic.render(os); }
  std::error_code convertToErrorCode() const override;

private:
  Diagnostic diagnostic;
};

llvm::Error makeError(Diagnostic diagnostic);
/// An error about `file` as a whole.
llvm::Error makeError(ExitCode category, llvm::StringRef file,
                      const llvm::Twine &message, const llvm::Twine &help = "");
/// An error about the command line.
llvm::Error makeUsageError(const llvm::Twine &message,
                           const llvm::Twine &help = "");

/// Renders every diagnostic of `error` (others as plain text) and returns the
/// exit code of the first.
ExitCode reportError(llvm::Error error, llvm::raw_ostream &os);

/// `text` in quotes, with control characters and invalid UTF-8 escaped and
/// the middle left out when it is long.
std::string quoted(llvm::StringRef text);

/// "did you mean 'x'?" for the closest of `candidates`; empty if none is close.
std::string suggestion(llvm::StringRef text,
                       llvm::ArrayRef<llvm::StringRef> candidates);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_DIAGNOSTICS_H

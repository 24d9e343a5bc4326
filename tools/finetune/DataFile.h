//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file of examples: its text, which is UTF-8, and errors that point into it.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_DATAFILE_H
#define BERTC_TOOLS_FINETUNE_DATAFILE_H

#include "compiler/Import/Diagnostics.h"

namespace bertc::finetune {

class DataFile {
public:
  /// Of at most this many bytes: offsets of an example fit in 32 bits.
  static constexpr uint64_t maxBytes = (uint64_t(1) << 32) - 1;

  /// Reads the file whole. It must be regular, not empty, and valid UTF-8.
  static llvm::Expected<DataFile> read(llvm::StringRef path);
  DataFile(llvm::StringRef name, std::string text)
      : name(name.str()), text(std::move(text)) {}

  llvm::StringRef getName() const { return name; }
  llvm::StringRef getText() const { return text; }
  /// A complaint about what is at byte `offset`.
  llvm::Error error(size_t offset, const llvm::Twine &message,
                    const llvm::Twine &help = "") const;

private:
  std::string name, text;
};

/// The same errors with the exit code of bad input; lines count from
/// `linesBefore` + 1, for documents that are a part of a file.
llvm::Error asBadInput(llvm::Error error, unsigned linesBefore = 0);

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_DATAFILE_H

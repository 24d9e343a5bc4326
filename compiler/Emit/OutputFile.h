//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file that appears complete or not at all: written beside its destination
// under another name, flushed to the disk, then renamed.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_OUTPUTFILE_H
#define BERTC_COMPILER_EMIT_OUTPUTFILE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace bertc {

class OutputFile {
public:
  /// Creates the temporary file; fails if the folder is missing or read-only.
  static llvm::Expected<OutputFile> create(llvm::StringRef path);
  OutputFile(OutputFile &&other);
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  /// Removes the temporary file if it was not committed.
  ~OutputFile();

  /// Takes space on the disk in advance, so that a full one is noticed early.
  llvm::Error reserve(uint64_t size);
  llvm::Error write(llvm::ArrayRef<uint8_t> bytes, uint64_t offset);
  llvm::Error write(llvm::StringRef bytes, uint64_t offset = 0);
  /// Lets the disk begin with a part that is written, so that commit() need
  /// not wait for all of a large file.
  void startWriteback(uint64_t offset, uint64_t size);
  /// Gives the file its name.
  llvm::Error commit(bool executable = false);

  llvm::StringRef getPath() const { return path; }
  llvm::StringRef getTemporaryPath() const { return temporary; }

private:
  OutputFile(llvm::StringRef path) : path(path.str()) {}
  llvm::Error failure(llvm::StringRef action, int code) const;

  std::string path;
  std::string temporary;
  int descriptor = -1;
};

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_OUTPUTFILE_H

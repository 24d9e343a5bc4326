//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Files that are on the disk when the call returns, and directories.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_RUNTIME_TRAIN_FILES_H
#define BERTC_RUNTIME_TRAIN_FILES_H

#include "runtime/abi/hash.h"
#include "runtime/core/Status.h"

namespace bertc::rt {

struct Path {
  char text[4096];
};

/// "<folder>/<name><suffix>".
bertc_code joinPath(Path &path, const char *folder, const char *name,
                    const char *suffix, bertc_status *status);

/// "<folder><suffix>", without slashes at the end of the folder.
bertc_code siblingPath(Path &path, const char *folder, const char *suffix,
                       bertc_status *status);

/// A file that is written from begin to end. Errors of write() are kept for
/// finish().
class OutputFile {
public:
  OutputFile() = default;
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;
  ~OutputFile();

  bertc_code create(const char *path, bertc_status *status);
  void write(const void *data, size_t size);
  /// Brings everything to disk and closes the file.
  bertc_code finish(bertc_status *status);

  uint64_t size() const { return hashed.total; }
  uint64_t hash() const { return bertc_hash_end(&hashed); }

private:
  void flush();

  Path path;
  int file = -1;
  int error = 0; // errno of the first failure
  uint8_t *buffer = nullptr;
  size_t used = 0;
  bertc_hash_state hashed;
};

/// A file mapped for reading.
class InputFile {
public:
  InputFile() = default;
  InputFile(const InputFile &) = delete;
  InputFile &operator=(const InputFile &) = delete;
  ~InputFile();

  /// If there is no such file, errno says so.
  bertc_code open(const char *path, bertc_status *status);

  const uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }

private:
  uint8_t *bytes = nullptr;
  uint64_t length = 0;
};

/// Makes a directory, if there is none of that name.
bertc_code makeDirectory(const char *path, bertc_status *status);

/// Makes what was made, renamed or removed in the directory last.
bertc_code syncDirectory(const char *path, bertc_status *status);

/// Does so in the directory that `path` lies in.
bertc_code syncParent(const char *path, bertc_status *status);

bertc_code failFile(bertc_status *status, const char *doing, const char *path,
                    int error);

} // namespace bertc::rt

#endif // BERTC_RUNTIME_TRAIN_FILES_H

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled model as a file: what can be known of it without running any of
// its code, for `bertc inspect` and as a check before it is loaded.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_EMIT_LIBRARYFILE_H
#define BERTC_COMPILER_EMIT_LIBRARYFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace bertc {

struct LibrarySegment {
  uint64_t offset, fileBytes, address, memoryBytes;
  bool read, write, execute;
};

struct LibraryFile {
  std::string path;
  uint64_t fileBytes = 0;
  std::string manifest;
  std::vector<LibrarySegment> segments;
  std::vector<std::string> exports;
  std::vector<std::string> needed;
  /// The bytes of the weights section; nothing if weights are elsewhere.
  uint64_t weightsOffset = 0, weightsBytes = 0;
};

/// Fails, with the exit code of a bad model, if the file is not a whole model
/// for this kind of machine.
llvm::Expected<LibraryFile> readLibraryFile(llvm::StringRef path);

/// Compares the weights inside with the hash in the manifest.
llvm::Error verifyWeights(const LibraryFile &library);

} // namespace bertc

#endif // BERTC_COMPILER_EMIT_LIBRARYFILE_H

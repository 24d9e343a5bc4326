//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A strict, iterative check of JSON text that runs before llvm::json::parse.
// That parser recurses (tens of thousands of brackets overflow its stack),
// keeps the last of duplicate keys without a word, and replaces unpaired
// surrogates; here each of these is an error with a position.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_JSONSCAN_H
#define BERTC_COMPILER_IMPORT_JSONSCAN_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>
#include <string>

namespace bertc {

struct JsonIssue {
  size_t offset = 0; ///< In bytes.
  std::string message;
  std::string help;
  std::optional<size_t> related; ///< Where the other half is, if there is one.
  std::string relatedMessage;
};

/// Deepest nesting of arrays and objects that is accepted.
constexpr unsigned maxJsonDepth = 256;

/// Checks the grammar, the depth, and that no object has a key twice. The text
/// must be valid UTF-8 without a byte order mark.
std::optional<JsonIssue> scanJson(llvm::StringRef text);

/// One step into a document: an object's key, or an array's index.
struct JsonStep {
  std::string key;
  int64_t index = -1; ///< Used when >= 0.
  JsonStep(llvm::StringRef key) : key(key.str()) {}
  JsonStep(const char *key) : key(key) {}
  JsonStep(size_t index) : index(static_cast<int64_t>(index)) {}
};

/// Byte offset of the value at `path` (or of its key, if `atKey`), in text that
/// scanJson accepts. Stops at the deepest step that exists.
size_t locateJson(llvm::StringRef text, llvm::ArrayRef<JsonStep> path,
                  bool atKey = false);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_JSONSCAN_H

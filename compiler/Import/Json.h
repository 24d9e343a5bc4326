//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// JSON files as documents that know their text: a cursor carries the path to
// its value, so every complaint about a field can point at its line and column.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_JSON_H
#define BERTC_COMPILER_IMPORT_JSON_H

#include "compiler/Import/Diagnostics.h"
#include "compiler/Import/JsonScan.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <vector>

namespace bertc {

class JsonCursor;

class JsonDocument {
public:
  static constexpr uint64_t defaultMaxBytes = uint64_t(1) << 26;

  /// Reads and checks a file. The document does not move: cursors point to it.
  static llvm::Expected<std::unique_ptr<JsonDocument>>
  load(llvm::StringRef path, uint64_t maxBytes = defaultMaxBytes);
  /// Checks `text`, calling it `name` in diagnostics.
  static llvm::Expected<std::unique_ptr<JsonDocument>>
  parse(llvm::StringRef name, std::string text);

  llvm::StringRef getName() const { return name; }
  llvm::StringRef getText() const { return text; }
  const llvm::json::Value &getRoot() const { return root; }
  JsonCursor cursor() const;

private:
  JsonDocument(llvm::StringRef name, std::string text)
      : name(name.str()), text(std::move(text)), root(nullptr) {}
  std::string name;
  std::string text;
  llvm::json::Value root;
};

/// A value of a document and the way to it.
class JsonCursor {
public:
  JsonCursor(const JsonDocument &document, const llvm::json::Value &value)
      : document(&document), value(&value) {}

  const llvm::json::Value &get() const { return *value; }
  const JsonDocument &getDocument() const { return *document; }
  bool isNull() const { return value->kind() == llvm::json::Value::Null; }

  /// The member `key` of an object; nothing if it is absent (or null, when
  /// `nullIsAbsent`) or this is not an object.
  std::optional<JsonCursor> find(llvm::StringRef key,
                                 bool nullIsAbsent = true) const;
  /// As find, but absence is an error.
  llvm::Expected<JsonCursor> member(llvm::StringRef key) const;
  llvm::Expected<std::vector<JsonCursor>> asArray() const;
  llvm::Error expectObject() const;
  llvm::Expected<int64_t> asInteger(int64_t least, int64_t most) const;
  llvm::Expected<double> asNumber() const;
  llvm::Expected<llvm::StringRef> asString() const;
  llvm::Expected<bool> asBool() const;

  /// Where the value is, or its key: the byte of the document, or its location.
  size_t offset(bool atKey = false) const;
  SourceLocation location(bool atKey = false) const;
  llvm::Error error(const llvm::Twine &message, const llvm::Twine &help = "",
                    bool atKey = false) const;
  /// "'hidden_size'", "'weight_map.x'", or "the document".
  std::string describePath() const;
  /// The value as it may be shown in a message: "the string 'x'", "12", ...
  std::string describeValue() const;

private:
  llvm::Error wrongType(llvm::StringRef wanted) const;
  JsonCursor step(JsonStep to, const llvm::json::Value &inner) const;

  const JsonDocument *document;
  const llvm::json::Value *value;
  llvm::SmallVector<JsonStep, 2> path;
};

/// Reads a regular file that must be no larger than `maxBytes` and valid UTF-8;
/// a UTF-8 byte order mark is dropped.
llvm::Expected<std::string> readTextFile(llvm::StringRef path,
                                         uint64_t maxBytes);

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_JSON_H

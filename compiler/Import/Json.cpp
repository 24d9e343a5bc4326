//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loading is read, check UTF-8, scan, parse. Files are read rather than mapped:
// they are small, and a mapped file that shrinks would raise SIGBUS.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Json.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cmath>

using namespace bertc;
namespace json = llvm::json;

llvm::Expected<std::string> bertc::readTextFile(llvm::StringRef path,
                                                uint64_t maxBytes) {
  auto fail = [&](const llvm::Twine &message, const llvm::Twine &help = "") {
    return makeError(ExitCode::BadModel, path, message, help);
  };
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return fail("cannot open the file: " + llvm::Twine(error.message()));
  if (!llvm::sys::fs::is_regular_file(status))
    return fail(llvm::Twine("expected a regular file, got ") +
                (llvm::sys::fs::is_directory(status) ? "a directory"
                                                     : "a special file"));
  if (status.getSize() > maxBytes)
    return fail("the file is too large, expected at most " +
                llvm::Twine(maxBytes) + " bytes, got " +
                llvm::Twine(status.getSize()));
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false,
                                            /*IsVolatile=*/true);
  if (!buffer)
    return fail("cannot read the file: " +
                llvm::Twine(buffer.getError().message()));
  llvm::StringRef text = (*buffer)->getBuffer();
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff"))
    return fail("expected UTF-8, got a UTF-16 byte order mark",
                "convert the file to UTF-8");
  text.consume_front("\xef\xbb\xbf");
  if (text.starts_with("version https://git-lfs"))
    return fail("the file is a Git LFS pointer, not the file itself",
                "run 'git lfs pull' in the model's repository");
  size_t bad = 0;
  if (!json::isUTF8(text, &bad))
    return makeError(
        Diagnostic(ExitCode::BadModel, locationAt(path, text, bad),
                   llvm::formatv("invalid UTF-8, got byte 0x{0}",
                                 llvm::toHex(text.substr(bad, 1), true))
                       .str(),
                   "convert the file to UTF-8"));
  return text.str();
}

/// `text`, which the scanner has accepted, with characters in place of their
/// surrogate pairs: llvm::json::parse reads \ud840\udc00 (U+20000) as U+10000.
static std::string joinSurrogates(llvm::StringRef text) {
  std::string joined;
  for (size_t at; (at = text.find('\\')) != llvm::StringRef::npos;) {
    joined += text.take_front(at);
    text = text.drop_front(at);
    uint32_t high = 0, low = 0;
    if (text[1] == 'u' && !text.substr(2, 4).getAsInteger(16, high) &&
        high >= 0xd800 && high < 0xdc00 &&
        !text.substr(8, 4).getAsInteger(16, low)) {
      char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
      char *end = bytes;
      llvm::ConvertCodePointToUTF8(
          0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), end);
      joined.append(bytes, end);
      text = text.drop_front(12);
    } else {
      joined += text.take_front(2);
      text = text.drop_front(2);
    }
  }
  joined += text;
  return joined;
}

llvm::Expected<std::unique_ptr<JsonDocument>>
JsonDocument::load(llvm::StringRef path, uint64_t maxBytes) {
  llvm::Expected<std::string> text = readTextFile(path, maxBytes);
  if (!text)
    return text.takeError();
  return parse(path, std::move(*text));
}

llvm::Expected<std::unique_ptr<JsonDocument>>
JsonDocument::parse(llvm::StringRef name, std::string text) {
  std::unique_ptr<JsonDocument> document(
      new JsonDocument(name, std::move(text)));
  llvm::StringRef content = document->text;
  if (content.trim().empty())
    return makeError(ExitCode::BadModel, name,
                     "expected JSON, got an empty file");
  if (std::optional<JsonIssue> issue = scanJson(content)) {
    Diagnostic diagnostic(ExitCode::BadModel,
                          locationAt(name, content, issue->offset),
                          issue->message, issue->help);
    if (issue->related) {
      Diagnostic &note = diagnostic.notes.emplace_back(
          ExitCode::BadModel, locationAt(name, content, *issue->related),
          issue->relatedMessage);
      note.severity = Severity::Note;
    }
    return makeError(std::move(diagnostic));
  }
  llvm::Expected<json::Value> value = json::parse(joinSurrogates(content));
  if (!value)
    return makeError(ExitCode::BadModel, name,
                     "invalid JSON: " + llvm::toString(value.takeError()));
  document->root = std::move(*value);
  return document;
}

JsonCursor JsonDocument::cursor() const { return JsonCursor(*this, root); }

JsonCursor JsonCursor::step(JsonStep to, const json::Value &inner) const {
  JsonCursor next(*document, inner);
  next.path = path;
  next.path.push_back(std::move(to));
  return next;
}

std::optional<JsonCursor> JsonCursor::find(llvm::StringRef key,
                                           bool nullIsAbsent) const {
  const json::Object *object = value->getAsObject();
  const json::Value *inner = object ? object->get(key) : nullptr;
  if (!inner || (nullIsAbsent && inner->kind() == json::Value::Null))
    return std::nullopt;
  return step(key, *inner);
}

llvm::Expected<JsonCursor> JsonCursor::member(llvm::StringRef key) const {
  if (llvm::Error error = expectObject())
    return std::move(error);
  if (std::optional<JsonCursor> found = find(key, /*nullIsAbsent=*/false))
    return *found;
  return error("missing key " + quoted(key) + " in " + describePath());
}

llvm::Error JsonCursor::expectObject() const {
  if (value->getAsObject())
    return llvm::Error::success();
  return wrongType("an object");
}

llvm::Expected<std::vector<JsonCursor>> JsonCursor::asArray() const {
  const json::Array *array = value->getAsArray();
  if (!array)
    return wrongType("an array");
  std::vector<JsonCursor> items;
  for (size_t i = 0; i < array->size(); ++i)
    items.push_back(step(JsonStep(i), (*array)[i]));
  return items;
}

llvm::Expected<int64_t> JsonCursor::asInteger(int64_t least,
                                              int64_t most) const {
  std::optional<int64_t> integer = value->getAsInteger();
  if (!integer)
    return wrongType("an integer");
  if (*integer < least || *integer > most)
    return error(describePath() + " is out of range, expected " +
                 llvm::Twine(least) + " to " + llvm::Twine(most) + ", got " +
                 llvm::Twine(*integer));
  return *integer;
}

llvm::Expected<double> JsonCursor::asNumber() const {
  std::optional<double> number = value->getAsNumber();
  if (!number || !std::isfinite(*number))
    return wrongType("a finite number");
  return *number;
}

llvm::Expected<llvm::StringRef> JsonCursor::asString() const {
  if (std::optional<llvm::StringRef> string = value->getAsString())
    return *string;
  return wrongType("a string");
}

llvm::Expected<bool> JsonCursor::asBool() const {
  if (std::optional<bool> boolean = value->getAsBoolean())
    return *boolean;
  return wrongType("true or false");
}

size_t JsonCursor::offset(bool atKey) const {
  return locateJson(document->getText(), path, atKey);
}

SourceLocation JsonCursor::location(bool atKey) const {
  return locationAt(document->getName(), document->getText(), offset(atKey));
}

llvm::Error JsonCursor::error(const llvm::Twine &message,
                              const llvm::Twine &help, bool atKey) const {
  return makeError(Diagnostic(ExitCode::BadModel, location(atKey),
                              message.str(), help.str()));
}

llvm::Error JsonCursor::wrongType(llvm::StringRef wanted) const {
  return error(describePath() + ": expected " + wanted + ", got " +
               describeValue());
}

std::string JsonCursor::describePath() const {
  if (path.empty())
    return "the document";
  std::string text;
  for (const JsonStep &s : path) {
    if (s.index >= 0)
      text += "[" + std::to_string(s.index) + "]";
    else
      text += (text.empty() ? "" : ".") + s.key;
  }
  return quoted(text);
}

std::string JsonCursor::describeValue() const {
  switch (value->kind()) {
  case json::Value::Null:
    return "null";
  case json::Value::Boolean:
    return *value->getAsBoolean() ? "true" : "false";
  case json::Value::String:
    return "the string " + quoted(*value->getAsString());
  case json::Value::Array:
    return "an array";
  case json::Value::Object:
    return "an object";
  case json::Value::Number:
    break;
  }
  // As written in the file: a parsed double would hide what is wrong with it.
  llvm::StringRef rest =
      document->getText().substr(locateJson(document->getText(), path));
  return rest
      .take_while([](char c) {
        return llvm::isAlnum(c) || c == '+' || c == '-' || c == '.';
      })
      .str();
}

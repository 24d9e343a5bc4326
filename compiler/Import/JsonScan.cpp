//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The scanner is a token loop with an explicit stack. Positions of values are
// not recorded while scanning: a diagnostic needs one position, so it is found
// by a second walk (locateJson) only when there is something to report.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/JsonScan.h"

#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Allocator.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/StringSaver.h"
#include <memory>

using namespace bertc;

static bool isSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// The four hexadecimal digits at `pos`, or nothing.
static std::optional<uint32_t> hex4(llvm::StringRef text, size_t pos) {
  uint32_t value = 0;
  llvm::StringRef digits = text.substr(pos, 4);
  if (digits.size() != 4)
    return std::nullopt;
  for (char c : digits) {
    unsigned digit = llvm::hexDigitValue(c);
    if (digit > 15)
      return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

/// Decodes the inside of a string that the scanner has accepted.
static std::string decodeString(llvm::StringRef raw) {
  std::string out;
  for (size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out += raw[i];
      continue;
    }
    char c = raw[++i];
    if (c != 'u') {
      constexpr llvm::StringLiteral from = "bfnrt", to = "\b\f\n\r\t";
      size_t at = from.find(c);
      out += at == llvm::StringRef::npos ? c : to[at];
      continue;
    }
    uint32_t code = *hex4(raw, i + 1);
    i += 4;
    if (code >= 0xd800 && code < 0xdc00) {
      code = 0x10000 + ((code - 0xd800) << 10) + (*hex4(raw, i + 3) - 0xdc00);
      i += 6;
    }
    char bytes[UNI_MAX_UTF8_BYTES_PER_CODE_POINT];
    char *end = bytes;
    if (llvm::ConvertCodePointToUTF8(code, end))
      out.append(bytes, end);
  }
  return out;
}

namespace {
class Scanner {
public:
  explicit Scanner(llvm::StringRef text) : text(text) {}

  std::optional<JsonIssue> run() {
    if (loop())
      return std::nullopt;
    return std::move(issue);
  }

private:
  enum class State { Value, FirstItem, FirstKey, Key, Colon, Separator };
  struct Frame {
    size_t open;
    bool object;
    std::unique_ptr<llvm::DenseMap<llvm::StringRef, size_t>> keys;
  };

  bool fail(size_t offset, const llvm::Twine &message,
            const llvm::Twine &help = "") {
    issue.offset = offset;
    issue.message = message.str();
    issue.help = help.str();
    return false;
  }
  bool unexpected(llvm::StringRef wanted) {
    if (pos >= text.size()) {
      fail(pos, "unexpected end of the file, expected " + wanted,
           "the file may have been cut off; fetch it again");
      if (!stack.empty()) {
        issue.related = stack.back().open;
        issue.relatedMessage = stack.back().object ? "this object is not closed"
                                                   : "this array is not closed";
      }
      return false;
    }
    size_t length = 1;
    while (length < 20 && pos + length < text.size() &&
           llvm::isAlnum(text[pos]) && llvm::isAlnum(text[pos + length]))
      ++length;
    while (pos + length < text.size() && (text[pos + length] & 0xc0) == 0x80)
      ++length;
    return fail(pos, "expected " + wanted + ", got " +
                         quoted(text.substr(pos, length)));
  }
  void skipSpace() {
    while (pos < text.size() && isSpace(text[pos]))
      ++pos;
  }
  bool open(bool object) {
    if (stack.size() == maxJsonDepth)
      return fail(pos, "arrays and objects are nested too deeply, expected at "
                       "most " +
                           llvm::Twine(maxJsonDepth) + " levels");
    stack.push_back({pos++, object, nullptr});
    state = object ? State::FirstKey : State::FirstItem;
    return true;
  }
  bool close() {
    ++pos;
    stack.pop_back();
    state = State::Separator;
    return true;
  }

  bool scanString();
  bool scanEscape();
  bool scanNumber();
  bool scanValue();
  bool scanKey();
  bool loop();

  llvm::StringRef text;
  size_t pos = 0;
  State state = State::Value;
  llvm::SmallVector<Frame, 16> stack;
  llvm::BumpPtrAllocator allocator;
  llvm::StringSaver saver{allocator};
  JsonIssue issue;
};
} // namespace

bool Scanner::scanEscape() {
  size_t start = pos++;
  char c = pos < text.size() ? text[pos] : '\0';
  ++pos;
  if (c != 'u') {
    if (llvm::StringRef("\"\\/bfnrt").contains(c))
      return true;
    return fail(start, "invalid escape in a string");
  }
  std::optional<uint32_t> code = hex4(text, pos);
  if (!code)
    return fail(start, "expected four hexadecimal digits after '\\u'");
  pos += 4;
  if (*code < 0xd800 || *code > 0xdfff)
    return true;
  std::optional<uint32_t> low;
  if (*code < 0xdc00 && text.substr(pos, 2) == "\\u")
    low = hex4(text, pos + 2);
  if (!low || *low < 0xdc00 || *low > 0xdfff)
    return fail(start, "unpaired surrogate in a string");
  pos += 6;
  return true;
}

bool Scanner::scanString() {
  size_t start = pos++;
  while (pos < text.size()) {
    unsigned char c = text[pos];
    if (c == '"') {
      ++pos;
      return true;
    }
    if (c < 0x20)
      return fail(pos, "control character in a string",
                  "write it as an escape such as \\n, or close the string "
                  "before the end of the line");
    if (c != '\\')
      ++pos;
    else if (!scanEscape())
      return false;
  }
  pos = text.size();
  unexpected("'\"' at the end of a string");
  issue.related = start;
  issue.relatedMessage = "the string starts here";
  return false;
}

bool Scanner::scanNumber() {
  size_t start = pos;
  auto digits = [&] {
    size_t first = pos;
    while (pos < text.size() && llvm::isDigit(text[pos]))
      ++pos;
    return pos > first;
  };
  if (text[pos] == '-')
    ++pos;
  size_t whole = pos;
  bool valid = digits() && (text[whole] != '0' || pos == whole + 1);
  if (valid && pos < text.size() && text[pos] == '.') {
    ++pos;
    valid = digits();
  }
  if (valid && pos < text.size() && (text[pos] == 'e' || text[pos] == 'E')) {
    ++pos;
    if (pos < text.size() && (text[pos] == '+' || text[pos] == '-'))
      ++pos;
    valid = digits();
  }
  if (valid)
    return true;
  while (pos < text.size() &&
         (llvm::isAlnum(text[pos]) || text[pos] == '.' || text[pos] == '-'))
    ++pos;
  return fail(start, "invalid number " + quoted(text.slice(start, pos)),
              "JSON has no leading zeros, no NaN and no Infinity");
}

bool Scanner::scanValue() {
  if (pos >= text.size())
    return unexpected("a value");
  char c = text[pos];
  if (c == '{' || c == '[')
    return open(c == '{');
  state = State::Separator;
  if (c == '"')
    return scanString();
  if (c == '-' || llvm::isDigit(c))
    return scanNumber();
  for (llvm::StringRef word : {"true", "false", "null"}) {
    if (!text.substr(pos).starts_with(word))
      continue;
    size_t end = pos + word.size();
    if (end < text.size() && llvm::isAlnum(text[end]))
      break;
    pos = end;
    return true;
  }
  unexpected("a value");
  if (text.substr(pos).starts_with("NaN") ||
      text.substr(pos).starts_with("Infinity"))
    issue.help = "JSON has no NaN and no Infinity";
  else if (c == '\'')
    issue.help = "JSON strings have double quotes";
  else if (c == 'T' || c == 'F' || c == 'N')
    issue.help = "JSON writes true, false and null in lower case";
  return false;
}

bool Scanner::scanKey() {
  if (pos >= text.size() || text[pos] != '"') {
    bool trailing = pos < text.size() && text[pos] == '}';
    unexpected("a key in double quotes");
    if (trailing)
      issue.help = "remove the comma before '}'";
    return false;
  }
  size_t start = pos;
  if (!scanString())
    return false;
  llvm::StringRef key = text.slice(start + 1, pos - 1);
  if (key.contains('\\'))
    key = saver.save(decodeString(key));
  Frame &frame = stack.back();
  if (!frame.keys)
    frame.keys = std::make_unique<llvm::DenseMap<llvm::StringRef, size_t>>();
  auto [it, inserted] = frame.keys->try_emplace(key, start);
  if (!inserted) {
    fail(start, "duplicate key " + quoted(key), "keep one of the two");
    issue.related = it->second;
    issue.relatedMessage = "first given here";
    return false;
  }
  state = State::Colon;
  return true;
}

bool Scanner::loop() {
  while (true) {
    skipSpace();
    switch (state) {
    case State::FirstItem:
    case State::FirstKey:
      if (pos < text.size() && text[pos] == (stack.back().object ? '}' : ']')) {
        close();
        break;
      }
      if (!(state == State::FirstKey ? scanKey() : scanValue()))
        return false;
      break;
    case State::Value:
      if (!scanValue())
        return false;
      break;
    case State::Key:
      if (!scanKey())
        return false;
      break;
    case State::Colon:
      if (pos >= text.size() || text[pos] != ':')
        return unexpected("':' after a key");
      ++pos;
      state = State::Value;
      break;
    case State::Separator: {
      if (stack.empty()) {
        if (pos == text.size())
          return true;
        return unexpected("the end of the file");
      }
      bool object = stack.back().object;
      if (pos < text.size() && text[pos] == ',') {
        ++pos;
        state = object ? State::Key : State::Value;
      } else if (pos < text.size() && text[pos] == (object ? '}' : ']')) {
        close();
      } else {
        return unexpected(object ? "',' or '}'" : "',' or ']'");
      }
      break;
    }
    }
  }
}

std::optional<JsonIssue> bertc::scanJson(llvm::StringRef text) {
  return Scanner(text).run();
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

namespace {
/// Walks text that is known to be valid.
struct Walker {
  llvm::StringRef text;
  size_t pos = 0;

  void skipSpace() {
    while (pos < text.size() && isSpace(text[pos]))
      ++pos;
  }
  llvm::StringRef skipString() {
    size_t start = ++pos;
    while (text[pos] != '"')
      pos += text[pos] == '\\' ? 2 : 1;
    return text.slice(start, pos++);
  }
  void skipValue() {
    unsigned depth = 0;
    do {
      char c = text[pos];
      if (c == '"') {
        skipString();
        continue;
      }
      if (c == '{' || c == '[')
        ++depth;
      else if (c == '}' || c == ']')
        --depth;
      ++pos;
    } while (pos < text.size() &&
             (depth || !(isSpace(text[pos]) ||
                         llvm::StringRef(",]}").contains(text[pos]))));
  }
};
} // namespace

size_t bertc::locateJson(llvm::StringRef text, llvm::ArrayRef<JsonStep> path,
                         bool atKey) {
  Walker walker{text};
  walker.skipSpace();
  size_t found = walker.pos;
  for (const JsonStep &step : path) {
    bool object = text[walker.pos] == '{';
    if (object ? step.index >= 0 : step.index < 0 || text[walker.pos] != '[')
      return found;
    ++walker.pos;
    for (int64_t index = 0;; ++index) {
      walker.skipSpace();
      if (text[walker.pos] == '}' || text[walker.pos] == ']')
        return found;
      size_t start = walker.pos;
      bool match = index == step.index;
      if (object) {
        match = decodeString(walker.skipString()) == step.key;
        walker.skipSpace();
        ++walker.pos; // ':'
        walker.skipSpace();
      }
      if (match) {
        found = atKey ? start : walker.pos;
        break;
      }
      walker.skipValue();
      walker.skipSpace();
      if (text[walker.pos] == ',')
        ++walker.pos;
    }
  }
  return found;
}

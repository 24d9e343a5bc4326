//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Rendering of diagnostics. Text that comes from files is never printed raw:
// control characters and broken UTF-8 are escaped first, and a long line (a
// minified JSON file is one line) is cut to a window around the caret.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Diagnostics.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace bertc;

char ModelError::ID = 0;

/// Bytes of the valid UTF-8 character at the front of `text`; 0 if invalid.
static size_t characterLength(llvm::StringRef text) {
  const auto *begin = reinterpret_cast<const llvm::UTF8 *>(text.data());
  unsigned length = llvm::getNumBytesForUTF8(*begin);
  if (length > text.size() || !llvm::isLegalUTF8Sequence(begin, begin + length))
    return 0;
  return length;
}

/// Appends `text` with what a terminal must not see escaped.
static void appendEscaped(std::string &out, llvm::StringRef text) {
  while (!text.empty()) {
    size_t length = characterLength(text);
    unsigned char first = text.front();
    if (length == 0 || first < 0x20 || first == 0x7f) {
      out += "\\x";
      out += llvm::toHex(text.take_front(1), /*LowerCase=*/true);
      length = 1;
    } else {
      out += text.take_front(length);
    }
    text = text.drop_front(length);
  }
}

static bool isContinuation(char c) { return (c & 0xc0) == 0x80; }

SourceLocation bertc::locationAt(llvm::StringRef file, llvm::StringRef text,
                                 size_t offset) {
  constexpr size_t before = 50, after = 50;
  offset = std::min(offset, text.size());
  SourceLocation location;
  location.file = file.str();
  location.line = 1 + text.take_front(offset).count('\n');
  size_t begin = text.take_front(offset).rfind('\n');
  begin = begin == llvm::StringRef::npos ? 0 : begin + 1;
  size_t end = std::min(text.find('\n', offset), text.size());
  llvm::StringRef prefix = text.slice(begin, offset);
  location.column =
      1 + llvm::count_if(prefix, [](char c) { return !isContinuation(c); });

  bool cutFront = offset - begin > before, cutBack = end - offset > after;
  if (cutFront)
    begin = offset - before;
  if (cutBack)
    end = offset + after;
  while (begin < offset && isContinuation(text[begin]))
    ++begin;
  while (end < text.size() && end > offset && isContinuation(text[end]))
    --end;
  std::string front = cutFront ? "..." : "", back;
  // One column per character: tabs become spaces, the rest of what cannot be
  // shown becomes a question mark.
  auto append = [](std::string &out, llvm::StringRef piece) {
    while (!piece.empty()) {
      size_t length = characterLength(piece);
      unsigned char first = piece.front();
      if (first == '\t')
        out += ' ';
      else if (length == 0 || first < 0x20 || first == 0x7f)
        out += '?';
      else
        out += piece.take_front(length);
      piece = piece.drop_front(std::max<size_t>(length, 1));
    }
  };
  append(front, text.slice(begin, offset));
  append(back, text.slice(offset, end).rtrim('\r'));
  location.caret =
      llvm::count_if(front, [](char c) { return !isContinuation(c); });
  location.excerpt = front + back + (cutBack ? "..." : "");
  return location;
}

static llvm::StringRef severityName(Severity severity) {
  switch (severity) {
  case Severity::Error:
    return "error";
  case Severity::Warning:
    return "warning";
  case Severity::Note:
    return "note";
  }
  return "error";
}

void Diagnostic::render(llvm::raw_ostream &os) const {
  using Colors = llvm::raw_ostream::Colors;
  const char *plain = std::getenv("NO_COLOR");
  bool colors = os.has_colors() && !(plain && *plain);
  auto bold = [&](Colors color) {
    if (colors)
      os.changeColor(color, /*Bold=*/true);
  };
  auto reset = [&] {
    if (colors)
      os.resetColor();
  };
  bold(Colors::SAVEDCOLOR);
  if (!location.file.empty()) {
    os << location.file << ':';
    if (location.line)
      os << location.line << ':' << location.column << ':';
    os << ' ';
  }
  bold(severity == Severity::Error     ? Colors::RED
       : severity == Severity::Warning ? Colors::MAGENTA
                                       : Colors::CYAN);
  os << severityName(severity) << ": ";
  reset();
  os << message << '\n';
  if (!location.excerpt.empty()) {
    os << "  " << location.excerpt << '\n';
    os.indent(2 + location.caret);
    bold(Colors::GREEN);
    os << "^\n";
    reset();
  }
  for (const Diagnostic &note : notes)
    note.render(os);
  if (!help.empty())
    os << "help: " << help << '\n';
}

std::string Diagnostic::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  render(os);
  return text;
}

std::error_code ModelError::convertToErrorCode() const {
  return std::make_error_code(std::errc::invalid_argument);
}

llvm::Error bertc::makeError(Diagnostic diagnostic) {
  return llvm::make_error<ModelError>(std::move(diagnostic));
}

llvm::Error bertc::makeError(ExitCode category, llvm::StringRef file,
                             const llvm::Twine &message,
                             const llvm::Twine &help) {
  SourceLocation location;
  location.file = file.str();
  return makeError(
      Diagnostic(category, std::move(location), message.str(), help.str()));
}

llvm::Error bertc::makeUsageError(const llvm::Twine &message,
                                  const llvm::Twine &help) {
  return makeError(ExitCode::Usage, "", message, help);
}

ExitCode bertc::reportError(llvm::Error error, llvm::raw_ostream &os) {
  ExitCode code = ExitCode::Success;
  auto note = [&](ExitCode category) {
    if (code == ExitCode::Success)
      code = category;
  };
  llvm::handleAllErrors(
      std::move(error),
      [&](const ModelError &e) {
        e.getDiagnostic().render(os);
        note(e.getDiagnostic().category);
      },
      [&](const llvm::ErrorInfoBase &e) {
        os << "error: " << e.message() << '\n';
        note(ExitCode::Failure);
      });
  return code;
}

std::string bertc::quoted(llvm::StringRef text) {
  constexpr size_t limit = 100, keep = 45;
  std::string out = "'";
  if (text.size() <= limit) {
    appendEscaped(out, text);
  } else {
    appendEscaped(out, text.take_front(keep));
    out += "...";
    appendEscaped(out, text.take_back(keep));
  }
  return out + "'";
}

std::string bertc::suggestion(llvm::StringRef text,
                              llvm::ArrayRef<llvm::StringRef> candidates) {
  unsigned best = static_cast<unsigned>(text.size() / 3 + 1);
  llvm::StringRef closest;
  for (llvm::StringRef candidate : candidates) {
    unsigned distance =
        text.edit_distance(candidate, /*AllowReplacements=*/true, best);
    if (distance < best) {
      best = distance;
      closest = candidate;
    }
  }
  return closest.empty() ? "" : "did you mean " + quoted(closest) + "?";
}

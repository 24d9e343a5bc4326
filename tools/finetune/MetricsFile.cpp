//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each line is appended by one write, so that a reader never sees half of one.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/MetricsFile.h"
#include "compiler/Emit/OutputFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <charconv>
#include <cmath>

using namespace bertc;
using namespace bertc::finetune;

static std::string formatNumber(double value) {
  if (!std::isfinite(value))
    return "null";
  char digits[64];
  // Not 1e+05 for a number of steps.
  bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  auto end = whole ? std::to_chars(digits, digits + sizeof(digits),
                                   static_cast<long long>(value))
                   : std::to_chars(digits, digits + sizeof(digits), value);
  return std::string(digits, end.ptr);
}

std::string finetune::formatJson(const MetricList &values) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '{';
  for (size_t i = 0; i < values.size(); ++i)
    os << (i ? ", " : "") << llvm::json::Value(values[i].first) << ": "
       << formatNumber(values[i].second);
  os << '}';
  return text;
}

llvm::Expected<MetricsFile> MetricsFile::open(llvm::StringRef path,
                                              uint64_t lines) {
  MetricsFile result(path);
  std::string kept;
  if (lines > 0)
    if (auto old = llvm::MemoryBuffer::getFile(path)) {
      llvm::StringRef text = (*old)->getBuffer();
      // A line that a kill cut off has no end.
      for (size_t end; result.lines < lines &&
                       (end = text.find('\n')) != llvm::StringRef::npos;
           ++result.lines) {
        kept += text.take_front(end + 1);
        text = text.drop_front(end + 1);
      }
    }
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(kept))
    return std::move(error);
  if (llvm::Error error = file->commit())
    return std::move(error);
  return result;
}

llvm::Error MetricsFile::add(int64_t step, double epoch,
                             const MetricList &values) {
  MetricList all{{"step", double(step)}, {"epoch", epoch}};
  all.insert(all.end(), values.begin(), values.end());
  std::string line = formatJson(all) + "\n";
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error, llvm::sys::fs::CD_OpenAlways,
                              llvm::sys::fs::FA_Write,
                              llvm::sys::fs::OF_Append);
  if (!error) {
    stream.SetBufferSize(line.size() + 1);
    stream << line;
    stream.close();
    error = stream.error();
    stream.clear_error();
  }
  if (error)
    return makeError(ExitCode::Failure, path,
                     "cannot write: " + error.message());
  ++lines;
  return llvm::Error::success();
}

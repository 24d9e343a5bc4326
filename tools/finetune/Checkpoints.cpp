//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A checkpoint is removed by the name it is known by first, so that a kill in
// between leaves a directory that nobody takes for one.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/Checkpoints.h"
#include "compiler/Import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace bertc;
using namespace bertc::finetune;

static constexpr llvm::StringLiteral prefix = "checkpoint-";

std::string finetune::checkpointPath(llvm::StringRef folder, int64_t step) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, prefix + llvm::Twine(step));
  return path.str().str();
}

llvm::Expected<std::vector<int64_t>>
finetune::listCheckpoints(llvm::StringRef folder) {
  std::vector<int64_t> steps;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(folder, error), end;
       it != end && !error; it.increment(error)) {
    llvm::StringRef name = llvm::sys::path::filename(it->path());
    int64_t step;
    if (name.consume_front(prefix) && !name.getAsInteger(10, step) &&
        step >= 0 && std::to_string(step) == name)
      steps.push_back(step);
  }
  if (error)
    return makeError(ExitCode::Failure, folder,
                     "cannot read the folder: " + error.message());
  llvm::sort(steps);
  return steps;
}

llvm::Error finetune::removeCheckpoint(llvm::StringRef folder, int64_t step) {
  std::string path = checkpointPath(folder, step), gone = path + ".old";
  std::error_code error = llvm::sys::fs::remove_directories(gone, false);
  if (!error)
    error = llvm::sys::fs::rename(path, gone);
  if (!error)
    error = llvm::sys::fs::remove_directories(gone, false);
  if (error)
    return makeError(ExitCode::Failure, path,
                     "cannot remove the checkpoint: " + error.message());
  return llvm::Error::success();
}

llvm::Error finetune::limitCheckpoints(llvm::StringRef folder, unsigned limit) {
  if (limit == 0)
    return llvm::Error::success();
  auto steps = listCheckpoints(folder);
  if (!steps)
    return steps.takeError();
  for (size_t i = 0; i + limit < steps->size(); ++i)
    if (llvm::Error error = removeCheckpoint(folder, (*steps)[i]))
      return error;
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

std::string finetune::formatPosition(const Position &position) {
  // Integers of 64 bits and doubles as hexadecimal text: JSON keeps neither.
  auto hex = [](uint64_t bits) { return llvm::utohexstr(bits, true); };
  auto real = [&](double value) {
    return hex(llvm::bit_cast<uint64_t>(value));
  };
  llvm::json::Object object{{"epoch", int64_t(position.epoch)},
                            {"batch", int64_t(position.batch)},
                            {"loss_sum", real(position.lossSum)},
                            {"loss_count", int64_t(position.lossCount)},
                            {"total_loss", real(position.totalLoss)},
                            {"total_count", int64_t(position.totalCount)},
                            {"tokens", int64_t(position.tokens)},
                            {"records", int64_t(position.records)},
                            {"examples", hex(position.examples)},
                            {"order", position.order}};
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(object));
  return text;
}

llvm::Expected<Position> finetune::parsePosition(llvm::StringRef name,
                                                 llvm::StringRef text) {
  auto document = JsonDocument::parse(name, text.str());
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  Position position;
  llvm::Error failure = llvm::Error::success();
  // Does nothing after the first failure.
  auto read = [&](llvm::StringRef key, auto &out, auto convert) {
    if (failure)
      return;
    llvm::Expected<JsonCursor> member = root.member(key);
    if (!member) {
      failure = member.takeError();
      return;
    }
    auto value = convert(*member);
    if (value)
      out = *value;
    else
      failure = value.takeError();
  };
  auto integer = [](const JsonCursor &cursor) {
    return cursor.asInteger(0, std::numeric_limits<int64_t>::max());
  };
  auto string = [](const JsonCursor &cursor) { return cursor.asString(); };
  auto bits = [](const JsonCursor &cursor) -> llvm::Expected<uint64_t> {
    llvm::Expected<llvm::StringRef> digits = cursor.asString();
    if (!digits)
      return digits.takeError();
    uint64_t value;
    if (digits->getAsInteger(16, value))
      return cursor.error("expected a hexadecimal number, got " +
                          quoted(*digits));
    return value;
  };
  auto real = [&](const JsonCursor &cursor) -> llvm::Expected<double> {
    llvm::Expected<uint64_t> value = bits(cursor);
    if (!value)
      return value.takeError();
    return llvm::bit_cast<double>(*value);
  };
  read("epoch", position.epoch, integer);
  read("batch", position.batch, integer);
  read("loss_sum", position.lossSum, real);
  read("loss_count", position.lossCount, integer);
  read("total_loss", position.totalLoss, real);
  read("total_count", position.totalCount, integer);
  read("tokens", position.tokens, integer);
  read("records", position.records, integer);
  read("examples", position.examples, bits);
  read("order", position.order, string);
  if (failure)
    return std::move(failure);
  return position;
}

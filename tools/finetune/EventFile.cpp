//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The few fields of the two messages are written by hand:
//
//   Event   { 1: double wall_time, 2: int64 step, 3: string file_version,
//             5: Summary summary }
//   Summary { 1: repeated Value { 1: string tag, 2: float simple_value } }
//
// A record is its length (8 bytes), the masked checksum of the length, the
// data, and the masked checksum of the data, all little endian.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/EventFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/LEB128.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include <array>
#include <chrono>
#include <unistd.h>

using namespace bertc;
using namespace bertc::finetune;

static constexpr std::array<uint32_t, 256> makeTable() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = value & 1 ? value >> 1 ^ 0x82f63b78 : value >> 1;
    table[i] = value;
  }
  return table;
}

uint32_t finetune::crc32c(llvm::StringRef bytes) {
  static constexpr auto table = makeTable();
  uint32_t crc = ~0u;
  for (unsigned char byte : bytes)
    crc = crc >> 8 ^ table[(crc ^ byte) & 0xff];
  return ~crc;
}

static uint32_t maskedChecksum(llvm::StringRef bytes) {
  uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8;
}

//===----------------------------------------------------------------------===//
// Protocol buffers
//===----------------------------------------------------------------------===//

namespace {
class Message {
public:
  void varint(unsigned field, uint64_t value) {
    key(field, 0);
    encode(value);
  }
  void fixed64(unsigned field, double value) {
    key(field, 1);
    fixed(value);
  }
  void bytes(unsigned field, llvm::StringRef value) {
    key(field, 2);
    encode(value.size());
    text += value;
  }
  void fixed32(unsigned field, float value) {
    key(field, 5);
    fixed(value);
  }
  std::string text;

private:
  void key(unsigned field, unsigned wire) { encode(field << 3 | wire); }
  void encode(uint64_t value) {
    uint8_t buffer[10];
    text.append(reinterpret_cast<char *>(buffer),
                llvm::encodeULEB128(value, buffer));
  }
  template <typename T> void fixed(T value) {
    char buffer[sizeof(T)];
    llvm::support::endian::write<T, llvm::endianness::little>(buffer, value);
    text.append(buffer, sizeof(T));
  }
};
} // namespace

static double wallTime() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

llvm::Error EventFile::write(llvm::StringRef event) {
  char length[8], checksum[4];
  llvm::support::endian::write64le(length, event.size());
  llvm::support::endian::write32le(checksum, maskedChecksum({length, 8}));
  stream->write(length, 8);
  stream->write(checksum, 4);
  *stream << event;
  llvm::support::endian::write32le(checksum, maskedChecksum(event));
  stream->write(checksum, 4);
  stream->flush();
  if (!stream->has_error())
    return llvm::Error::success();
  std::string reason = stream->error().message();
  stream->clear_error();
  return makeError(ExitCode::Failure, path, "cannot write: " + reason);
}

llvm::Expected<EventFile> EventFile::create(llvm::StringRef folder) {
  if (std::error_code error = llvm::sys::fs::create_directories(
          folder, true, llvm::sys::fs::perms::all_all))
    return makeError(ExitCode::Failure, folder,
                     "cannot make the folder: " + error.message());
  EventFile file;
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  std::error_code error = std::make_error_code(std::errc::file_exists);
  // A name of its own even for two trainings in one second.
  for (unsigned i = 0; error == std::errc::file_exists && i < 1000; ++i) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(
        path, "events.out.tfevents." + llvm::Twine(int64_t(wallTime())) + "." +
                  host + "." + llvm::Twine(llvm::sys::Process::getProcessId()) +
                  "." + llvm::Twine(i));
    file.path = path.str().str();
    file.stream = std::make_unique<llvm::raw_fd_ostream>(
        path, error, llvm::sys::fs::CD_CreateNew);
  }
  if (error)
    return makeError(ExitCode::Failure, file.path,
                     "cannot create the file: " + error.message());
  Message event;
  event.fixed64(1, wallTime());
  event.bytes(3, "brain.Event:2");
  if (llvm::Error failure = file.write(event.text))
    return std::move(failure);
  return std::move(file);
}

llvm::Error EventFile::add(int64_t step, const MetricList &values) {
  Message summary;
  for (const auto &[tag, value] : values) {
    Message entry;
    entry.bytes(1, tag);
    entry.fixed32(2, float(value));
    summary.bytes(1, entry.text);
  }
  Message event;
  event.fixed64(1, wallTime());
  event.varint(2, uint64_t(step));
  event.bytes(5, summary.text);
  return write(event.text);
}

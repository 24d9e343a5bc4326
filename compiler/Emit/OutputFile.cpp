//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The mode is that of a file the user would make, minus the umask: temporary
// files are private otherwise.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/OutputFile.h"
#include "compiler/Import/Diagnostics.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace bertc;

llvm::Error OutputFile::failure(llvm::StringRef action, int code) const {
  llvm::StringRef help;
  if (code == ENOSPC || code == EDQUOT)
    help = "free some space, or write to another disk";
  return makeError(ExitCode::Failure, path,
                   action + ": " +
                       std::error_code(code, std::generic_category()).message(),
                   help);
}

static mode_t currentUmask() {
  mode_t mask = umask(0);
  umask(mask);
  return mask;
}

llvm::Expected<OutputFile> OutputFile::create(llvm::StringRef path) {
  namespace fs = llvm::sys::fs;
  llvm::StringRef folder = llvm::sys::path::parent_path(path);
  if (path.empty() || llvm::sys::path::filename(path).empty() ||
      fs::is_directory(path))
    return makeError(ExitCode::Failure, path,
                     "expected the name of a file, got a folder",
                     "add a file name, such as model.so");
  if (!folder.empty() && !fs::is_directory(folder))
    return makeError(ExitCode::Failure, path,
                     "the folder " + quoted(folder) + " does not exist",
                     "create it with 'mkdir -p'");
  OutputFile file(path);
  llvm::SmallString<256> name;
  llvm::SmallString<256> model(folder);
  llvm::sys::path::append(model, "." + llvm::sys::path::filename(path) +
                                     ".%%%%%%%%.tmp");
  if (std::error_code error =
          fs::createUniqueFile(model, file.descriptor, name))
    return file.failure("cannot create a file here", error.value());
  file.temporary = std::string(name);
  llvm::sys::RemoveFileOnSignal(file.temporary);
  return file;
}

OutputFile::OutputFile(OutputFile &&other)
    : path(std::move(other.path)), temporary(std::move(other.temporary)),
      descriptor(other.descriptor) {
  other.temporary.clear();
  other.descriptor = -1;
}

OutputFile::~OutputFile() {
  if (descriptor >= 0)
    ::close(descriptor);
  if (temporary.empty())
    return;
  llvm::sys::fs::remove(temporary);
  llvm::sys::DontRemoveFileOnSignal(temporary);
}

llvm::Error OutputFile::reserve(uint64_t size) {
  // Not every file system can; then the writes will tell.
  if (size > 0 && fallocate(descriptor, 0, 0, size) != 0 &&
      (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    return failure("cannot take " + std::to_string(size >> 20) +
                       " MiB for it on the disk",
                   errno);
  return llvm::Error::success();
}

llvm::Error OutputFile::write(llvm::ArrayRef<uint8_t> bytes, uint64_t offset) {
  while (!bytes.empty()) {
    ssize_t done = pwrite(descriptor, bytes.data(), bytes.size(), offset);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return failure("cannot write", done < 0 ? errno : EIO);
    bytes = bytes.drop_front(done);
    offset += done;
  }
  return llvm::Error::success();
}

llvm::Error OutputFile::write(llvm::StringRef bytes, uint64_t offset) {
  return write(llvm::ArrayRef<uint8_t>(bytes.bytes_begin(), bytes.bytes_end()),
               offset);
}

void OutputFile::startWriteback(uint64_t offset, uint64_t size) {
  // A hint: whether it worked, fsync will tell.
  (void)sync_file_range(descriptor, offset, size, SYNC_FILE_RANGE_WRITE);
}

llvm::Error OutputFile::commit(bool executable) {
  mode_t mode = (executable ? 0777 : 0666) & ~currentUmask();
  if (fchmod(descriptor, mode) != 0 || fsync(descriptor) != 0)
    return failure("cannot write", errno);
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return failure("cannot write", errno);
  if (std::error_code error = llvm::sys::fs::rename(temporary, path))
    return failure("cannot give the finished file its name", error.value());
  llvm::sys::DontRemoveFileOnSignal(temporary);
  temporary.clear();
  return llvm::Error::success();
}

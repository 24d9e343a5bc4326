//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A write that fails late, in fsync or close, fails the file: checkpoints must
// not be believed to be on a disk that had no room for them.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bertc::rt {

static constexpr size_t bufferSize = 1 << 20;

bertc_code failFile(bertc_status *status, const char *doing, const char *path,
                    int error) {
  const char *help = error == ENOSPC || error == EDQUOT || error == EFBIG
                         ? "\nhelp: make room on the disk"
                         : "";
  return fail(status, BERTC_IO, "cannot %s %.360s: %s%s", doing, path,
              strerror(error), help);
}

static bertc_code checkLength(int length, const Path &path,
                              bertc_status *status) {
  if (length >= 0 && size_t(length) < sizeof(path.text))
    return ok(status);
  return fail(status, BERTC_INVALID_ARGUMENT,
              "the path %.200s... has %d bytes, expected less than %zu",
              path.text, length, sizeof(path.text));
}

bertc_code joinPath(Path &path, const char *folder, const char *name,
                    const char *suffix, bertc_status *status) {
  int length =
      snprintf(path.text, sizeof(path.text), "%s/%s%s", folder, name, suffix);
  return checkLength(length, path, status);
}

bertc_code siblingPath(Path &path, const char *folder, const char *suffix,
                       bertc_status *status) {
  size_t size = strlen(folder);
  while (size > 1 && folder[size - 1] == '/')
    --size;
  if (size == 0 || size >= sizeof(path.text))
    return checkLength(static_cast<int>(size), path, status);
  int length = snprintf(path.text, sizeof(path.text), "%.*s%s",
                        static_cast<int>(size), folder, suffix);
  return checkLength(length, path, status);
}

OutputFile::~OutputFile() {
  if (file >= 0)
    close(file);
  free(buffer);
}

bertc_code OutputFile::create(const char *name, bertc_status *status) {
  snprintf(path.text, sizeof(path.text), "%s", name);
  bertc_hash_begin(&hashed);
  buffer = static_cast<uint8_t *>(malloc(bufferSize));
  if (!buffer)
    return fail(status, BERTC_OUT_OF_MEMORY, "no memory to write %.360s", name);
  file = ::open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return file < 0 ? failFile(status, "make", name, errno) : ok(status);
}

void OutputFile::flush() {
  for (size_t at = 0; at < used && !error;) {
    ssize_t done = ::write(file, buffer + at, used - at);
    if (done > 0)
      at += size_t(done);
    else if (done == 0 || errno != EINTR)
      error = done == 0 ? EIO : errno;
  }
  used = 0;
}

void OutputFile::write(const void *data, size_t size) {
  bertc_hash_update(&hashed, data, size);
  const uint8_t *from = static_cast<const uint8_t *>(data);
  while (size > 0) {
    size_t taken = size < bufferSize - used ? size : bufferSize - used;
    memcpy(buffer + used, from, taken);
    used += taken;
    from += taken;
    size -= taken;
    if (used == bufferSize)
      flush();
  }
}

bertc_code OutputFile::finish(bertc_status *status) {
  flush();
  if (!error && fsync(file) != 0)
    error = errno;
  if (close(file) != 0 && !error)
    error = errno;
  file = -1;
  return error ? failFile(status, "write", path.text, error) : ok(status);
}

InputFile::~InputFile() {
  if (bytes)
    munmap(bytes, length);
}

bertc_code InputFile::open(const char *path, bertc_status *status) {
  int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    int error = errno;
    failFile(status, "open", path, error);
    errno = error; // tells the caller more
    return BERTC_IO;
  }
  off_t size = lseek(file, 0, SEEK_END);
  int error = size < 0 ? errno : 0;
  if (size > 0) {
    void *mapped = mmap(nullptr, size_t(size), PROT_READ, MAP_PRIVATE, file, 0);
    if (mapped == MAP_FAILED)
      error = errno;
    else
      bytes = static_cast<uint8_t *>(mapped), length = uint64_t(size);
  }
  close(file);
  return error ? failFile(status, "read", path, error) : ok(status);
}

bertc_code makeDirectory(const char *path, bertc_status *status) {
  if (mkdir(path, 0777) == 0)
    return ok(status);
  int error = errno;
  // Something of that name: good if it is a directory.
  int file =
      error == EEXIST ? ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  if (file < 0)
    return failFile(status, "make the folder", path,
                    error == EEXIST ? errno : error);
  close(file);
  return ok(status);
}

bertc_code syncDirectory(const char *path, bertc_status *status) {
  int file = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0)
    return failFile(status, "open the folder", path, errno);
  // Some file systems have nothing to sync in a directory, and say EINVAL.
  int error = fsync(file) != 0 && errno != EINVAL ? errno : 0;
  close(file);
  return error ? failFile(status, "write the folder", path, error) : ok(status);
}

bertc_code syncParent(const char *path, bertc_status *status) {
  Path parent;
  if (bertc_code code = siblingPath(parent, path, "", status))
    return code;
  char *slash = strrchr(parent.text, '/');
  if (!slash)
    return syncDirectory(".", status);
  slash[slash == parent.text] = '\0';
  return syncDirectory(parent.text, status);
}

} // namespace bertc::rt

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The folder of the library is found in /proc/self/maps, by the address of the
// model description: dladdr would need another library with older C libraries,
// and the name that the loader keeps may be relative to a folder that the
// process has left.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Weights.h"
#include "runtime/abi/hash.h"
#include "runtime/core/HugePages.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bertc::rt {

static constexpr size_t pathSize = 4096;

/// Reads one line of a file, without its newline and cut to `size`; false at
/// the end of the file.
namespace {
class LineReader {
public:
  explicit LineReader(int file) : file(file) {}

  bool next(char *line, size_t size) {
    size_t length = 0;
    bool any = false;
    for (char c; read(c);) {
      any = true;
      if (c == '\n')
        break;
      if (length + 1 < size)
        line[length++] = c;
    }
    line[length] = '\0';
    return any;
  }

private:
  bool read(char &c) {
    if (at == end) {
      ssize_t got = ::read(file, buffer, sizeof(buffer));
      if (got <= 0)
        return false;
      at = 0;
      end = static_cast<size_t>(got);
    }
    c = buffer[at++];
    return true;
  }

  int file;
  size_t at = 0, end = 0;
  char buffer[1024];
};
} // namespace

static uint64_t readHex(const char *&text) {
  uint64_t value = 0;
  for (;; ++text) {
    if (*text >= '0' && *text <= '9')
      value = value * 16 + static_cast<uint64_t>(*text - '0');
    else if (*text >= 'a' && *text <= 'f')
      value = value * 16 + static_cast<uint64_t>(*text - 'a' + 10);
    else
      return value;
  }
}

namespace {
struct Mapping {
  uint64_t begin, end;
  bool pristine; // private and never written to
};
} // namespace

/// Finds the mapping of a file that `address` lies in, and writes the file's
/// path; false if none.
static bool findMapping(const void *address, Mapping &mapping, char *path,
                        size_t size) {
  int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return false;
  LineReader reader(file);
  char line[pathSize + 128];
  bool found = false;
  // "7f12-7f34 r--p 00000000 08:01 1234    /folder/model.so"
  while (!found && reader.next(line, sizeof(line))) {
    const char *at = line;
    uint64_t begin = readHex(at);
    if (*at++ != '-')
      continue;
    uint64_t end = readHex(at);
    uint64_t wanted = reinterpret_cast<uint64_t>(address);
    const char *name = strchr(at, '/');
    if (wanted < begin || wanted >= end || !name || strlen(name) >= size)
      continue;
    mapping = {begin, end, strncmp(at, " r--p ", 6) == 0};
    memcpy(path, name, strlen(name) + 1);
    found = true;
  }
  close(file);
  return found;
}

/// The path of weights_file in the folder of the library.
static bertc_code defaultPath(const bertc_model_desc &desc, char *path,
                              size_t size, bertc_status *status) {
  if (!desc.weights_file)
    return fail(status, BERTC_INVALID_ARGUMENT,
                "this model was compiled without weights, expected "
                "bertc_model_options.weights_path");
  size_t nameSize = strlen(desc.weights_file) + 1;
  Mapping library;
  if (!findMapping(&desc, library, path, size))
    return fail(status, BERTC_IO,
                "cannot find the folder of the library, to open %.200s there\n"
                "help: set bertc_model_options.weights_path",
                desc.weights_file);
  size_t folder = static_cast<size_t>(strrchr(path, '/') - path) + 1;
  if (folder + nameSize > size)
    return fail(status, BERTC_IO, "the path of %.200s is longer than %zu bytes",
                desc.weights_file, size - 1);
  memcpy(path + folder, desc.weights_file, nameSize);
  return ok(status);
}

static bertc_code mapFile(int file, const char *path,
                          const bertc_model_desc &desc, Weights &weights,
                          bertc_status *status) {
  off_t size = lseek(file, 0, SEEK_END);
  if (size < 0)
    return fail(status, BERTC_IO, "cannot read weights %.300s: %s", path,
                strerror(errno));
  if (static_cast<uint64_t>(size) != desc.weights_size)
    return fail(status, BERTC_CORRUPT,
                "weights %.200s have %lld bytes, expected %llu\n"
                "help: use the file that was written with this library",
                path, static_cast<long long>(size),
                static_cast<unsigned long long>(desc.weights_size));
  weights.mappedSize = desc.weights_size;
  weights.mapped =
      mmap(nullptr, weights.mappedSize, PROT_READ, MAP_PRIVATE, file, 0);
  if (weights.mapped == MAP_FAILED) {
    weights.mapped = nullptr;
    return fail(status, BERTC_IO, "cannot map weights %.300s: %s", path,
                strerror(errno));
  }
  weights.data = static_cast<const uint8_t *>(weights.mapped);
  adviseHugePages(weights.data, weights.mappedSize);
  return ok(status);
}

bertc_code openWeights(const bertc_model_desc &desc, const char *path,
                       bool skipHash, Weights &weights, bertc_status *status) {
  weights = {desc.weights, nullptr, 0};
  if (desc.weights) {
    if (!path) {
      adviseHugePages(desc.weights, desc.weights_size);
      return ok(status);
    }
    return fail(status, BERTC_INVALID_ARGUMENT,
                "bertc_model_options.weights_path is set, but this model has "
                "its weights inside the library\n"
                "help: compile with --external-weights");
  }
  char found[pathSize];
  if (!path) {
    if (bertc_code code = defaultPath(desc, found, sizeof(found), status))
      return code;
    path = found;
  }
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(status, BERTC_IO, "cannot open weights %.300s: %s", path,
                strerror(errno));
  bertc_code code = mapFile(file, path, desc, weights, status);
  close(file);
  if (code || skipHash || desc.weights_hash == 0)
    return code;
  uint64_t hash = bertc_hash64(weights.data, weights.mappedSize);
  if (hash == desc.weights_hash)
    return ok(status);
  closeWeights(weights);
  return fail(status, BERTC_CORRUPT,
              "weights %.200s have hash %016llx, expected %016llx\n"
              "help: use the file that was written with this library",
              path, static_cast<unsigned long long>(hash),
              static_cast<unsigned long long>(desc.weights_hash));
}

void closeWeights(Weights &weights) {
  if (weights.mapped)
    munmap(weights.mapped, weights.mappedSize);
  weights = {nullptr, nullptr, 0};
}

void copyWeights(const Weights &weights, size_t size, void *to) {
  constexpr size_t piece = 8 * hugePage;
  char path[pathSize];
  Mapping mapping;
  uint64_t begin = reinterpret_cast<uint64_t>(weights.data), end = begin;
  // The rest of a huge page is another mapping, and stays.
  if (findMapping(weights.data, mapping, path, sizeof(path)) &&
      mapping.pristine && begin % 4096 == 0)
    end = mapping.end;
  for (size_t at = 0; at < size; at += piece) {
    size_t count = size - at < piece ? size - at : piece;
    memcpy(static_cast<uint8_t *>(to) + at, weights.data + at, count);
    if (begin + at + count <= end)
      madvise(const_cast<uint8_t *>(weights.data) + at, count, MADV_DONTNEED);
  }
}

} // namespace bertc::rt

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The file: header, floats of all examples, hash of each example, hash of
// header and hashes. Nothing is mapped: a file that is cut short while it is
// read gives an error, not a signal.
//
//===----------------------------------------------------------------------===//
#include "tools/finetune/FrozenCache.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Import/Diagnostics.h"
#include "runtime/abi/hash.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace bertc;
using namespace bertc::finetune;

namespace {
struct Header {
  char magic[8] = {'b', 'e', 'r', 't', 'c', 'f', 'r', 'z'};
  uint32_t version = 1;
  uint32_t width = 0;
  uint64_t model = 0, examples = 0; // hashes
  uint64_t count = 0, floats = 0;
  uint32_t perToken = 0;
  uint32_t reserved[3] = {};
};
static_assert(sizeof(Header) == 64);
} // namespace

template <typename T> static uint64_t hashOf(llvm::ArrayRef<T> values) {
  return bertc_hash64(values.data(), values.size() * sizeof(T));
}

/// Ids, types and lengths are all that the frozen layers see.
static uint64_t hashOf(const ExampleSet &examples) {
  uint64_t parts[] = {hashOf(llvm::ArrayRef(examples.ids)),
                      hashOf(llvm::ArrayRef(examples.types)),
                      hashOf(llvm::ArrayRef(examples.offsets))};
  return hashOf(llvm::ArrayRef(parts));
}

static Header headerOf(const FrozenRows &rows, uint64_t examples,
                       llvm::ArrayRef<uint64_t> offsets) {
  Header header;
  header.width = rows.width;
  header.model = rows.model;
  header.examples = examples;
  header.count = offsets.size() - 1;
  header.floats = offsets.back();
  header.perToken = rows.perToken;
  return header;
}

static llvm::ArrayRef<uint8_t> bytesOf(const void *data, size_t size) {
  return {static_cast<const uint8_t *>(data), size};
}

static uint64_t hashOfIndex(const Header &header,
                            llvm::ArrayRef<uint64_t> hashes) {
  uint64_t parts[] = {bertc_hash64(&header, sizeof(header)), hashOf(hashes)};
  return hashOf(llvm::ArrayRef(parts));
}

static llvm::Error damaged(llvm::StringRef file, const llvm::Twine &message) {
  return bertc::makeError(ExitCode::BadInput, file,
                          "the cache is damaged: " + message,
                          "remove the file, it is then made again");
}

uint64_t FrozenCache::bytes() const {
  return sizeof(Header) + offsets.back() * sizeof(float) +
         (hashes.size() + 1) * sizeof(uint64_t);
}

/// Reads all of `size` bytes.
static llvm::Error readFully(llvm::sys::fs::file_t handle, llvm::StringRef file,
                             void *to, size_t size, uint64_t offset) {
  for (char *at = static_cast<char *>(to); size;) {
    auto count = llvm::sys::fs::readNativeFileSlice(handle, {at, size}, offset);
    if (!count)
      return bertc::makeError(ExitCode::BadInput, file,
                              "cannot read: " +
                                  llvm::toString(count.takeError()));
    if (*count == 0)
      return damaged(file, "it ends at byte " + llvm::Twine(offset));
    at += *count, offset += *count, size -= *count;
  }
  return llvm::Error::success();
}

llvm::Error FrozenCache::write(size_t tokens, const Compute &compute) {
  auto out = OutputFile::create(file);
  if (!out)
    return out.takeError();
  if (llvm::Error error = out->reserve(bytes()))
    return error;
  Header header = headerOf(rows, examplesHash, offsets);
  if (llvm::Error error = out->write(bytesOf(&header, sizeof(header)), 0))
    return error;
  size_t most = std::max<size_t>(tokens, 1) * rows.width;
  uint32_t count = uint32_t(hashes.size());
  for (uint32_t first = 0, end; first < count; first = end) {
    for (end = first + 1; end < count &&
                          offsets[end + 1] - offsets[first] <= most &&
                          end - first < tokens;)
      ++end;
    auto made = compute(first, end);
    if (!made)
      return made.takeError();
    for (uint32_t i = first; i < end; ++i)
      hashes[i] = hashOf(llvm::ArrayRef(*made).slice(
          offsets[i] - offsets[first], offsets[i + 1] - offsets[i]));
    if (llvm::Error error =
            out->write(bytesOf(made->data(), made->size() * sizeof(float)),
                       sizeof(Header) + offsets[first] * sizeof(float)))
      return error;
  }
  std::vector<uint64_t> index = hashes;
  index.push_back(hashOfIndex(header, hashes));
  if (llvm::Error error =
          out->write(bytesOf(index.data(), index.size() * sizeof(uint64_t)),
                     sizeof(Header) + offsets.back() * sizeof(float)))
    return error;
  return out->commit();
}

llvm::Error FrozenCache::load() {
  auto opened = llvm::sys::fs::openNativeFileForRead(file);
  if (!opened)
    return bertc::makeError(ExitCode::BadInput, file,
                            "cannot open the cache: " +
                                llvm::toString(opened.takeError()));
  handle = *opened;
  Header wanted = headerOf(rows, examplesHash, offsets), found;
  if (llvm::Error error = readFully(handle, file, &found, sizeof(found), 0))
    return error;
  if (memcmp(found.magic, wanted.magic, sizeof(found.magic)))
    return bertc::makeError(ExitCode::BadInput, file,
                            "expected a cache of frozen layers, got a file of "
                            "another kind",
                            "name another folder with --cache-frozen");
  if (memcmp(&found, &wanted, sizeof(found))) {
    bool model = found.model != wanted.model || found.width != wanted.width ||
                 found.perToken != wanted.perToken ||
                 found.version != wanted.version;
    return bertc::makeError(ExitCode::BadInput, file,
                            llvm::Twine("the cache is of ") +
                                (model ? "another model" : "other examples") +
                                ", its name was changed or it is damaged",
                            "remove the file, it is then made again");
  }
  uint64_t size = 0;
  if (std::error_code code = llvm::sys::fs::file_size(file, size))
    return bertc::makeError(ExitCode::BadInput, file,
                            "cannot read: " + code.message());
  if (size != bytes())
    return damaged(file, "it has " + llvm::Twine(size) + " bytes, expected " +
                             llvm::Twine(bytes()));
  std::vector<uint64_t> index(hashes.size() + 1);
  if (llvm::Error error =
          readFully(handle, file, index.data(), index.size() * sizeof(uint64_t),
                    sizeof(Header) + offsets.back() * sizeof(float)))
    return error;
  uint64_t hash = index.back();
  index.pop_back();
  if (hash != hashOfIndex(found, index))
    return damaged(file, "the list of its hashes has another hash");
  hashes = std::move(index);
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<FrozenCache>>
FrozenCache::open(llvm::StringRef folder, const FrozenRows &rows,
                  const ExampleSet &examples, size_t tokens,
                  const Compute &compute) {
  std::unique_ptr<FrozenCache> cache(new FrozenCache());
  cache->rows = rows;
  cache->examplesHash = hashOf(examples);
  cache->hashes.resize(examples.size());
  for (size_t i = 0; i <= examples.size(); ++i)
    cache->offsets.push_back(uint64_t(rows.perToken ? examples.offsets[i] : i) *
                             rows.width);
  std::error_code code = llvm::sys::fs::create_directories(folder);
  if (!code && !llvm::sys::fs::is_directory(folder))
    code = std::make_error_code(std::errc::not_a_directory);
  if (code)
    return bertc::makeError(ExitCode::Usage, folder,
                            "cannot make the folder of the cache: " +
                                code.message());
  Header header = headerOf(rows, cache->examplesHash, cache->offsets);
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(
      path, "frozen-" +
                llvm::utohexstr(bertc_hash64(&header, sizeof(header)),
                                /*LowerCase=*/true, /*Width=*/16) +
                ".cache");
  cache->file = path.str().str();
  if (!llvm::sys::fs::exists(path)) {
    if (llvm::Error error = cache->write(tokens, compute))
      return std::move(error);
    cache->made = true;
  }
  if (llvm::Error error = cache->load())
    return std::move(error);
  return cache;
}

FrozenCache::~FrozenCache() {
  if (handle != llvm::sys::fs::kInvalidFile)
    llvm::sys::fs::closeFile(handle);
}

llvm::Expected<std::vector<float>>
FrozenCache::read(llvm::ArrayRef<uint32_t> indexes) const {
  size_t size = 0;
  for (uint32_t index : indexes)
    size += offsets[index + 1] - offsets[index];
  std::vector<float> result(size);
  float *to = result.data();
  for (uint32_t index : indexes) {
    size_t count = offsets[index + 1] - offsets[index];
    if (llvm::Error error =
            readFully(handle, file, to, count * sizeof(float),
                      sizeof(Header) + offsets[index] * sizeof(float)))
      return std::move(error);
    if (hashOf(llvm::ArrayRef(to, count)) != hashes[index])
      return damaged(file, "the rows of example " + llvm::Twine(index) +
                               ", counted from 0, have another hash");
    to += count;
  }
  return result;
}

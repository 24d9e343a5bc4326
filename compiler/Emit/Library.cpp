//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The library is linked twice when the weights go inside: the first link tells
// where they start, and only when they are written is their hash known, which
// the description and the manifest carry. Both links give the same layout.
//
//===----------------------------------------------------------------------===//
#include "compiler/Emit/Library.h"
#include "compiler/Emit/Description.h"
#include "compiler/Emit/HashStream.h"
#include "compiler/Emit/Header.h"
#include "compiler/Emit/Link.h"
#include "compiler/Emit/Manifest.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Emit/PackWeights.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <optional>

using namespace bertc;

static constexpr uint64_t pageSize = 4096;

/// Packs into `file` from `offset` on; returns the hash.
static llvm::Expected<uint64_t>
writeWeights(const LibraryInputs &inputs, OutputFile &file, uint64_t offset) {
  if (llvm::Error error = file.reserve(offset + inputs.layout.size))
    return error;
  HashStream hash;
  // Small pieces (vectors) are gathered into larger writes.
  constexpr size_t enough = size_t(1) << 20;
  std::vector<uint8_t> pending;
  auto flush = [&]() -> llvm::Error {
    llvm::Error error = file.write(llvm::ArrayRef<uint8_t>(pending), offset);
    file.startWriteback(offset, pending.size());
    offset += pending.size();
    pending.clear();
    return error;
  };
  auto sink = [&](llvm::ArrayRef<uint8_t> bytes) -> llvm::Error {
    hash.update(bytes);
    pending.insert(pending.end(), bytes.begin(), bytes.end());
    return pending.size() < enough ? llvm::Error::success() : flush();
  };
  auto ranges = [&](llvm::StringRef symbol,
                    int64_t layer) -> llvm::ArrayRef<float> {
    auto found = inputs.calibration.find({symbol.str(), layer});
    if (found == inputs.calibration.end())
      return {};
    return found->second;
  };
  if (llvm::Error error =
          packWeights(inputs.layout, inputs.weights, sink, ranges))
    return error;
  if (llvm::Error error = flush())
    return error;
  return hash.finish();
}

static llvm::Expected<std::string> link(const LibraryInputs &inputs,
                                        const WeightsPlace &place,
                                        llvm::StringRef path,
                                        llvm::StringRef scratch) {
  auto manifest = writeManifest(inputs, place);
  if (!manifest)
    return manifest.takeError();
  auto description = emitDescription(inputs, place, *manifest);
  if (!description)
    return description.takeError();
  LinkInputs parts;
  parts.soname = llvm::sys::path::filename(path).str();
  parts.exports = exportedFunctions(inputs, headerPrefix(path));
  parts.weightsSize = place.inside ? inputs.layout.size : 0;
  parts.objects.push_back({"description.o", *description});
  for (const VariantCode &variant : inputs.variants)
    parts.objects.push_back({variant.name + ".o", variant.object});
  for (const DeviceVariantCode &variant : inputs.deviceVariants)
    parts.objects.push_back({variant.name + ".o", variant.object});
  return linkLibrary(parts, scratch);
}

static llvm::Error checkInputs(const LibraryInputs &inputs) {
  if (inputs.variants.empty() && inputs.deviceVariants.empty())
    return llvm::createStringError("a library needs at least one variant");
  if (inputs.outputs.empty() || inputs.outputs.size() > BERTC_MAX_OUTPUTS)
    return llvm::createStringError(
        "a library has 1 to " + llvm::Twine(BERTC_MAX_OUTPUTS) +
        " outputs, got " + llvm::Twine(inputs.outputs.size()));
  if (inputs.layout.size <= 0 || inputs.layout.size % pageSize != 0)
    return llvm::createStringError(
        "the weights segment has " + llvm::Twine(inputs.layout.size) +
        " bytes, expected a positive multiple of " + llvm::Twine(pageSize));
  return llvm::Error::success();
}

static std::string beside(llvm::StringRef path, llvm::StringRef extension) {
  llvm::SmallString<256> result(path);
  llvm::sys::path::replace_extension(result, extension);
  return std::string(result);
}

llvm::Expected<LibraryFiles> bertc::writeLibrary(const LibraryInputs &inputs,
                                                 llvm::StringRef path) {
  if (llvm::Error error = checkInputs(inputs))
    return error;
  LibraryFiles result;
  result.library = path.str();
  result.header = beside(path, "h");
  auto library = OutputFile::create(path);
  if (!library)
    return library.takeError();
  auto header = OutputFile::create(result.header);
  if (!header)
    return header.takeError();
  std::string scratch = (library->getTemporaryPath() + ".link").str();

  WeightsPlace place;
  place.inside = inputs.weights && !inputs.externalWeights;
  std::optional<OutputFile> weights;
  if (inputs.weights && inputs.externalWeights) {
    result.weights = beside(path, "weights");
    place.file = llvm::sys::path::filename(result.weights).str();
    auto file = OutputFile::create(result.weights);
    if (!file)
      return file.takeError();
    weights.emplace(std::move(*file));
    auto hash = writeWeights(inputs, *weights, 0);
    if (!hash)
      return hash.takeError();
    place.hash = *hash;
  }
  auto image = link(inputs, place, path, scratch);
  if (!image)
    return image.takeError();
  if (place.inside) {
    uint64_t size = image->size();
    uint64_t offset = llvm::alignTo(size, weightsAlignment(inputs.layout.size));
    auto hash = writeWeights(inputs, *library, offset);
    if (!hash)
      return hash.takeError();
    place.hash = *hash;
    image = link(inputs, place, path, scratch);
    if (!image)
      return image.takeError();
    if (image->size() != size)
      return llvm::createStringError(
          "two links of the same library differ in size");
    if (llvm::Error error = placeWeights(*image, offset))
      return error;
  }
  if (llvm::Error error = library->write(*image))
    return error;
  if (llvm::Error error = header->write(writeHeader(
          inputs, headerPrefix(path), llvm::sys::path::filename(path))))
    return error;
  // The library last: it must not stand beside files that are not its own for
  // longer than it takes to rename them.
  if (weights)
    if (llvm::Error error = weights->commit())
      return error;
  if (llvm::Error error = header->commit())
    return error;
  if (llvm::Error error = library->commit(/*executable=*/true))
    return error;
  result.codeBytes = image->size();
  result.weightsBytes = inputs.weights ? inputs.layout.size : 0;
  result.weightsHash = place.hash;
  return result;
}

//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Header checks follow the format's own rules: eight bytes of length, a JSON
// object, then data that the tensors cover completely, without holes or
// overlap.
//
//===----------------------------------------------------------------------===//
#include "compiler/Import/Safetensors.h"

#include "compiler/Import/Json.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Process.h"
#include <sys/mman.h>

using namespace bertc;
namespace fs = llvm::sys::fs;

/// The limit of the safetensors library.
static constexpr uint64_t maxHeaderBytes = 100'000'000;
static constexpr size_t maxRank = 16;

int64_t TensorInfo::elements() const {
  // The product of the others may overflow when one of them is zero.
  if (llvm::is_contained(shape, 0))
    return 0;
  int64_t product = 1;
  for (int64_t size : shape)
    product *= size;
  return product;
}

std::string bertc::formatShape(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

SafetensorsFile::~SafetensorsFile() {
  if (descriptor >= 0) {
    fs::file_t file = descriptor;
    (void)fs::closeFile(file);
  }
}

llvm::Error SafetensorsFile::map() {
  auto fail = [&](const llvm::Twine &message, const llvm::Twine &help = "") {
    return makeError(ExitCode::BadModel, path, message, help);
  };
  llvm::Expected<fs::file_t> file = fs::openNativeFileForRead(path);
  if (!file)
    return fail("cannot open the file: " + llvm::toString(file.takeError()));
  descriptor = *file;
  fs::file_status status;
  if (std::error_code error = fs::status(descriptor, status))
    return fail("cannot read the file: " + error.message());
  if (!fs::is_regular_file(status))
    return fail("expected a regular file");
  uint64_t size = status.getSize();
  if (size < 8)
    return fail("the file is truncated, expected at least 8 bytes, got " +
                    llvm::Twine(size),
                "fetch the file again");
  std::error_code error;
  region = fs::mapped_file_region(*file, fs::mapped_file_region::readonly, size,
                                  /*offset=*/0, error);
  if (error)
    return fail("cannot map the file: " + error.message());

  llvm::StringRef content(region.const_data(), size);
  if (content.starts_with("version https://git-lfs"))
    return fail("the file is a Git LFS pointer, not the weights themselves",
                "run 'git lfs pull' in the model's repository");
  uint64_t length = llvm::support::endian::read64le(content.data());
  if (content.starts_with("PK\x03\x04") || content.starts_with("\x80\x02"))
    return fail("expected safetensors, got a PyTorch pickle",
                "save the model with save_pretrained(dir, "
                "safe_serialization=True)");
  if (length > maxHeaderBytes)
    return fail("the header is too long, expected at most " +
                    llvm::Twine(maxHeaderBytes) + " bytes, got " +
                    llvm::Twine(length),
                "this may not be a safetensors file");
  if (length > size - 8)
    return fail("the file is truncated inside the header, expected " +
                    llvm::Twine(length + 8) + " bytes or more, got " +
                    llvm::Twine(size),
                "fetch the file again");
  header = content.substr(8, length).str();
  dataStart = 8 + length;
  return llvm::Error::success();
}

/// Diagnostics inside the header count lines and columns from its first byte.
static std::string headerName(llvm::StringRef path) {
  return (path + "(header)").str();
}

/// Reads one entry of the header. `dataBytes` is what follows the header.
static llvm::Error readTensor(JsonCursor entry, uint64_t dataBytes,
                              TensorInfo &tensor) {
  if (llvm::Error error = entry.expectObject())
    return error;
  llvm::Expected<JsonCursor> dtype = entry.member("dtype");
  if (!dtype)
    return dtype.takeError();
  llvm::Expected<JsonCursor> shape = entry.member("shape");
  if (!shape)
    return shape.takeError();
  llvm::Expected<JsonCursor> offsets = entry.member("data_offsets");
  if (!offsets)
    return offsets.takeError();

  llvm::Expected<llvm::StringRef> typeName = dtype->asString();
  if (!typeName)
    return typeName.takeError();
  std::optional<ElementType> type = ElementType::parse(*typeName);
  if (!type)
    return dtype->error("unknown dtype " + quoted(*typeName) + " of tensor " +
                        quoted(tensor.name));
  tensor.type = *type;

  llvm::Expected<std::vector<JsonCursor>> sizes = shape->asArray();
  if (!sizes)
    return sizes.takeError();
  if (sizes->size() > maxRank)
    return shape->error("tensor " + quoted(tensor.name) +
                        " has too many dimensions, expected at most " +
                        llvm::Twine(maxRank) + ", got " +
                        llvm::Twine(sizes->size()));
  int64_t bits = type->bits;
  bool overflow = false, empty = false;
  for (const JsonCursor &cursor : *sizes) {
    llvm::Expected<int64_t> size = cursor.asInteger(0, INT64_MAX);
    if (!size)
      return size.takeError();
    tensor.shape.push_back(*size);
    empty |= *size == 0;
    overflow |= llvm::MulOverflow(bits, *size, bits);
  }
  if (overflow && !empty)
    return shape->error("the size of tensor " + quoted(tensor.name) +
                        " overflows, got shape " + formatShape(tensor.shape));
  uint64_t wanted = empty ? 0 : (static_cast<uint64_t>(bits) + 7) / 8;

  llvm::Expected<std::vector<JsonCursor>> range = offsets->asArray();
  if (!range)
    return range.takeError();
  if (range->size() != 2)
    return offsets->error("expected two data_offsets of tensor " +
                          quoted(tensor.name) + ", got " +
                          llvm::Twine(range->size()));
  llvm::Expected<int64_t> begin = (*range)[0].asInteger(0, INT64_MAX);
  if (!begin)
    return begin.takeError();
  llvm::Expected<int64_t> end = (*range)[1].asInteger(0, INT64_MAX);
  if (!end)
    return end.takeError();
  if (*begin > *end)
    return offsets->error("data_offsets of tensor " + quoted(tensor.name) +
                          " are reversed, got " + llvm::Twine(*begin) +
                          " and " + llvm::Twine(*end));
  if (static_cast<uint64_t>(*end) > dataBytes)
    return offsets->error("tensor " + quoted(tensor.name) +
                              " ends after the file, expected at most byte " +
                              llvm::Twine(dataBytes) + " of the data, got " +
                              llvm::Twine(*end),
                          "the file may have been cut off; fetch it again");
  tensor.offset = *begin;
  tensor.bytes = *end - *begin;
  if (tensor.bytes != wanted)
    return offsets->error("data_offsets of tensor " + quoted(tensor.name) +
                          " do not fit its shape, expected " +
                          llvm::Twine(wanted) + " bytes for " + type->name +
                          " " + formatShape(tensor.shape) + ", got " +
                          llvm::Twine(tensor.bytes));
  return llvm::Error::success();
}

llvm::Error SafetensorsFile::parseHeader() {
  llvm::StringRef text = header;
  size_t bad = 0;
  if (!llvm::json::isUTF8(text, &bad))
    return makeError(Diagnostic(
        ExitCode::BadModel, locationAt(headerName(path), text, bad),
        "invalid UTF-8 in the header", "this may not be a safetensors file"));
  llvm::Expected<std::unique_ptr<JsonDocument>> document =
      JsonDocument::parse(headerName(path), header);
  if (!document)
    return document.takeError();
  JsonCursor root = (*document)->cursor();
  if (llvm::Error error = root.expectObject())
    return error;

  uint64_t dataBytes = region.size() - dataStart;
  for (const auto &member : *root.get().getAsObject()) {
    if (member.first == "__metadata__")
      continue;
    TensorInfo tensor;
    tensor.name = member.first.str();
    tensor.file = this;
    if (llvm::Error error =
            readTensor(*root.find(member.first, /*nullIsAbsent=*/false),
                       dataBytes, tensor))
      return error;
    tensor.offset += dataStart;
    tensors.push_back(std::move(tensor));
  }
  // By position, then by name: json::Object has no order of its own.
  llvm::sort(tensors, [](const TensorInfo &a, const TensorInfo &b) {
    return std::tie(a.offset, a.bytes, a.name) <
           std::tie(b.offset, b.bytes, b.name);
  });
  return llvm::Error::success();
}

llvm::Error SafetensorsFile::checkLayout() const {
  uint64_t covered = dataStart;
  const TensorInfo *previous = nullptr;
  for (const TensorInfo &tensor : tensors) {
    if (tensor.offset < covered)
      return makeError(
          Diagnostic(ExitCode::BadModel, locate(tensor, "data_offsets"),
                     "tensor " + quoted(tensor.name) + " overlaps tensor " +
                         quoted(previous->name)));
    if (tensor.offset > covered)
      return makeError(Diagnostic(
          ExitCode::BadModel, locate(tensor, "data_offsets"),
          "no tensor covers the " + std::to_string(tensor.offset - covered) +
              " bytes before tensor " + quoted(tensor.name)));
    covered = tensor.offset + tensor.bytes;
    previous = &tensor;
  }
  if (covered != region.size())
    return makeError(ExitCode::BadModel, path,
                     "the file has " + llvm::Twine(region.size() - covered) +
                         " bytes after the last tensor, expected " +
                         llvm::Twine(covered) + " bytes, got " +
                         llvm::Twine(region.size()));
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<SafetensorsFile>>
SafetensorsFile::open(llvm::StringRef path) {
  std::unique_ptr<SafetensorsFile> file(new SafetensorsFile(path));
  if (llvm::Error error = file->map())
    return std::move(error);
  if (llvm::Error error = file->parseHeader())
    return std::move(error);
  if (llvm::Error error = file->checkLayout())
    return std::move(error);
  return file;
}

SourceLocation SafetensorsFile::locate(const TensorInfo &tensor,
                                       llvm::StringRef field) const {
  llvm::SmallVector<JsonStep, 2> steps{JsonStep(tensor.name)};
  if (!field.empty())
    steps.push_back(field);
  return locationAt(headerName(path), header,
                    locateJson(header, steps, /*atKey=*/field.empty()));
}

llvm::Error SafetensorsFile::readAsF32(const TensorInfo &tensor, int64_t first,
                                       int64_t count,
                                       float *destination) const {
  int64_t total = tensor.elements();
  if (!tensor.type.isFloat())
    return makeError(Diagnostic(
        ExitCode::BadModel, locate(tensor, "dtype"),
        "tensor " + quoted(tensor.name) +
            " has an unsupported dtype, expected F32, F16, BF16 or F64, got " +
            tensor.type.name.str()));
  if (first < 0 || count < 0 || first > total || count > total - first)
    return makeError(ExitCode::Failure, path,
                     "read outside of tensor " + quoted(tensor.name));
  // A page of a mapping that lies behind the end of the file cannot be read.
  fs::file_status status;
  if (fs::status(descriptor, status) || status.getSize() < region.size())
    return makeError(ExitCode::BadModel, path,
                     "the file was truncated while it was read",
                     "do not write to the model while it is compiled");
  unsigned bytes = tensor.type.bits / 8;
  const auto *data = reinterpret_cast<const uint8_t *>(region.const_data());
  convertToF32(tensor.type, data + tensor.offset + first * bytes, count,
               destination);
  return llvm::Error::success();
}

void SafetensorsFile::release(const TensorInfo &tensor) const {
  uint64_t page = llvm::sys::Process::getPageSizeEstimate();
  uint64_t begin = llvm::alignDown(tensor.offset, page);
  uint64_t end = tensor.offset + tensor.bytes;
  if (begin < end)
    (void)::madvise(const_cast<char *>(region.const_data()) + begin,
                    end - begin, MADV_DONTNEED);
}

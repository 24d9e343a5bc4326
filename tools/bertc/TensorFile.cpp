//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The header is checked by the importer's reader; its complaints are about a
// model there, and about an input here.
//
//===----------------------------------------------------------------------===//
#include "tools/bertc/TensorFile.h"
#include "compiler/Emit/OutputFile.h"
#include "compiler/Import/Safetensors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace bertc;
using namespace bertc::tool;

const IntTensor *TensorFile::findInteger(llvm::StringRef name) const {
  for (const IntTensor &tensor : integers)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

const FloatTensor *TensorFile::findFloat(llvm::StringRef name) const {
  for (const FloatTensor &tensor : floats)
    if (tensor.name == name)
      return &tensor;
  return nullptr;
}

static llvm::Error asBadInput(llvm::Error error) {
  return llvm::handleErrors(std::move(error), [](const ModelError &model) {
    Diagnostic diagnostic = model.getDiagnostic();
    diagnostic.category = ExitCode::BadInput;
    return bertc::makeError(std::move(diagnostic));
  });
}

static IntTensor readIntegers(const TensorInfo &tensor, llvm::StringRef bytes) {
  IntTensor result{tensor.name, tensor.shape, {}};
  bytes = bytes.substr(tensor.offset, tensor.bytes);
  namespace endian = llvm::support::endian;
  size_t size = tensor.type.bits / 8;
  for (size_t at = 0; at + size <= bytes.size(); at += size)
    result.data.push_back(
        size == 8 ? int64_t(endian::read64le(bytes.data() + at))
                  : int64_t(int32_t(endian::read32le(bytes.data() + at))));
  return result;
}

llvm::Expected<TensorFile> tool::readTensors(llvm::StringRef path) {
  auto file = SafetensorsFile::open(path);
  if (!file)
    return asBadInput(file.takeError());
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer)
    return bertc::makeError(ExitCode::BadInput, path,
                            "cannot read: " + buffer.getError().message());
  TensorFile result;
  result.path = path.str();
  for (const TensorInfo &tensor : (*file)->getTensors()) {
    if (tensor.type.name == "I64" || tensor.type.name == "I32") {
      result.integers.push_back(readIntegers(tensor, (*buffer)->getBuffer()));
    } else if (tensor.type.isFloat()) {
      FloatTensor read{tensor.name, tensor.shape, {}};
      read.data.resize(tensor.elements());
      if (llvm::Error error = (*file)->readAsF32(tensor, 0, tensor.elements(),
                                                 read.data.data()))
        return asBadInput(std::move(error));
      result.floats.push_back(std::move(read));
    } else {
      result.others.push_back(tensor.name);
    }
  }
  auto byName = [](const auto &a, const auto &b) { return a.name < b.name; };
  llvm::sort(result.floats, byName);
  llvm::sort(result.integers, byName);
  return result;
}

llvm::Error tool::writeTensors(llvm::StringRef path,
                               llvm::ArrayRef<FloatTensor> tensors) {
  std::string header;
  llvm::raw_string_ostream stream(header);
  llvm::json::OStream json(stream);
  int64_t end = 0;
  json.object([&] {
    for (const FloatTensor &tensor : tensors)
      json.attributeObject(tensor.name, [&] {
        json.attribute("dtype", "F32");
        json.attribute("shape", llvm::json::Array(tensor.shape));
        int64_t begin = end;
        end += int64_t(tensor.data.size()) * 4;
        json.attribute("data_offsets", llvm::json::Array{begin, end});
      });
  });
  // Data begin at a multiple of 8.
  header.append((8 - header.size() % 8) % 8, ' ');
  auto file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  std::string size(8, '\0');
  llvm::support::endian::write64le(size.data(), header.size());
  if (llvm::Error error = file->write(size + header))
    return error;
  uint64_t at = 8 + header.size();
  for (const FloatTensor &tensor : tensors) {
    size_t bytes = tensor.data.size() * 4;
    if (llvm::Error error = file->write(
            llvm::ArrayRef(
                reinterpret_cast<const uint8_t *>(tensor.data.data()), bytes),
            at))
      return error;
    at += bytes;
  }
  return file->commit();
}

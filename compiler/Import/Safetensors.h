//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One safetensors file, mapped into memory. Nothing of the header is trusted:
// after open() succeeds, every tensor lies inside the file, no two overlap, and
// shapes, types and sizes agree.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_COMPILER_IMPORT_SAFETENSORS_H
#define BERTC_COMPILER_IMPORT_SAFETENSORS_H

#include "compiler/Import/Diagnostics.h"
#include "compiler/Import/ElementType.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FileSystem.h"
#include <memory>
#include <string>
#include <vector>

namespace bertc {

class SafetensorsFile;

struct TensorInfo {
  std::string name; ///< As in the file.
  ElementType type;
  llvm::SmallVector<int64_t, 4> shape;
  uint64_t offset = 0; ///< Of the first byte, from the start of the file.
  uint64_t bytes = 0;
  const SafetensorsFile *file = nullptr;

  int64_t elements() const;
};

/// "[30522, 384]".
std::string formatShape(llvm::ArrayRef<int64_t> shape);

class SafetensorsFile {
public:
  static llvm::Expected<std::unique_ptr<SafetensorsFile>>
  open(llvm::StringRef path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile &) = delete;
  SafetensorsFile &operator=(const SafetensorsFile &) = delete;

  llvm::StringRef getPath() const { return path; }
  llvm::ArrayRef<TensorInfo> getTensors() const { return tensors; }

  /// Converts elements [first, first + count) of `tensor` to float32. Fails if
  /// the type is not floating point or the file has shrunk since it was opened.
  llvm::Error readAsF32(const TensorInfo &tensor, int64_t first, int64_t count,
                        float *destination) const;
  /// Gives the mapped pages of `tensor` back to the system; reading it again
  /// is possible and faults them in anew.
  void release(const TensorInfo &tensor) const;
  /// Where the header speaks of `tensor` or one of its fields.
  SourceLocation locate(const TensorInfo &tensor,
                        llvm::StringRef field = "") const;

private:
  explicit SafetensorsFile(llvm::StringRef path) : path(path.str()) {}
  llvm::Error map();
  llvm::Error parseHeader();
  llvm::Error checkLayout() const;

  std::string path;
  int descriptor = -1;
  llvm::sys::fs::mapped_file_region region;
  uint64_t dataStart = 0;
  std::string header;
  std::vector<TensorInfo> tensors;
};

} // namespace bertc

#endif // BERTC_COMPILER_IMPORT_SAFETENSORS_H

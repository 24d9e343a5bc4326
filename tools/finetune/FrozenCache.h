//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the frozen layers of a model make of each example, in a file, for all
// epochs and later trainings. The file's name and its header have the hash of
// the model and of the examples; each example has a hash of its own, checked
// whenever it is read.
//
//===----------------------------------------------------------------------===//
#ifndef BERTC_TOOLS_FINETUNE_FROZENCACHE_H
#define BERTC_TOOLS_FINETUNE_FROZENCACHE_H

#include "tools/finetune/Examples.h"
#include "llvm/Support/FileSystem.h"
#include <functional>

namespace bertc::finetune {

/// What rows are cached.
struct FrozenRows {
  uint64_t model = 0; ///< Of library and processor: what else may change bits.
  uint32_t width = 0; ///< Floats of a row.
  bool perToken = false; ///< Rows of tokens, else of sequences.
};

class FrozenCache {
public:
  /// The rows of examples [first, end), one after another.
  using Compute = std::function<llvm::Expected<std::vector<float>>(
      uint32_t first, uint32_t end)>;

  /// Opens the file in `folder` that holds the rows of `examples`; if there is
  /// none, computes and writes it, `tokens` at a time. A file that is damaged
  /// or of something else is an error.
  static llvm::Expected<std::unique_ptr<FrozenCache>>
  open(llvm::StringRef folder, const FrozenRows &rows,
       const ExampleSet &examples, size_t tokens, const Compute &compute);
  ~FrozenCache();
  FrozenCache(const FrozenCache &) = delete;

  /// The rows of examples in this order.
  llvm::Expected<std::vector<float>>
  read(llvm::ArrayRef<uint32_t> indexes) const;

  llvm::StringRef path() const { return file; }
  uint64_t bytes() const;
  bool wasMade() const { return made; }

private:
  FrozenCache() = default;
  llvm::Error write(size_t tokens, const Compute &compute);
  llvm::Error load();

  std::string file;
  FrozenRows rows;
  uint64_t examplesHash = 0;
  std::vector<uint64_t> offsets; ///< Of examples, in floats, and the end.
  std::vector<uint64_t> hashes;  ///< Of examples.
  llvm::sys::fs::file_t handle = llvm::sys::fs::kInvalidFile;
  bool made = false;
};

} // namespace bertc::finetune

#endif // BERTC_TOOLS_FINETUNE_FROZENCACHE_H
